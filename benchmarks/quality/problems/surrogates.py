"""Neural and boosted-tree surrogates fitted to real training runs: continuous and conditional.

Sources and licences
--------------------
yahpo-* : github slds-lmu/yahpo_data, Apache-2.0. ``rbv2_xgboost`` and ``iaml_glmnet`` are the
    published YAHPO Gym 1.0.2 surrogates; ``rbv2_svm``, ``rbv2_super`` and ``iaml_xgboost`` are
    pre-release surrogates of the same project (not the published benchmark, so compare only
    results obtained here). Needs the package `onnxruntime`.
hss : github facebook/Ax, folder ax/benchmark/problems/surrogate/hss, MIT: convolutional networks
    with switches that add parameters. Needs the package `xgboost`. Optima from the source.

The full training size is used, inactive parameters are encoded as the source does (0, or its
"#na#" level), and predictions of errors are clipped to [0, 1].
"""

from __future__ import annotations

import json
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from ..space import Categorical, Float, Int, Param, Space
from .problem import Loader, Problem, data_folder, deterministic

SUPER = (
    "svm.cost svm.gamma svm.tolerance svm.degree glmnet.alpha glmnet.s rpart.cp rpart.maxdepth "
    "rpart.minbucket rpart.minsplit ranger.num.trees ranger.sample.fraction ranger.mtry.power "
    "ranger.min.node.size ranger.num.random.splits aknn.k aknn.M aknn.ef aknn.ef_construction "
    "xgboost.nrounds xgboost.eta xgboost.gamma xgboost.lambda xgboost.alpha xgboost.subsample "
    "xgboost.max_depth xgboost.min_child_weight xgboost.colsample_bytree "
    "xgboost.colsample_bylevel xgboost.rate_drop xgboost.skip_drop"
)
XGBOOST = "nrounds eta gamma lambda alpha subsample max_depth min_child_weight colsample_bytree colsample_bylevel rate_drop skip_drop"
# scenario: model file, categorical inputs, numeric inputs (order of the network), output, sign
SCENARIOS: dict[str, tuple[str, str, str, int, float]] = {
    "rbv2_xgboost": ("v1/rbv2_xgboost/model.onnx", "task_id booster num.impute.selected.cpo",
                     f"{XGBOOST} trainsize repl", 0, -1.0),
    "iaml_glmnet": ("v1/iaml_glmnet/model.onnx", "task_id", "alpha s trainsize", 3, 1.0),
    "rbv2_svm": ("v0/rbv2_svm/new_model.onnx", "task_id kernel num.impute.selected.cpo",
                 "cost gamma tolerance degree trainsize repl", 0, 1.0),
    "rbv2_super": ("v0/rbv2_super/new_model.onnx",
                   "task_id learner svm.kernel ranger.respect.unordered.factors ranger.splitrule "
                   "aknn.distance xgboost.booster num.impute.selected.cpo",
                   f"{SUPER} trainsize repl", 0, 1.0),
    "iaml_xgboost": ("v0/iaml_xgboost/new_model.onnx", "task_id booster",
                     f"{XGBOOST} trainsize", 3, 1.0),
}  # fmt: skip
FIXED = {"trainsize": 1.0, "repl": 10.0}


def _space(file: Path) -> Space:
    """Read a ConfigSpace JSON file, without the data set and the fidelities."""
    described = json.loads(file.read_text())
    params: dict[str, Param] = {}
    for h in described["hyperparameters"]:
        if h["name"] == "task_id" or h["name"] in FIXED:
            continue
        if h["type"] == "categorical":
            params[h["name"]] = Categorical(h["choices"])
        else:
            make = Int if h["type"] == "uniform_int" else Float
            params[h["name"]] = make(h["lower"], h["upper"], log=h["log"])
    for condition in described["conditions"]:
        # an AND names the nearer parent first; the farther one is that parent's own condition
        nearest = condition["conditions"][0] if condition["type"] == "AND" else condition
        values = nearest.get("values") or [nearest["value"]]
        child = nearest["child"]
        params[child] = params[child].when(nearest["parent"], *values)
    ordered: dict[str, Param] = {}
    while len(ordered) < len(params):
        for name, param in params.items():
            if param.parent is None or param.parent in ordered:
                ordered.setdefault(name, param)
    return Space(ordered)


