"""The scikit-learn adapter; scikit-learn's own checks of estimators are in test_sklearn_checks.py."""

from __future__ import annotations

import pickle
import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, make_scorer
from sklearn.model_selection import GroupKFold, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import estimator_checks
from threadpoolctl import threadpool_limits

import hpo_fast as hf
from hpo_fast.adapters.sklearn import SearchCV, to_space

X, Y = load_iris(return_X_y=True)


class Fake(ClassifierMixin, BaseEstimator):
    """Scores -(a - 3)^2 - b on any data, and fails where a is below `fails`."""

    def __init__(self, a: float = 0.0, b: float = 0.0, kind: Any = "x", fails: float = -1.0) -> None:
        self.a = a
        self.b = b
        self.kind = kind
        self.fails = fails

    def fit(self, X: Any, y: Any = None) -> Fake:
        if self.a < self.fails:
            raise RuntimeError("too small")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        return float(-((self.a - 3) ** 2) - self.b)


A = hf.Space({"a": hf.Float(0, 10)})


def columns(search: Any) -> list[float]:
    return [p["a"] for p in search.cv_results_["params"]]


def test_the_optimizer_is_asked_and_told_batch_by_batch() -> None:
    search = SearchCV(Fake(), A, n_iter=14, batch_size=4, cv=2, random_state=5).fit(X, Y)
    optimizer = hf.Optimizer(A, "auto", "maximize", int(np.random.RandomState(5).randint(np.iinfo(np.int32).max)))
    expected: list[float] = []
    for size in (4, 4, 4, 2):
        trials = optimizer.ask(size)
        optimizer.tell(trials, [-((t["a"] - 3) ** 2) for t in trials])
        expected += [t["a"] for t in trials]
    assert columns(search) == expected
    assert search.best_params_ == optimizer.best_params
    assert search.best_score_ == optimizer.best_value
    assert search.best_estimator_.a == search.best_params_["a"]


def test_results_are_those_of_a_randomized_search_over_the_same_candidates() -> None:
    space = hf.Space({"C": hf.Float(1e-3, 1e3, log=True), "gamma": hf.Float(1e-4, 10, log=True)})
    search = SearchCV(SVC(), space, n_iter=6, cv=3, random_state=0, return_train_score=True, scoring=["accuracy", "f1_macro"], refit="accuracy").fit(X, Y)
    peer = RandomizedSearchCV(SVC(), {"C": [1]}, n_iter=1, cv=3, return_train_score=True, scoring=["accuracy", "f1_macro"], refit="accuracy").fit(X, Y)
    assert list(search.cv_results_) == [k for k in peer.cv_results_ if not k.startswith("param")][:4] + ["param_C", "param_gamma", "params"] + [
        k for k in peer.cv_results_ if "test" in k or "train" in k
    ]
    for i, params in enumerate(search.cv_results_["params"]):
        assert search.cv_results_["mean_test_accuracy"][i] == cross_val_score(SVC(**params), X, Y, cv=3).mean()
    assert all(len(column) == 6 for column in search.cv_results_.values())
    assert search.predict(X).shape == Y.shape


def test_it_beats_random_search() -> None:
    searched = SearchCV(Fake(), A, n_iter=25, cv=2, random_state=0).fit(X, Y)
    drawn = RandomizedSearchCV(Fake(), {"a": stats.uniform(0, 10)}, n_iter=25, cv=2, random_state=0).fit(X, Y)
    assert searched.best_score_ > drawn.best_score_


@pytest.mark.parametrize("sampler", ["auto", "gp", "tpe", "random", "sobol", hf.samplers.TPE(n_startup=3)])
def test_reproducible_with_any_number_of_workers(sampler: Any) -> None:
    runs = [SearchCV(Fake(), A, n_iter=7, sampler=sampler, batch_size=3, n_jobs=jobs, cv=2, random_state=1).fit(X, Y) for jobs in (1, 2)]
    assert columns(runs[0]) == columns(runs[1])
    assert columns(SearchCV(Fake(), A, n_iter=7, sampler=sampler, cv=2, random_state=2).fit(X, Y)) != columns(runs[0])


