"""hpo_fast inside Ray Tune: ``tune.TuneConfig(search_alg=hpo_fast.adapters.ray_tune.Searcher(seed=0))``."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

try:
    from ray import cloudpickle
    from ray.tune import search
    from ray.tune.result import DEFAULT_METRIC, TRAINING_ITERATION
    from ray.tune.utils.util import unflatten_dict
except ImportError as error:
    raise ImportError(f"hpo_fast.adapters.ray_tune needs Ray Tune >= 2.7 ({error}): pip install 'hpo-fast[ray]'") from error

from hpo_fast import samplers
from hpo_fast._core import SpaceExhausted
from hpo_fast.adapters.ray_param_space import ParamSpace, is_searched
from hpo_fast.checks import MAX_THREADS, check_int
from hpo_fast.optimizer import Optimizer
from hpo_fast.samplers.base import check_seed
from hpo_fast.space import Space
from hpo_fast.targets import observed

__all__ = ["Searcher"]

_MODES = {"min": "minimize", "max": "maximize"}


class Searcher(search.Searcher):  # type: ignore[misc]  # Ray's classes count as untyped
    """A search algorithm of hpo_fast for Ray Tune.

    Parameters
    ----------
    space : Space or dict, optional
        What may be tried: a :class:`hpo_fast.Space`, names with slashes nested in what the trainable sees (``"opt/lr"``), or a dict of
        Tune's ``uniform``, ``choice`` and so on. None takes the `param_space` of the Tuner.
    metric : str, optional
        Name of the result to be optimised; ``"_metric"`` if neither this nor the ``TuneConfig`` says it.
    mode : {"min", "max"}, optional
        Whether small or large values are good. Both are needed here if `space` is given and the Tuner has no `param_space`: Ray does not
        pass on its ``TuneConfig`` then.
    points_to_evaluate : list of dict, optional
        Configurations to be tried first; parameters left out are completed by the sampler.
    sampler : str or hpo_fast.samplers.Sampler, default "auto"
        "auto", "gp", "tpe", "random", "sobol", "grid", or an object such as ``hf.samplers.TPE(n_startup=20)``.
    seed : int, optional
        A suggestion is a pure function of (seed, its number, what was told, trials under way). None draws a seed.
    evaluated_rewards : list of float, optional
        The values of `points_to_evaluate`, which are then learned from and not tried.
    threads : int, default 1
        Threads that a suggestion may use; the same bits for any number.

    Raises
    ------
    TypeError, ValueError
        For wrong arguments, with the name of the parameter; for several metrics.

    Notes
    -----
    The distributions of Tune: ``randn`` and ``qrandn`` are cut off at four standard deviations and are priors; numbers that ascend in a
    ``choice`` are taken for an Ordinal, whose neighbours are alike, any other choices for a Categorical; what is listed twice is twice as
    likely. ``grid_search``, ``sample_from`` and ranges within choices are errors that say what to use.

    How trials are learned from:

    - complete: the last value of the metric. NaN, infinite and missing values are failures.
    - stopped early (by ASHA, HyperBand, the median rule): the last value, but none better than the median of the complete trials so far,
      since a curve that starts low is no reason to stay there. Tune does not say which trials these are. They are taken to be those that
      ended when another trial with a better value at the same ``training_iteration`` went on; what reaches a target of ``stop`` is complete.
    - errors: failures, so that what crashes is avoided.
    - ended without a result or an error: forgotten, and may be suggested again.
    - not suggested by this searcher, or failed at first, as trials that ``Tuner.restore`` runs again: by the ``config`` in their result. (A
      ``ConcurrencyLimiter`` keeps these from the searcher.)

    When every configuration of a finite space has been suggested, no more trials are started. How many run at a time is up to
    ``max_concurrent_trials`` or a ``ConcurrencyLimiter``.

    Examples
    --------
    >>> from ray import tune
    >>> from hpo_fast.adapters.ray_tune import Searcher
    >>> tuner = tune.Tuner(
    ...     lambda config: {"loss": (config["x"] - 1) ** 2},
    ...     param_space={"x": tune.uniform(-5, 5)},
    ...     tune_config=tune.TuneConfig(metric="loss", mode="min", search_alg=Searcher(seed=0), num_samples=20),
    ... )
    >>> best = tuner.fit().get_best_result().config
    """

    def __init__(
        self,
        space: Space | Mapping[str, Any] | None = None,
        metric: str | None = None,
        mode: str | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        *,
        sampler: str | samplers.Sampler = "auto",
        seed: int | None = None,
        evaluated_rewards: Sequence[float] | None = None,
        threads: int = 1,
    ) -> None:
        _check_objective(metric, mode)
        super().__init__(metric=metric, mode=mode)
        self._sampler = samplers.make(sampler)
        self._seed = check_seed(seed)
        self._threads = check_int("threads", threads, 1, MAX_THREADS)
        self._points = _listed("points_to_evaluate", points_to_evaluate)
        self._rewards = None if evaluated_rewards is None else _listed("evaluated_rewards", evaluated_rewards)
        if self._rewards is not None and len(self._rewards) != len(self._points):
            raise ValueError(f"got {len(self._points)} points_to_evaluate but {len(self._rewards)} evaluated_rewards: give one for each")
        self._space = None if space is None else ParamSpace.of_space(space) if isinstance(space, Space) else ParamSpace.of_dict("space", space)
        self._optimizer: Optimizer | None = None
        self._under_way: dict[str, _UnderWay] = {}
        self._told: set[str] = set()   # trials that ended with a value
        self._complete: list[float] = []   # values of complete trials to be minimised, sorted
        self._went_on: dict[Any, float] = {}   # by training_iteration, the best value to be minimised of those that were not stopped
        if self._space is not None and mode is not None:
            self._start(self._space, metric, mode)

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """Takes metric, mode and `param_space` from the Tuner; False if the search has its space already. See Ray's Searcher."""
        _check_objective(metric, mode)
        if self._optimizer is not None or (self._space is not None and is_searched(config)):
            return False
        self._start(self._space or ParamSpace.of_dict("param_space", config, constants=False), metric or self._metric, mode or self._mode)
        return True

    def _start(self, space: ParamSpace, metric: str | None, mode: str | None) -> None:
        if mode is None:
            raise ValueError("the mode is missing: pass mode='min' or mode='max', and metric, to tune.TuneConfig or to the Searcher")
        optimizer = Optimizer(space.space, self._sampler, _MODES[mode], self._seed, self._threads)
        complete: list[float] = []
        for i, point in enumerate(self._points):
            try:
                params = space.params(point, strict=True)
                if self._rewards is None:
                    optimizer.enqueue(params)
                elif (value := optimizer.add(params, self._rewards[i]).value) is not None:
                    complete.append(value if mode == "min" else -value)
            except (TypeError, ValueError) as error:
                raise type(error)(f"points_to_evaluate[{i}]: {error}") from None
        self._space, self._optimizer, self._complete = space, optimizer, sorted(complete)
        self._metric, self._mode = metric or DEFAULT_METRIC, mode

    def _started(self) -> tuple[ParamSpace, Optimizer]:
        if self._space is None or self._optimizer is None:
            missing, how = ("space", "or param_space to a tune.Tuner") if self._space is None else ("mode", "as a Tuner without param_space does not")
            raise RuntimeError(f"the {missing} of the search is missing: pass {missing} to the Searcher, {how}")
        return self._space, self._optimizer

    # -- suggesting -------------------------------------------------------------------------------------------------

    def suggest(self, trial_id: str) -> Any:
        """The configuration of a trial, nested, or ``Searcher.FINISHED`` when none is left.

        Of the Tuner's `param_space`, the parts with a parameter; of a dict `space`, all. A trial under way gets what it got before.

        Raises
        ------
        RuntimeError
            If space or mode are not known yet.
        Infeasible
            If no configuration that satisfies the requirements of a Space could be found.
        """
        space, optimizer = self._started()
        if (run := self._under_way.get(trial_id)) is not None:
            trial = next(trial for trial in optimizer.pending if trial.number == run.number)
        else:
            try:
                trial = optimizer.ask()
            except SpaceExhausted:
                return self.FINISHED
            self._under_way[trial_id] = _UnderWay(trial.number)
        return space.config(trial.params)

    # -- results ----------------------------------------------------------------------------------------------------

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Notes an intermediate result of a trial that goes on; see Ray's Searcher."""
        run = self._under_way.get(trial_id)
        if run is None:
            return
        value, iteration = self._value(trial_id, result), result.get(TRAINING_ITERATION)
        run.iteration, run.value = iteration, value
        if iteration is not None and value < self._went_on.get(iteration, math.inf):
            self._went_on[iteration] = value

    def on_trial_complete(self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False) -> None:
        """Learns from a trial that has ended (see the class); what is reported of a trial that has ended with a value is ignored.

        Raises
        ------
        TypeError
            If the metric is not a number. The trial is still under way then.
        """
        _, optimizer = self._started()
        if trial_id in self._told:
            return
        value = self._value(trial_id, result) if result and not error else math.nan
        run = self._under_way.get(trial_id)
        if run is None:
            self._learn_from_config(trial_id, result or {}, value)
            return
        stopped = False
        if result and not error:
            iteration = result.get(TRAINING_ITERATION)
            # A function that has returned is reported once more with its last result, which it had gone on from.
            stopped = iteration != run.iteration and value > self._went_on.get(iteration, math.inf)
        elif run.value is not None and not error:   # ended while it was paused, as HyperBand's trials do, those that no other outlasts too
            value = run.value
            stopped = run.iteration != max(self._went_on, default=None) and value > self._went_on.get(run.iteration, math.inf)
        if result or error or run.value is not None:
            self._learn(trial_id, lambda told: optimizer.tell(run.number, told), value, stopped)
        else:
            optimizer.forget(run.number)
        del self._under_way[trial_id]

    def _learn(self, trial_id: str | None, tell: Callable[[float], Any], value: float, stopped: bool) -> None:
        """Tells a value to be minimised, NaN for a failure, and keeps what later ones are compared with."""
        told = max(value, self._complete[len(self._complete) // 2]) if stopped and self._complete else value
        tell(told if self._mode == "min" else -told)
        if math.isnan(value):
            return
        if not stopped:
            bisect.insort(self._complete, value)
        if trial_id is not None:
            self._told.add(trial_id)

    def _learn_from_config(self, trial_id: str, result: Mapping[str, Any], value: float) -> None:
        """Of a trial that was not suggested here, or whose first run failed; without a configuration of the space nothing is learned."""
        space, optimizer = self._started()
        flat = {key.removeprefix("config/"): value for key, value in result.items() if key.startswith("config/")}
        config = flat or result.get("config")
        if not config or math.isnan(value):
            return
        try:
            params = space.params(unflatten_dict(flat) if flat else config)   # a choice may be a dict
            space.space.encode([params])
        except (TypeError, ValueError):
            return
        self._learn(trial_id, lambda told: optimizer.add(params, told), value, stopped=False)

    def _value(self, trial_id: str, result: Mapping[str, Any]) -> float:
        """The metric of a result, to be minimised; NaN if it is missing or stands for a failure."""
        try:
            value = observed(result.get(self._metric))
        except TypeError as error:
            raise TypeError(f"trial {trial_id}: metric {self._metric!r}: {error}") from None
        return value if self._mode == "min" else -value

    def add_evaluated_point(
        self,
        parameters: Mapping[str, Any],
        value: float | None,
        error: bool = False,
        pruned: bool = False,
        intermediate_values: Sequence[float] | None = None,
    ) -> None:
        """A result from elsewhere: learned from as if it had been suggested here.

        Parameters
        ----------
        parameters : dict
            A complete configuration, nested or with slashes in its names. Keys that are none of the space are ignored.
        value : float or None
            None, NaN and infinities are failures; of a pruned trial, None stands for the last of `intermediate_values`.
        error : bool, default False
            Whether the trial failed.
        pruned : bool, default False
            Whether it was stopped early.
        intermediate_values : list of float, optional

        Raises
        ------
        RuntimeError
            If space or mode are not known yet.
        ValueError, TypeError
            Naming the parameter, if the configuration or the value is not valid; nothing is added then.
        """
        space, optimizer = self._started()
        if pruned and value is None and intermediate_values is not None and len(intermediate_values) > 0:
            value = intermediate_values[-1]
        given = math.nan if error else observed(value)
        params = space.params(parameters)
        self._learn(None, lambda told: optimizer.add(params, told), given if self._mode == "min" else -given, pruned)

    # -- storage ----------------------------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Everything, for :meth:`set_state`. It changes as this searcher goes on: pickle it to keep it."""
        return dict(self.__dict__)

    def set_state(self, state: dict[str, Any]) -> None:
        """Continues as the searcher did whose state this is: the same suggestions, with its trials under way.

        Raises
        ------
        ValueError
            If it is no such state.
        """
        if not isinstance(state, dict) or state.keys() != self.__dict__.keys():
            raise ValueError("the state is not that of a Searcher of hpo_fast, or of another version of it")
        self.__dict__.update(state)

    def save(self, checkpoint_path: str | PathLike[str]) -> None:
        """Writes the state to a file. Tune does so by itself; it needs no call of `set_search_properties` when it is restored."""
        data = cloudpickle.dumps(self.get_state())
        with open(checkpoint_path, "wb") as file:
            file.write(data)

    def restore(self, checkpoint_path: str | PathLike[str]) -> None:
        """Continues from the file that :meth:`save` wrote.

        Raises
        ------
        ValueError
            If it is no such file.
        """
        with open(checkpoint_path, "rb") as file:
            data = file.read()
        try:
            state = cloudpickle.loads(data)
        except Exception as error:
            raise ValueError(f"{checkpoint_path} is not what save() wrote, or is damaged: {error}") from error
        self.set_state(state)


@dataclass
class _UnderWay:
    """A trial that was suggested and has not ended."""

    number: int   # in the optimizer
    iteration: Any = None   # of its last result
    value: float | None = None   # of the same, to be minimised


def _check_objective(metric: Any, mode: Any) -> None:
    """ValueError unless there is at most one metric, and its mode is known."""
    if isinstance(metric, (list, tuple)) or isinstance(mode, (list, tuple)):
        raise ValueError(f"metric={metric!r}, mode={mode!r}: hpo_fast models one objective: name one metric, or report a combination of several")
    if metric is not None and not isinstance(metric, str):
        raise TypeError(f"metric={metric!r} must be the name of a result")
    if mode is not None and mode not in _MODES:
        raise ValueError(f"mode={mode!r} must be 'min' or 'max'")


def _listed(name: str, given: Any) -> list[Any]:
    if given is None:
        return []
    if not isinstance(given, (list, tuple)):
        raise TypeError(f"{name}={given!r} must be a list")
    return list(given)
