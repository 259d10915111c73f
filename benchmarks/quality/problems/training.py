"""Real training, done here: scikit-learn and LightGBM pipelines on scikit-learn's data sets.

Spaces are what a practitioner would search: mixed, with conditions (a kernel's own
parameters, a solver's own parameters, a learner's own parameters). Every value is a 3-fold
cross-validation with fixed folds and fixed random states, so problems are deterministic; a
training that raises or diverges is a failure (NaN). Values are cached on disk by
configuration, floats first rounded to 6 significant digits.

Data: scikit-learn's bundled copies of the UCI sets breast cancer (Wisconsin), wine and digits
and of Efron's diabetes data. Licence: BSD-3 (scikit-learn); the UCI sets are CC BY 4.0.
"""

from __future__ import annotations

import json
import math
import sqlite3
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from ..space import Categorical, Float, Int, Space
from .problem import Loader, Problem, deterministic

CACHE = Path(__file__).resolve().parents[1] / ".cache"
SCALERS = ("none", "standard", "minmax", "quantile")
Params = dict[str, Any]


@cache
def _data(name: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    keep = np.random.default_rng(0).permutation(len(X))[:rows]
    return X[keep], y[keep]


def _scaled(kind: str, *steps: Any) -> Any:
    from sklearn import preprocessing
    from sklearn.pipeline import make_pipeline

    scaler = {
        "none": "passthrough",
        "standard": preprocessing.StandardScaler(),
        "minmax": preprocessing.MinMaxScaler(),
        "quantile": preprocessing.QuantileTransformer(n_quantiles=20, output_distribution="normal"),
    }[kind]
    return make_pipeline(scaler, *steps)


def _cross_validate(model: Any, data: str, rows: int, metric: str) -> float:
    """Mean loss over three folds: error rate, log loss, or mean squared error over variance."""
    from sklearn.metrics import log_loss
    from sklearn.model_selection import KFold, StratifiedKFold

    X, y = _data(data, rows)
    folds = (KFold if metric == "mse" else StratifiedKFold)(3, shuffle=True, random_state=0)
    losses = []
    for train, test in folds.split(X, y):
        model.fit(X[train], y[train])
        if metric == "error":
            losses.append(np.mean(model.predict(X[test]) != y[test]))
        elif metric == "log":
            losses.append(log_loss(y[test], model.predict_proba(X[test]), labels=np.unique(y)))
        else:
            losses.append(np.mean((model.predict(X[test]) - y[test]) ** 2) / np.var(y[train]))
    return float(np.mean(losses))


def svc(p: Params) -> Any:
    """Support vector classifier."""
    from sklearn.svm import SVC

    own = {k: p[k] for k in ("gamma", "degree", "coef0") if k in p}
    weight = "balanced" if p["balanced"] else None
    return _scaled(p["scaler"], SVC(C=p["C"], kernel=p["kernel"], class_weight=weight, max_iter=3000,
                                    shrinking=p["shrinking"], **own))  # fmt: skip


SVC_SPACE = Space({
    "scaler": Categorical(SCALERS),
    "kernel": Categorical(("linear", "rbf", "poly", "sigmoid")),
    "C": Float(1e-4, 1e4, log=True),
    "gamma": Float(1e-6, 10.0, log=True).when("kernel", "rbf", "poly", "sigmoid"),
    "degree": Int(2, 5).when("kernel", "poly"),
    "coef0": Float(-1.0, 1.0).when("kernel", "poly", "sigmoid"),
    "balanced": Categorical((False, True)),
    "shrinking": Categorical((False, True)),
})  # fmt: skip


def svr(p: Params) -> Any:
    """Support vector regression."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    own = {k: p[k] for k in ("gamma", "degree") if k in p}
    model = SVR(kernel=p["kernel"], C=p["C"], epsilon=p["epsilon"], max_iter=3000, **own)
    return TransformedTargetRegressor(_scaled(p["scaler"], model), transformer=StandardScaler())


SVR_SPACE = Space({
    "scaler": Categorical(SCALERS),
    "kernel": Categorical(("linear", "rbf", "poly")),
    "C": Float(1e-4, 1e3, log=True),
    "epsilon": Float(1e-3, 1.0, log=True),
    "gamma": Float(1e-5, 10.0, log=True).when("kernel", "rbf", "poly"),
    "degree": Int(2, 4).when("kernel", "poly"),
})  # fmt: skip


def knn(p: Params) -> Any:
    """Nearest neighbours after an optional projection."""
    from sklearn.decomposition import PCA
    from sklearn.neighbors import KNeighborsClassifier

    project = PCA(p["components"], whiten=p["whiten"], random_state=0) if p["pca"] else "passthrough"
    power = {"p": p["power"]} if "power" in p else {}
    return _scaled(p["scaler"], project,
                   KNeighborsClassifier(p["neighbours"], weights=p["weights"], metric=p["metric"],
                                        algorithm="brute", **power))  # fmt: skip


KNN_SPACE = Space({
    "scaler": Categorical(SCALERS),
    "pca": Categorical((False, True)),
    "components": Int(2, 60, log=True).when("pca", True),
    "whiten": Categorical((False, True)).when("pca", True),
    "neighbours": Int(1, 60, log=True),
    "weights": Categorical(("uniform", "distance")),
    "metric": Categorical(("minkowski", "cosine", "chebyshev")),
    "power": Float(1.0, 4.0, step=0.5).when("metric", "minkowski"),
})  # fmt: skip


def elastic(p: Params) -> Any:
    """Elastic net over polynomial features."""
    from sklearn.linear_model import ElasticNet, Ridge
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    model = (
        ElasticNet(p["alpha"], l1_ratio=p["l1_ratio"], max_iter=300, selection=p["selection"],
                   random_state=0)
        if p["penalty"] == "elastic" else Ridge(p["ridge"])
    )  # fmt: skip
    features = PolynomialFeatures(p["degree"], interaction_only=p["interaction_only"],
                                  include_bias=False)  # fmt: skip
    return _scaled(p["scaler"], features, StandardScaler(), model)


ELASTIC_SPACE = Space({
    "scaler": Categorical(SCALERS),
    "degree": Int(1, 2),
    "interaction_only": Categorical((False, True)),
    "penalty": Categorical(("elastic", "ridge")),
    "alpha": Float(1e-3, 1e2, log=True).when("penalty", "elastic"),
    "l1_ratio": Float(0.0, 1.0).when("penalty", "elastic"),
    "selection": Categorical(("cyclic", "random")).when("penalty", "elastic"),
    "ridge": Float(1e-3, 1e5, log=True).when("penalty", "ridge"),
})  # fmt: skip


def lightgbm(task: str, p: Params) -> Any:
    """Gradient boosting."""
    import lightgbm

    make = lightgbm.LGBMRegressor if task == "regression" else lightgbm.LGBMClassifier
    bagging = {"subsample": p["subsample"], "subsample_freq": 1} if p["bagging"] else {}
    return make(
        n_estimators=p["trees"], learning_rate=p["learning_rate"], num_leaves=p["leaves"],
        min_child_samples=p["min_child"], colsample_bytree=p["columns"], reg_alpha=p["l1"],
        reg_lambda=p["l2"], extra_trees=p["extra_trees"], random_state=0, n_jobs=1, verbose=-1,
        deterministic=True, force_row_wise=True, **bagging,
    )  # fmt: skip


LIGHTGBM_SPACE = Space({
    "trees": Int(5, 60, log=True),
    "learning_rate": Float(1e-3, 1.0, log=True),
    "leaves": Int(2, 32, log=True),
    "min_child": Int(1, 60, log=True),
    "columns": Float(0.1, 1.0),
    "l1": Float(1e-6, 10.0, log=True),
    "l2": Float(1e-6, 100.0, log=True),
    "extra_trees": Categorical((False, True)),
    "bagging": Categorical((False, True)),
    "subsample": Float(0.3, 1.0).when("bagging", True),
})  # fmt: skip


def forest(p: Params) -> Any:
    """Random or extremely randomized trees."""
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

    shared = {"n_estimators": p["trees"], "criterion": p["criterion"], "max_depth": p["depth"],
              "min_samples_leaf": p["leaf"], "max_features": p["features"], "random_state": 0}  # fmt: skip
    if p["kind"] == "forest":
        return RandomForestClassifier(max_samples=p["samples"], **shared)
    return ExtraTreesClassifier(bootstrap=False, **shared)


FOREST_SPACE = Space({
    "kind": Categorical(("forest", "extra")),
    "trees": Int(2, 16, log=True),
    "criterion": Categorical(("gini", "entropy")),
    "depth": Int(1, 16, log=True),
    "leaf": Int(1, 30, log=True),
    "features": Float(0.05, 1.0),
    "samples": Float(0.1, 1.0).when("kind", "forest"),
})  # fmt: skip


def mlp(p: Params) -> Any:
    """A small network; each solver has its own parameters."""
    from sklearn.neural_network import MLPClassifier

    own = {"learning_rate_init": p["lr"]}
    if p["solver"] == "sgd":
        own |= {"momentum": p["momentum"], "nesterovs_momentum": p["nesterov"]}
    else:
        own |= {"beta_1": 1.0 - p["one_minus_beta1"]}
    layers = (p["width"],) * p["layers"]
    return _scaled(p["scaler"], MLPClassifier(layers, p["activation"], solver=p["solver"], alpha=p["l2"],
                                              batch_size=p["batch"], max_iter=6, random_state=0,
                                              **own))  # fmt: skip


MLP_SPACE = Space({
    "scaler": Categorical(("none", "standard", "minmax")),
    "layers": Int(1, 3),
    "width": Int(4, 48, log=True),
    "activation": Categorical(("relu", "tanh", "logistic")),
    "batch": Int(24, 128, log=True),
    "l2": Float(1e-7, 10.0, log=True),
    "lr": Float(1e-5, 1.0, log=True),
    "solver": Categorical(("adam", "sgd")),
    "momentum": Float(0.0, 0.99).when("solver", "sgd"),
    "nesterov": Categorical((False, True)).when("solver", "sgd"),
    "one_minus_beta1": Float(1e-3, 1.0, log=True).when("solver", "adam"),
})  # fmt: skip


def learner(p: Params) -> Any:
    """Choose a learner and its own parameters: the AutoML setting."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    kind = p["learner"]
    if kind == "logistic":
        model: Any = LogisticRegression(C=p["logistic_C"], max_iter=40, solver="lbfgs",
                                        fit_intercept=p["intercept"])  # fmt: skip
    elif kind == "knn":
        model = KNeighborsClassifier(p["neighbours"], weights=p["weights"])
    elif kind == "tree":
        model = DecisionTreeClassifier(max_depth=p["depth"], min_samples_leaf=p["leaf"],
                                       ccp_alpha=p["prune"], random_state=0)  # fmt: skip
    else:
        model = GaussianNB(var_smoothing=p["smoothing"])
    return _scaled(p["scaler"], model)


LEARNER_SPACE = Space({
    "scaler": Categorical(SCALERS),
    "learner": Categorical(("logistic", "knn", "tree", "bayes")),
    "logistic_C": Float(1e-5, 1e4, log=True).when("learner", "logistic"),
    "intercept": Categorical((True, False)).when("learner", "logistic"),
    "neighbours": Int(1, 80, log=True).when("learner", "knn"),
    "weights": Categorical(("uniform", "distance")).when("learner", "knn"),
    "depth": Int(1, 12).when("learner", "tree"),
    "leaf": Int(1, 40, log=True).when("learner", "tree"),
    "prune": Float(1e-5, 0.1, log=True).when("learner", "tree"),
    "smoothing": Float(1e-10, 1.0, log=True).when("learner", "bayes"),
})  # fmt: skip


class Cache:
    """Values of configurations already trained, shared by all processes of this machine."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(file, timeout=60.0, isolation_level=None)
        self.db.execute("pragma journal_mode=wal")
        self.db.execute("pragma synchronous=off")
        self.db.execute("create table if not exists runs (key text primary key, value real)")

    def get(self, key: str, compute: Callable[[], float]) -> float:
        """Return the value of ``key``, computing and keeping it the first time."""
        row = self.db.execute("select value from runs where key = ?", (key,)).fetchone()
        if row is None:
            row = (compute(),)
            kept = None if math.isnan(row[0]) else row[0]
            self.db.execute("insert or ignore into runs values (?, ?)", (key, kept))
        return math.nan if row[0] is None else row[0]


@cache
def _cache() -> Cache:
    return Cache(CACHE / "training.sqlite")


def problem(name: str, space: Space, model: Callable[[Params], Any], data: str, rows: int, metric: str) -> Problem:
    """State one training problem."""
    import sklearn

    version = "1-sklearn" + ".".join(sklearn.__version__.split(".")[:2])
    if isinstance(model, partial):  # LightGBM
        import lightgbm as library

        version += "-lightgbm" + library.__version__.split(".")[0]

    def train(params: Params) -> float:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return _cross_validate(model(params), data, rows, metric)
            except (ValueError, FloatingPointError, np.linalg.LinAlgError):
                return math.nan

    def value(params: Params) -> float:
        rounded = {k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in params.items()}
        key = json.dumps([name, version, rounded], sort_keys=True)
        return _cache().get(key, lambda: train(rounded))

    return Problem(name, space, deterministic(value), "scikit-learn data sets, trained here",
                   "BSD-3; data CC BY 4.0", costly=True, version=version)  # fmt: skip


PROBLEMS: dict[str, Loader] = {
    name: partial(problem, name, space, model, data, rows, metric)
    for name, space, model, data, rows, metric in (
        ("sklearn/svc-breast_cancer", SVC_SPACE, svc, "breast_cancer", 300, "error"),
        ("sklearn/svr-diabetes", SVR_SPACE, svr, "diabetes", 240, "mse"),
        ("sklearn/knn-digits", KNN_SPACE, knn, "digits", 300, "error"),
        ("sklearn/elastic-diabetes", ELASTIC_SPACE, elastic, "diabetes", 442, "mse"),
        ("sklearn/lightgbm-diabetes", LIGHTGBM_SPACE, partial(lightgbm, "regression"), "diabetes", 442, "mse"),
        ("sklearn/lightgbm-wine", LIGHTGBM_SPACE, partial(lightgbm, "classes"), "wine", 178, "log"),
        ("sklearn/forest-breast_cancer", FOREST_SPACE, forest, "breast_cancer", 300, "log"),
        ("sklearn/mlp-digits", MLP_SPACE, mlp, "digits", 240, "log"),
        ("sklearn/learner-wine", LEARNER_SPACE, learner, "wine", 178, "log"),
        ("sklearn/learner-digits", LEARNER_SPACE, learner, "digits", 240, "log"),
    )
}