def test_a_batch_is_as_large_as_the_number_of_workers() -> None:
    two = SearchCV(Fake(), A, n_iter=5, n_jobs=2, cv=2, random_state=1).fit(X, Y)
    assert columns(two) == columns(SearchCV(Fake(), A, n_iter=5, batch_size=2, cv=2, random_state=1).fit(X, Y))


def test_random_state_objects_advance_and_none_differs() -> None:
    state = np.random.RandomState(0)
    search = SearchCV(Fake(), A, n_iter=2, cv=2, random_state=state)
    assert columns(search.fit(X, Y)) != columns(search.fit(X, Y))
    search = SearchCV(Fake(), A, n_iter=2, cv=2)
    assert columns(search.fit(X, Y)) != columns(search.fit(X, Y))


def test_conditional_and_derived_parameters() -> None:
    space = hf.Space({"kind": hf.Categorical(["x", "y"]), "a": hf.Float(1, 9).when("kind", "y")}).derive("b", lambda p: p.a if p.kind == "y" else 7.0)
    search = SearchCV(Fake(a=0.5), space, n_iter=12, cv=2, random_state=0).fit(X, Y)
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        assert ("a" in params) == (params["kind"] == "y")
        a = params.get("a", 0.5)
        assert params["b"] == (a if "a" in params else 7.0)
        assert score == pytest.approx(-((a - 3) ** 2) - params["b"])
    assert search.cv_results_["param_a"].mask.any()


def test_a_finite_space_ends_the_search() -> None:
    search = SearchCV(Fake(), {"a": [1, 2, 3], "kind": ["x", "y"]}, n_iter=100, cv=2, random_state=0).fit(X, Y)
    assert len(search.cv_results_["params"]) == 6
    assert search.best_params_["a"] == 3


@pytest.mark.parametrize("batch_size", [1, 3, 20])
def test_failed_fits_are_kept_and_learned_from(batch_size: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitFailedWarning)
        warnings.filterwarnings("ignore", "One or more of the (test|train) scores are non-finite")
        search = SearchCV(Fake(fails=2.5), A, n_iter=20, batch_size=batch_size, cv=2, random_state=0, return_train_score=True).fit(X, Y)
    scores, a = search.cv_results_["mean_test_score"], np.array(columns(search))
    assert len(a) == len(set(a)) == len(scores) == 20
    np.testing.assert_array_equal(np.isnan(scores), a < 2.5)
    assert 0 < np.isnan(scores).sum() < 20
    assert search.cv_results_["rank_test_score"][np.isnan(scores)].min() > (~np.isnan(scores)).sum()
    assert all(len(column) == 20 for column in search.cv_results_.values())
    assert not hasattr(search, "_evaluated")


def test_failed_fits_of_several_metrics_with_a_score_of_their_own() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitFailedWarning)
        search = SearchCV(Fake(fails=2.5), A, n_iter=10, cv=2, random_state=0, scoring=["accuracy", "f1_micro"], refit="accuracy", error_score=-5.0).fit(X, Y)
    for metric in ("accuracy", "f1_micro"):
        np.testing.assert_array_equal(search.cv_results_[f"mean_test_{metric}"] == -5, np.array(columns(search)) < 2.5)


def test_no_success_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="All the 2 fits failed"):
        SearchCV(Fake(fails=99), A, n_iter=5, cv=2).fit(X, Y)
    with pytest.raises(ValueError, match="All the 2 fits failed"):
        SearchCV(Fake(fails=99), {"a": [1, 2, 3]}, n_iter=5, cv=2).fit(X, Y)
    with pytest.raises(RuntimeError, match="too small"):
        SearchCV(Fake(fails=99), A, n_iter=5, cv=2, error_score="raise").fit(X, Y)


