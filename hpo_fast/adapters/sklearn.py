"""hpo_fast inside scikit-learn: ``SearchCV(estimator, space, n_iter=50)``, used as RandomizedSearchCV is."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

try:
    from joblib import effective_n_jobs
    from sklearn.model_selection._search import BaseSearchCV
    from sklearn.utils import check_random_state
    from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
except ImportError as error:
    raise ImportError(f"hpo_fast.adapters.sklearn needs scikit-learn >= 1.4 ({error}): pip install 'hpo-fast[sklearn]'") from error

from hpo_fast._core import SpaceExhausted
from hpo_fast.adapters.choices import parameter_of, unwrapped, weighted
from hpo_fast.optimizer import Optimizer
from hpo_fast.parameters import Float, Int, Parameter
from hpo_fast.space import Space

__all__ = ["SearchCV", "to_space"]

Results = dict[str, Any]


class SearchCV(BaseSearchCV):  # type: ignore[misc]  # scikit-learn is untyped
    """A search over hyperparameters by cross-validation whose candidates learn from the scores of those before.

    Takes the place of RandomizedSearchCV: the same arguments, `cv_results_`, `best_estimator_`, `predict` and so on; only what
    differs is described here.

    Parameters
    ----------
    estimator : estimator
    param_distributions : Space or dict
        What may be tried, by parameter name (``step__name`` inside a pipeline): a :class:`hpo_fast.Space`, or a dict for
        :func:`to_space`. A parameter that a candidate lacks keeps the value it has in `estimator`; derived parameters are set.
    n_iter : int, default 10
        Candidates; fewer if a finite space has fewer.
    sampler : str or hpo_fast.samplers.Sampler, default "auto"
        "auto", "gp", "tpe", "random", "sobol", or an object such as ``hf.samplers.TPE(n_startup=20)``.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As for RandomizedSearchCV. What is maximised is the mean test score; of several metrics the one that `refit` names. A candidate
        with a failed fit scores `error_score`; NaN is learned from as a failure.
    random_state : int, RandomState instance or None, default None
        An int makes the search reproducible if the estimator and `cv` are, for one batch size.
    batch_size : int, optional
        Candidates that are evaluated together, without knowing each other's scores. By default the number of workers of `n_jobs`, so that
        all are busy to the end of each batch; then the candidates depend on `n_jobs`, and with ``n_jobs=-1`` on the machine. A number makes
        them the same for any `n_jobs`.

    Raises
    ------
    ValueError
        In `fit`, for wrong arguments; if there are several metrics and `refit` names none of them; if no fit succeeds.

    Notes
    -----
    `cv` is split anew for each batch, so it should give the same splits each time, as integers and splitters with an int
    `random_state` do. In `cv_results_`, candidates of batches of which no fit succeeded come last, with `error_score` and
    without times.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> import hpo_fast as hf
    >>> from hpo_fast.adapters.sklearn import SearchCV
    >>> space = hf.Space({"C": hf.Float(1e-3, 1e3, log=True), "gamma": hf.Float(1e-4, 1e1, log=True)})
    >>> search = SearchCV(SVC(), space, n_iter=15, random_state=0).fit(*load_iris(return_X_y=True))
    >>> bool(search.best_score_ > 0.96)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearchCV._parameter_constraints,
        "param_distributions": [dict, Space],
        "n_iter": [Interval(numbers.Integral, 1, None, closed="left")],
        "sampler": [StrOptions({"auto", "gp", "tpe", "random", "sobol"}), HasMethods(["start", "options"])],
        "random_state": ["random_state"],
        "batch_size": [Interval(numbers.Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        sampler: Any = "auto",
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[[Results], int] = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Any = None,
        error_score: float | str = np.nan,
        return_train_score: bool = False,
        batch_size: int | None = None,
    ) -> None:
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.sampler = sampler
        self.random_state = random_state
        self.batch_size = batch_size
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )

    def _run_search(self, evaluate_candidates: Callable[[list[dict[str, Any]]], Results]) -> None:
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        optimizer = Optimizer(to_space(self.param_distributions), self.sampler, "maximize", seed)
        batch_size = self.batch_size or effective_n_jobs(self.n_jobs)
        results: Results = {}
        failed: list[dict[str, Any]] = []   # of batches without any success
        failure: ValueError | None = None
        self._evaluated: tuple[list[Any], list[Any]] = ([], [])
        asked = 0
        try:
            while asked < self.n_iter:
                try:
                    trials = optimizer.ask(min(batch_size, self.n_iter - asked))
                except SpaceExhausted:
                    break
                asked += len(trials)
                candidates = [{name: unwrapped(value) for name, value in trial.params.items()} for trial in trials]
                try:
                    results = evaluate_candidates(candidates)
                except ValueError as error:   # scikit-learn, which evaluates a whole search in one batch, gives up if no fit succeeds
                    if "fits failed" not in str(error):
                        raise
                    failure = error
                    failed += candidates
                    optimizer.tell(trials, [self.error_score] * len(trials))
                else:
                    optimizer.tell(trials, self._scores(results))
            if failure is not None and not results:
                raise failure
            self._complete(results, failed)
        finally:
            del self._evaluated

    def _scores(self, results: Results) -> Any:
        """Of the last batch, what is maximised."""
        scores = [name for name in results if name.startswith("mean_test_")]
        if len(scores) == 1:
            return results[scores[0]]
        self._check_refit_for_multimetric([name.removeprefix("mean_test_") for name in scores])
        return results[f"mean_test_{self.refit}"]

    def _check_refit_for_multimetric(self, scores: Sequence[str] | Mapping[str, Any]) -> None:
        """With several metrics, `refit` says which one is searched for."""
        if len(scores) == 1 and self.refit is False:
            return
        if not isinstance(self.refit, str) or self.refit not in scores:
            raise ValueError(
                f"refit={self.refit!r} must name the metric to search for, since there are several: one of {', '.join(map(repr, sorted(scores)))}. "
                "For multi-metric scoring, the parameter refit must be set to a scorer key"
            )

    def _format_results(self, candidate_params: list[Any], n_splits: int, out: list[Any], more_results: Any = None) -> Results:
        """The results of the last batch alone, so that a long search does not format and warn of all before each time."""
        first = len(self._evaluated[0])
        self._evaluated = (list(candidate_params), list(out))
        formatted: Results = super()._format_results(candidate_params[first:], n_splits, out[first * n_splits :], more_results)
        return formatted

    def _complete(self, results: Results, failed: list[dict[str, Any]]) -> None:
        """Makes `results`, which scikit-learn is going to keep, those of all candidates."""
        candidates, fits = self._evaluated
        n_splits = len(fits) // len(candidates)

        def failure(scores: Any) -> Any:
            return dict.fromkeys(scores, self.error_score) if isinstance(scores, dict) else self.error_score

        lost = {key: failure(value) if key.endswith("_scores") else value for key, value in fits[0].items()} | {"fit_time": math.nan, "score_time": math.nan}
        results.update(super()._format_results(candidates + failed, n_splits, fits + [lost] * (len(failed) * n_splits)))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_evaluated"}   # workers are sent this object