@cache
def _session(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def yahpo(name: str, scenario: str, instance: str) -> Problem:
    """One data set of a YAHPO scenario: misclassification rate, or log loss for iaml."""
    model, cats, conts, output, sign = SCENARIOS[scenario]
    file = data_folder("yahpo_surrogates") / model
    levels = json.loads((file.parent / "encoding.json").read_text())
    space = _space(file.parent / "config_space.json")
    session = _session(file)
    fixed = {**FIXED, "task_id": instance}
    cat_names, cont_names = cats.split(), conts.split()

    def value(params: dict[str, Any]) -> float:
        given = {**params, **fixed}
        x_cat = [levels[n][given[n]] if n in given else 0 for n in cat_names]
        x_cont = [given.get(n, 0.0) for n in cont_names]
        out = session.run(None, {"x_cat": np.array([x_cat], np.int32),
                                 "x_cont": np.array([x_cont], np.float32)})[0]  # fmt: skip
        predicted = sign * float(out[0, output])
        if output == 3:
            return max(predicted, 0.0)
        return min(max(predicted + (sign < 0), 0.0), 1.0)

    return Problem(name, space, deterministic(value),
                   "github slds-lmu/yahpo_data", "Apache-2.0")  # fmt: skip


def hss(name: str, task: str, optimum: float) -> Problem:
    """Accuracy of a network whose booleans switch further parameters on."""
    import xgboost

    folder = data_folder("ax_hss")
    models = [xgboost.Booster(model_file=str(folder / f"{task}_xgb_model_{i}.json")) for i in range(4)]
    for model in models:
        model.set_param({"nthread": 1})
    on = (True,)
    if task == "mnist":
        space = Space({
            "lr": Float(1e-5, 1.0, log=True),
            "use_dropout": Categorical((False, True)),
            "use_weight_decay": Categorical((False, True)),
            "dropout": Float(0.1, 0.5).when("use_dropout", *on),
            "weight_decay": Float(1e-5, 1.0, log=True).when("use_weight_decay", *on),
        })  # fmt: skip
        switches = ("use_dropout", "use_weight_decay")
        inputs = (("lr",), ("lr", "weight_decay"), ("lr", "dropout"),
                  ("lr", "dropout", "weight_decay"))  # fmt: skip
    else:
        space = Space({
            "lr": Float(1e-5, 1e-1, log=True),
            "two_more_blocks": Categorical((False, True)),
            "use_softplus_activation": Categorical((False, True)),
            "use_weight_decay": Categorical((False, True)),
            "softplus_beta": Float(0.5, 2.0).when("use_softplus_activation", *on),
            "weight_decay": Float(1e-8, 1e-2, log=True).when("use_weight_decay", *on),
        })  # fmt: skip
        switches = ("use_softplus_activation", "use_weight_decay")
        start = ("lr", "two_more_blocks")
        inputs = (start, (*start, "weight_decay"), (*start, "softplus_beta"),
                  (*start, "softplus_beta", "weight_decay"))  # fmt: skip

    def value(params: dict[str, Any]) -> float:
        which = 2 * params[switches[0]] + params[switches[1]]
        row = np.array([[float(params[n]) for n in inputs[which]]])
        return -float(models[which].inplace_predict(row)[0])

    return Problem(name, space, deterministic(value), "github facebook/Ax hss", "MIT",
                   best=-optimum)  # fmt: skip


PROBLEMS: dict[str, Loader] = {}
for _scenario, _instances in (
    ("rbv2_xgboost", ("11", "469", "1485", "40981", "41146", "4534")),
    ("rbv2_svm", ("1067", "14", "22", "4538")),
    ("rbv2_super", ("1063", "11", "1485", "41142")),
    ("iaml_xgboost", ("41146", "1067")),
    ("iaml_glmnet", ("1489",)),
):
    for _instance in _instances:
        _name = f"yahpo-{_scenario.split('_')[1] if _scenario[:4] == 'rbv2' else 'iaml'}/"
        _name += _instance if _scenario[:4] == "rbv2" else f"{_scenario[5:]}-{_instance}"
        PROBLEMS[_name] = partial(yahpo, _name, _scenario, _instance)
for _task, _optimum in (("mnist", 1.0790634), ("cifar10", 0.82043886)):
    PROBLEMS[f"hss/{_task}"] = partial(hss, f"hss/{_task}", _task, _optimum)