def both(estimator: Any, X: Any, y: Any) -> dict[str, float]:
    return {"good": estimator.score(X, y), "bad": -estimator.score(X, y)}


@pytest.mark.parametrize("scoring", [{"good": make_scorer(accuracy_score), "bad": make_scorer(f1_score, average="macro")}, both])
@pytest.mark.parametrize("refit", [True, False, "other", lambda results: 0])
def test_several_metrics_need_a_metric_as_refit(scoring: Any, refit: Any) -> None:
    with pytest.raises(ValueError, match="one of 'bad', 'good'"):
        SearchCV(Fake(), A, n_iter=3, cv=2, scoring=scoring, refit=refit).fit(X, Y)


def test_the_metric_that_refit_names_is_searched_for() -> None:
    good, bad = (SearchCV(Fake(), A, n_iter=25, cv=2, scoring=both, refit=refit, random_state=0).fit(X, Y) for refit in ("good", "bad"))
    assert abs(good.best_params_["a"] - 3) < 0.1
    assert bad.best_params_["a"] > 9.9


def test_refit_as_a_function_and_not_at_all() -> None:
    sizes = []
    last = SearchCV(Fake(), A, n_iter=4, cv=2, refit=lambda results: sizes.append(len(results["params"])) or 3).fit(X, Y)
    assert sizes == [4] and last.best_index_ == 3
    assert not hasattr(SearchCV(Fake(), A, n_iter=2, cv=2, refit=False).fit(X, Y), "best_estimator_")


def test_inside_and_around_a_pipeline() -> None:
    steps = {"svc__C": stats.loguniform(1e-2, 1e2), "standardscaler": ["passthrough", StandardScaler()]}
    around = SearchCV(make_pipeline(StandardScaler(), SVC()), steps, n_iter=5, cv=3, random_state=0)
    inside = make_pipeline(StandardScaler(), SearchCV(SVC(), {"C": stats.loguniform(1e-2, 1e2)}, n_iter=5, cv=3, random_state=0))
    assert cross_val_score(around, X, Y, cv=3, error_score="raise").min() > 0.8
    assert cross_val_score(inside, X, Y, cv=3, error_score="raise").min() > 0.8


def test_metadata_routing() -> None:
    weight, groups = np.ones(len(Y)), np.arange(len(Y)) % 5
    with config_context(enable_metadata_routing=True):
        estimator = LogisticRegression(max_iter=1000).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = SearchCV(estimator, {"C": stats.loguniform(1e-2, 1e2)}, n_iter=3, cv=GroupKFold(3), random_state=0)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), search)
        pipeline.fit(X, Y, sample_weight=weight, groups=groups)
        assert len(pipeline[-1].cv_results_["params"]) == 3