def to_space(param_distributions: Space | Mapping[str, Any]) -> Space:
    """The space of what RandomizedSearchCV takes as `param_distributions`.

    Parameters
    ----------
    param_distributions : dict of str to parameter, distribution or list; or Space
        By name: a parameter of hpo_fast; ``uniform``, ``loguniform`` or ``randint`` of scipy.stats, frozen; or a list or array of
        choices, of which one that is there twice is twice as likely. Numbers that ascend are taken for an Ordinal, whose neighbours are
        alike, any other choices for a Categorical. A Space is returned as it is.

    Returns
    -------
    Space

    Raises
    ------
    TypeError, ValueError
        Naming the parameter, if it is none of these.
    """
    if isinstance(param_distributions, Space):
        return param_distributions
    return Space({name: _parameter(name, value) for name, value in param_distributions.items()})


def _parameter(name: str, given: Any) -> Parameter:
    where = f"param_distributions[{name!r}]"
    if isinstance(given, Parameter):
        return given
    try:
        if hasattr(given, "rvs"):
            return _from_scipy(given)
        if isinstance(given, np.ndarray) and given.ndim > 0:
            given = given.tolist()
        if isinstance(given, Sequence) and not isinstance(given, (str, bytes, bytearray)):
            return parameter_of(*weighted(given))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{where}: {error}") from None
    raise TypeError(f"{where}={given!r} must be a list of choices, a frozen scipy.stats distribution, or a parameter such as hf.Float(0, 1)")


def _from_scipy(distribution: Any) -> Parameter:
    name = getattr(getattr(distribution, "dist", None), "name", type(distribution).__name__)
    if name == "randint":
        first, last = distribution.support()
        return Int(int(first), int(last))
    if name in ("uniform", "loguniform", "reciprocal"):
        low, high = map(float, distribution.support())
        log = name != "uniform"
        if log and not math.isclose(distribution.median(), math.sqrt(low) * math.sqrt(high), rel_tol=1e-9):
            raise ValueError("a loguniform that is shifted (loc) has no equivalent: use hf.Float(low, high, log=True)")
        return Float(low, high, log=log)
    raise ValueError(f"the distribution {name!r} has no equivalent: use uniform, loguniform or randint of scipy.stats, or a parameter such as hf.Float(0, 1)")
