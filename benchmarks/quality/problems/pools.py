"""Lists of real training runs at scattered points; see `problem.pool` for the lookup.

Every listed point is used once per run, and budgets stop at a quarter of a list, because
beyond that even a blind optimizer is led to the best points.

Sources and licences
--------------------
xgb, deepar : github geoalgo/A-Quantile-based-Approach-for-Hyperparameter-Transfer-Learning
    (Salinas et al., ICML 2020), Apache-2.0.
xgb48 : github huawei-noah/HEBO, folder NAP (Maraval et al. 2023), MIT. The columns are
    unnamed in the source; columns 2 to 5 are treated as logarithmic.
taskset : github machinelearningnuremberg/DyHPO, from Google TaskSet (adam8p), Apache-2.0;
    losses span decades and up to a quarter diverged (NaN): scored on the log of the loss.
nmt : github Este1le/hpo_nmt (Zhang and Duh, TACL 2020), MIT.
"""

from __future__ import annotations

import csv
import gzip
import json
from functools import partial

import numpy as np

from ..space import Float, Int, Ordinal, Space
from .problem import Loader, Problem, data_folder, pool

QUANTILE = "github geoalgo/A-Quantile-based-Approach-for-Hyperparameter-Transfer-Learning"


def _problem(
    name: str,
    space: Space,
    rows: list[dict],
    values: np.ndarray,
    source: str,
    licence: str,
    score: str = "linear",
) -> Problem:
    return Problem(
        name, space, pool(space, rows, values), source, licence, score,
        best=float(np.nanmin(values)), max_budget=len(rows) // 4,
    )  # fmt: skip


def _floats(columns: dict[str, np.ndarray], log: tuple[str, ...] = ()) -> Space:
    return Space({n: Float(v.min(), v.max(), log=n in log) for n, v in columns.items()})


def quantile(name: str, file: str, metric: str, integers: tuple[str, ...], score: str) -> Problem:
    """XGBoost and DeepAR runs; the columns are already logs where their name says so."""
    path = data_folder("quantile_transfer") / f"{file}.csv.gz"
    with gzip.open(path, "rt") as stream:
        rows = list(csv.DictReader(stream))
    columns = {k: np.array([float(r[k]) for r in rows]) for k in rows[0] if k.startswith("hp_")}
    space = Space({n: Int(v.min(), v.max()) if n in integers else Float(v.min(), v.max()) for n, v in columns.items()})
    listed = [{n: int(v[i]) if n in integers else v[i] for n, v in columns.items()} for i in range(len(rows))]
    values = np.array([float(r[metric]) for r in rows])
    return _problem(name, space, listed, values, QUANTILE, "Apache-2.0", score)


def xgb48(name: str, index: int) -> Problem:
    """XGBoost runs over six unnamed parameters."""
    with np.load(data_folder("xgb48_nap") / f"hpobenchXGB_{index}.npz") as data:
        X, y = data["X"], data["y"].ravel()
    columns = {f"x{j}": X[:, j] for j in range(X.shape[1])}
    space = _floats(columns, log=("x2", "x3", "x4", "x5"))
    rows = [dict(zip(columns, map(float, row), strict=True)) for row in X]
    return _problem(name, space, rows, y, "github huawei-noah/HEBO NAP", "MIT")


def taskset(name: str, file: str) -> Problem:
    """Text classification by recurrent networks: 8 optimizer parameters over many decades."""
    path = data_folder("taskset_nlp") / f"FixedTextRNNClassification_imdb_{file}.json"
    runs = json.loads(path.read_text())
    rows = []
    for run in runs:
        hp = dict(run["hp"])
        for beta in ("beta1", "beta2"):  # natural scale: the distance to 1
            hp[f"one_minus_{beta}"] = max(1.0 - hp.pop(beta), 1e-8)
        rows.append(hp)
    columns = {n: np.array([r[n] for r in rows]) for n in rows[0]}
    space = _floats(columns, log=tuple(columns))
    values = np.array([r["valid"]["loss"][-1] for r in runs], dtype=float)
    return _problem(name, space, rows, values, "github machinelearningnuremberg/DyHPO",
                    "Apache-2.0", "log")  # fmt: skip


def nmt(name: str, task: str) -> Problem:
    """Transformers for translation: -BLEU over six gridded parameters."""
    folder = data_folder("nmt_hpo")
    X = np.loadtxt(folder / f"{task}.hyps", ndmin=2)
    bleu = np.loadtxt(folder / f"{task}.evals", ndmin=2)[:, 0]
    fields = ("bpe_symbols", "num_layers", "num_embed", "ff_num_hidden", "attention_heads",
              "learning_rate")  # fmt: skip
    space = Space({n: Ordinal(sorted(set(X[:, j].tolist()))) for j, n in enumerate(fields)})
    rows = [dict(zip(fields, row, strict=True)) for row in X.tolist()]
    return _problem(name, space, rows, -bleu, "github Este1le/hpo_nmt", "MIT")


PROBLEMS: dict[str, Loader] = {}
for _task, _score in (("a6a", "linear"), ("german.numer", "linear"), ("ijcnn1", "linear"),
                      ("svmguide1", "linear"), ("skin_nonskin", "log")):  # fmt: skip
    PROBLEMS[f"xgb/{_task}"] = partial(quantile, f"xgb/{_task}", f"xgboost_{_task}", "metric_error", ("hp_max_depth_index",), _score)
for _index in (0, 2, 10, 14, 18, 24, 30, 34, 40, 46):  # those with fewest ties at the top
    PROBLEMS[f"xgb48/{_index}"] = partial(xgb48, f"xgb48/{_index}", _index)
for _file in ("patch128_LSTM128_avg_bs64", "patch128_LSTM128_embed128_bs64",
              "patch32_GRU64_avg_bs128", "patch32_IRNN64_relu_last_bs128",
              "patch32_LSTM128_bs128", "patch32_VRNN64_relu_avg_bs128"):  # fmt: skip
    PROBLEMS[f"taskset/{_file}"] = partial(taskset, f"taskset/{_file}", _file)
for _task in ("electricity", "m4-Daily", "m4-Monthly", "m4-Weekly", "solar", "wiki-rolling"):
    PROBLEMS[f"deepar/{_task}"] = partial(quantile, f"deepar/{_task}", f"deepar_{_task}", "metric_CRPS", (), "log")
PROBLEMS["nmt/so-en"] = partial(nmt, "nmt/so-en", "so-en")
PROBLEMS["nmt/en-ja"] = partial(nmt, "nmt/en-ja", "en-ja")