def test_clone_and_pickle() -> None:
    search = SearchCV(SVC(), hf.Space({"C": hf.Float(0.1, 10, log=True)}), n_iter=3, cv=2, sampler=hf.samplers.TPE(), random_state=0)
    fitted = clone(search).fit(X, Y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert again.fit(X, Y).best_params_ == fitted.best_params_
    assert set(search.get_params(deep=False)) > set(RandomizedSearchCV(SVC(), {}).get_params(deep=False))


def test_their_checks_end_as_those_of_a_randomized_search() -> None:
    """With any version; newer ones say more of themselves, in test_sklearn_checks.py."""
    generate = getattr(estimator_checks, "estimator_checks_generator", None) or partial(estimator_checks.check_estimator, generate_only=True)
    ends: list[dict[str, str]] = []
    for search in (SearchCV, RandomizedSearchCV):
        ends.append({})
        for instance, check in generate(search(Ridge(), {"alpha": [0.1, 1.0]}, n_iter=2, cv=2)):
            with warnings.catch_warnings(), threadpool_limits(1):
                warnings.simplefilter("ignore")
                try:
                    check(instance)
                    end = "passed"
                except Exception as error:
                    end = type(error).__name__
            ends[-1][str(check.func.__name__)] = end
    ours, theirs = ends
    del ours["check_parameters_default_constructible"], theirs["check_parameters_default_constructible"]   # which goes by names of theirs
    assert ours == theirs and list(ours.values()).count("passed") > 30


def test_spaces_of_distributions_and_lists() -> None:
    space = to_space(
        {
            "uniform": stats.uniform(2, 3),
            "log": stats.loguniform(1e-3, 10),
            "scaled": stats.reciprocal(1, 10, scale=2),
            "int": stats.randint(2, 9),
            "shifted": stats.randint(2, 9, loc=10),
            "ascending": np.array([0.1, 1.0, 10.0]),
            "numbers": [3, 1, 2],
            "flags": [False, True],
            "mixed": [None, "auto", 0.5],
            "own": hf.Int(1, 64, log=True),
        }
    )
    assert space == hf.Space(
        {
            "uniform": hf.Float(2, 5),
            "log": hf.Float(1e-3, 10, log=True),
            "scaled": hf.Float(2, 20, log=True),
            "int": hf.Int(2, 8),
            "shifted": hf.Int(12, 18),
            "ascending": hf.Ordinal([0.1, 1.0, 10.0]),
            "numbers": hf.Categorical([3, 1, 2]),
            "flags": hf.Categorical([False, True]),
            "mixed": hf.Categorical([None, "auto", 0.5]),
            "own": hf.Int(1, 64, log=True),
        }
    )
    assert to_space(space) is space


def test_unhashable_choices() -> None:
    choices = [None, {"a": 1}, [1, 2], np.arange(3)]
    search = SearchCV(Fake(), {"kind": choices}, n_iter=9, cv=2).fit(X, Y)
    assert sorted(map(str, search.cv_results_["param_kind"])) == sorted(map(str, choices))
    assert type(search.best_params_["kind"]) in (type(None), dict, list, np.ndarray)


@pytest.mark.parametrize(
    ("value", "error", "says"),
    [
        (stats.norm(0, 1), ValueError, "'norm' has no equivalent: use uniform, loguniform or randint"),
        (stats.loguniform(1, 10, loc=5), ValueError, "shifted"),
        (stats.uniform(0, 1e-320), ValueError, "underflows"),
        ([], ValueError, "choices is empty"),
        ("abc", TypeError, "must be a list of choices, a frozen scipy.stats distribution, or a parameter"),
        (3, TypeError, "must be a list of choices"),
    ],
)
def test_errors_name_the_parameter(value: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        SearchCV(SVC(), {"C": value}, n_iter=2).fit(X, Y)
    assert "param_distributions['C']" in str(caught.value)


def test_whatever_a_randomized_search_samples_from() -> None:
    space = to_space({"n": range(5, 9), "twice": [1.0, 1.0, 2.0], "dicts": [{0: 1}, {0: 2}, {0: 1}], "array": np.array([3, 1, 3])})
    assert space["n"] == hf.Ordinal([5, 6, 7, 8])
    assert space["twice"] == hf.Ordinal([1.0, 2.0], prior=[2.0, 1.0]) and space["array"] == hf.Categorical([3, 1], prior=[2.0, 1.0])
    assert space["dicts"].levels == 2 and space["dicts"].masses == [2 / 3, 1 / 3]
    for given in ("abc", bytearray(b"ab"), np.array(3)):
        with pytest.raises(TypeError, match=r"param_distributions\['x'\]=.* must be a list of choices"):
            to_space({"x": given})


def test_one_metric_in_a_list_needs_no_refit() -> None:
    X, y = load_iris(return_X_y=True)
    search = SearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0, 10.0]}, n_iter=3, scoring=["accuracy"], refit=False, random_state=0).fit(X, y)
    assert len(search.cv_results_["mean_test_accuracy"]) == 3
