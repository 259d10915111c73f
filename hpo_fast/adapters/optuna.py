"""hpo_fast inside Optuna: ``optuna.create_study(sampler=hpo_fast.adapters.optuna.Sampler(seed=0))``.

Optuna's samplers are asked twice a trial: for parameters that are known from earlier trials, all at once, and for each of the
others when the objective comes to it. Here the known ones are searched jointly, conditional ones as such (see
:mod:`hpo_fast.adapters.presence`), by one engine for each tree of them; any other is searched by itself. Engines that suggest for
the same trial count trials in orders of their own, since points at the same place of several Sobol sequences, however scrambled, are
in corresponding halves of their ranges.
"""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import datetime
import functools
import hashlib
import math
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

try:
    from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
    from optuna.samplers import BaseSampler, TPESampler
    from optuna.samplers._base import _process_constraints_after_trial
    from optuna.study import Study, StudyDirection
    from optuna.trial import FrozenTrial, TrialState
except ImportError as error:
    raise ImportError(f"hpo_fast.adapters.optuna needs Optuna >= 4 ({error}): pip install 'hpo-fast[optuna]'") from error

from hpo_fast import samplers
from hpo_fast._core import RowSet, SpaceExhausted
from hpo_fast.adapters.presence import Presence, Tree
from hpo_fast.checks import MAX_THREADS, check_int
from hpo_fast.choices import Categorical
from hpo_fast.interchange.optuna import parameter_from_optuna
from hpo_fast.parameters import Float, Parameter
from hpo_fast.samplers.base import check_seed
from hpo_fast.space import Space
from hpo_fast.targets import observed

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

Distributions = Mapping[str, BaseDistribution]
Conditions = Mapping[str, tuple[str, tuple[int, ...]]]
_PARENT_LEVELS = 64   # a parameter with more is no parent
_MUCH = 1e300   # the largest violation: sums must not overflow


class Sampler(BaseSampler):
    """A sampler of hpo_fast for Optuna studies.

    Parameters
    ----------
    sampler : str or hpo_fast.samplers.Sampler, default "auto"
        "auto", "gp", "tpe", "random", "sobol", or an object such as ``hf.samplers.TPE(n_candidates=100)``.
    seed : int, optional
        A suggestion is a pure function of (seed, trial number, trials known at its start). None draws a seed.
    n_startup : int, optional
        Trials before a model is used, if not the sampler's own number; "random" and "sobol" have none.
    constraints_func : callable, optional
        Maps a FrozenTrial to a sequence of constraint values, positive ones violated, as for Optuna's samplers. Optuna 5's
        ``trial.set_constraint`` needs no function.
    threads : int, default 1
        Threads that a suggestion may use; the same bits for any number.

    Raises
    ------
    TypeError, ValueError
        For wrong arguments.

    Notes
    -----
    How trials are learned from:

    - complete: their value. NaN and infinite values are failures.
    - pruned: the last intermediate value, but none better than the median of the complete trials so far: a curve that starts low
      is no reason to stay there. Without an intermediate value: a failure.
    - failed: what crashes is avoided. (Optuna's samplers forget these trials.)
    - running: pending, asked in this process or another, and not suggested again; the parameters that they have by now are known.
      (Processes that suggest in the same instant do not see each other.)
    - infeasible: behind all feasible ones, by the sum of the violated constraints.

    A parameter whose range changes is searched within the latest one; values outside of it are left out. If the last two trials had
    different ranges, it is searched by itself. When a finite space is exhausted, configurations repeat.

    Trials of all of HyperbandPruner's brackets are learned from together. Studies with several objectives are left to Optuna's
    TPESampler, with a warning.

    Trials are read once, when they are finished. One sampler can serve several studies and threads; pickled, it forgets what it
    read and reads it again. `reseed_rng` has nothing to do: the random stream of a suggestion is that of its trial number.

    Examples
    --------
    >>> import optuna
    >>> from hpo_fast.adapters.optuna import Sampler
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> study = optuna.create_study(sampler=Sampler(seed=0))
    >>> study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=20)
    >>> study.best_value < 0.01
    True
    """

    def __init__(
        self,
        sampler: str | samplers.Sampler = "auto",
        *,
        seed: int | None = None,
        n_startup: int | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        threads: int = 1,
    ) -> None:
        made: Any = samplers.make(sampler)
        if n_startup is not None:
            check_int("n_startup", n_startup, 0)
            if hasattr(made, "n_startup"):
                made = dataclasses.replace(made, n_startup=n_startup)
        if constraints_func is not None and not callable(constraints_func):
            raise TypeError(f"constraints_func={constraints_func!r} must be a function of a FrozenTrial")
        self._sampler: samplers.Sampler = made
        self._seed = check_seed(seed)
        self._constraints_func = constraints_func
        self._threads = check_int("threads", threads, 1, MAX_THREADS)
        self._several: TPESampler | None = None
        self.__setstate__({})

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_studies")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()
        self._studies: weakref.WeakKeyDictionary[BaseStorage, dict[int, _Study]] = weakref.WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"Sampler({self._sampler!r}, seed={self._seed})"

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters of earlier trials, with their latest ranges; see Optuna's BaseSampler."""
        if other := self._for_several_objectives(study):
            return other.infer_relative_search_space(study, trial)
        with self._known(study, trial) as known:
            return known.search_space(trial.number)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """Values of these parameters, without those that are expected not to exist; see Optuna's BaseSampler."""
        if other := self._for_several_objectives(study):
            return other.sample_relative(study, trial, search_space)
        with self._known(study, trial) as known:
            return known.suggest(trial.number, search_space, first=True)

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """A value of a parameter that is new, or was not expected; see Optuna's BaseSampler."""
        if other := self._for_several_objectives(study):
            return other.sample_independent(study, trial, param_name, param_distribution)
        with self._known(study, trial) as known:
            return known.suggest(trial.number, {param_name: param_distribution}, first=False)[param_name]

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Stores what `constraints_func` says of the trial; see Optuna's BaseSampler."""
        if other := self._for_several_objectives(study):
            other.after_trial(study, trial, state, values)
        elif self._constraints_func is not None:
            _process_constraints_after_trial(self._constraints_func, study, trial, state)

    def reseed_rng(self) -> None:
        """Only for several objectives: one's suggestions draw from a stream of their trial's own."""
        if self._several is not None:
            self._several.reseed_rng()

    @contextlib.contextmanager
    def _known(self, study: Study, trial: FrozenTrial) -> Iterator[_Study]:
        """What is known of the study, brought up to date once a trial, for one thread at a time."""
        with self._lock:
            known = self._studies.setdefault(study._storage, {})
            try:
                if study._study_id not in known or not known[study._study_id].read(study, trial.number):
                    maximize = study.direction == StudyDirection.MAXIMIZE
                    known[study._study_id] = _Study(maximize, lambda space, seed: self._sampler.start(space, seed, self._threads), self._seed)
                    known[study._study_id].read(study, trial.number)
                yield known[study._study_id]
            except BaseException as error:
                if not isinstance(error, Exception):   # Ctrl-C may have come anywhere: it is read again
                    known.pop(study._study_id, None)
                raise

    def _for_several_objectives(self, study: Study) -> TPESampler | None:
        """Optuna's own sampler for a study with several objectives, which hpo_fast does not model."""
        if len(study.directions) == 1:
            return None
        with self._lock:
            if self._several is None:
                warnings.warn(
                    f"the study has {len(study.directions)} objectives and hpo_fast models one: Optuna's TPESampler makes its suggestions", stacklevel=3
                )
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")   # constraints_func is experimental in Optuna 4 and deprecated in 5
                    self._several = TPESampler(seed=self._seed % 2**32, constraints_func=self._constraints_func)
            return self._several


class _Study:
    """The finished trials of a study in the order in which they were read, and the engines that learn from them."""

    def __init__(self, maximize: bool, start: Callable[[Space, int], samplers.Engine], seed: int) -> None:
        self._sign = -1.0 if maximize else 1.0
        self._start = start
        self._seed = seed
        self._n_read = 0
        self._began: datetime.datetime | None = None   # its first trial
        self._reader: int | None = None   # the trial for which was read last
        self._unfinished: dict[int, FrozenTrial] = {}
        self._suggested: dict[int, dict[str, Any]] = {}   # of unfinished trials, some of which the objective has not come to yet
        self._params: list[dict[str, Any]] = []
        self._values: list[float] = []   # to be minimised, inf where failed
        self._violations: list[float] = []   # of constraints, 0 where feasible
        self._complete: list[float] = []   # values of complete trials, sorted
        self._best = math.inf   # of feasible values
        self._behind = (0.0, 1.0)   # targets of infeasible trials: where they start, and their span
        self._presence = Presence()
        self._latest: dict[str, BaseDistribution] = {}
        self._changing: set[str] = set()   # parameters whose last two distributions differ
        self._models: dict[tuple[str, ...], _Model] = {}

    # -- reading ----------------------------------------------------------------------------------------------------

    def read(self, study: Study, number: int) -> bool:
        """Learn what has finished since. O(new and unfinished trials), beyond what the storage takes to list the trials.

        False if it is another study: SQLite gives the number of a deleted one again.
        """
        if number == self._reader:
            return True
        trials = study._storage.get_all_trials(study._study_id, deepcopy=False)   # ordered, so that a trial's number is its index
        began = trials[0].datetime_start if trials else None   # None while it waits
        if len(trials) < self._n_read or (self._began is not None and began != self._began):
            return False
        self._began = began
        for i in (*self._unfinished, *range(self._n_read, len(trials))):
            if not trials[i].state.is_finished():
                self._unfinished[i] = trials[i]
                continue
            self._unfinished.pop(i, None)
            self._suggested.pop(i, None)
            self._learn(trials[i])
        self._n_read, self._reader = len(trials), number
        return True

    def _learn(self, trial: FrozenTrial) -> None:
        if trial.state != TrialState.FAIL:   # which may end before it has all of its parameters
            self._note_parameters(trial)
        value = self._value(trial)
        violation = _violation(trial) if value < math.inf else 0.0
        if violation == 0 and value < math.inf:
            if trial.state == TrialState.COMPLETE:
                bisect.insort(self._complete, value)
            first, self._best = self._best == math.inf, min(self._best, value)
            if first or value >= self._behind[0]:   # at least twice as far from the best as all before, so that this is rare
                span = min(value - self._best or abs(value) or 1.0, 1e300)
                self._behind = (value + span, span)
                if any(self._violations):
                    self._models.clear()
        self._params.append(trial.params)
        self._values.append(value)
        self._violations.append(violation)

    def _note_parameters(self, trial: FrozenTrial) -> None:
        levels = {}
        for name, distribution in trial.distributions.items():
            latest = self._latest.get(name)
            if latest == distribution:
                self._changing.discard(name)
            else:
                self._latest[name] = distribution
                self._presence.forget(name)
                if latest is not None:
                    self._changing.add(name)
            if (level := _level(distribution, trial.params[name])) is not None:
                levels[name] = level
        self._presence.add(frozenset(trial.distributions), levels)

    def _value(self, trial: FrozenTrial) -> float:
        """The value to be minimised, inf if there is none."""
        value = math.nan
        if trial.state == TrialState.COMPLETE:
            value = observed(trial.value)
        elif trial.state == TrialState.PRUNED and trial.intermediate_values:
            value = observed(trial.intermediate_values[max(trial.intermediate_values)])
        if math.isnan(value):
            return math.inf
        value *= self._sign
        if trial.state == TrialState.PRUNED and self._complete:
            value = max(value, self._complete[len(self._complete) // 2])
        return value

    def _targets(self, first: int) -> np.ndarray:
        """What the engines minimise, of the trials from the given one on."""
        values, violations = np.array(self._values[first:]), np.array(self._violations[first:])
        start, span = self._behind
        return np.where(violations > 0, start + span * (violations / (1 + violations)), values)

    # -- suggesting -------------------------------------------------------------------------------------------------

    def search_space(self, number: int) -> dict[str, BaseDistribution]:
        """The parameters that trial `number` can search jointly: of finished trials, and new ones of others under way."""
        known, changing = dict(self._latest), set(self._changing)
        for i, trial in self._unfinished.items():
            for name in trial.distributions.keys() - self._latest.keys() if i != number else ():
                if known.setdefault(name, trial.distributions[name]) != trial.distributions[name]:
                    changing.add(name)
        return {name: d for name, d in sorted(known.items()) if name not in changing and not d.single()}

    def suggest(self, number: int, search_space: Distributions, first: bool) -> dict[str, Any]:
        """Values for trial `number`, the first ones or further ones; none for conditional parameters that are not expected to exist."""
        params: dict[str, Any] = {}
        pending = [{**self._suggested.get(i, {}), **trial.params} for i, trial in self._unfinished.items() if i != number]
        forest = self._presence.forest(search_space)
        for tree in forest:
            model = self._model(tree, search_space)
            model.learn(self._params[model.n_read :], self._targets(model.n_read))
            params |= model.suggest(number if first and len(forest) == 1 else _reordered(number, model.seed), pending)
        self._suggested.setdefault(number, {}).update(params)
        return params

    def _model(self, tree: Tree, search_space: Distributions) -> _Model:
        distributions = {name: search_space[name] for name in tree.names}
        # Where another thread has read of a new range meanwhile, levels are those of that one.
        conditions = {name: condition for name, condition in tree.conditions.items() if self._latest[condition[0]] == search_space[condition[0]]}
        model = self._models.get(tree.names)
        if model is None or model.distributions != distributions or model.conditions != conditions:
            # A seed of its own for each tree, else their first points would lie on a diagonal.
            model = self._models[tree.names] = _Model(distributions, conditions, self._start, _hash(self._seed, tree.names))
        return model


class _Model:
    """An engine on one search space."""

    def __init__(self, distributions: Distributions, conditions: Conditions, start: Callable[[Space, int], samplers.Engine], seed: int) -> None:
        self.distributions = distributions
        self.conditions = conditions
        self.seed = seed
        self.n_read = 0   # trials of the study, with these parameters or not
        self._parameters = {name: _parameter(name, d) for name, d in distributions.items()}
        for name, (parent, levels) in conditions.items():
            self._parameters[name] = self._parameters[name].when(parent, list(levels))
        self._space = Space(self._parameters)
        self._engine = start(self._space, seed)
        self._repeats = [   # column, level, and another one that the storage takes for that: the first of equal choices
            (column, first, level)
            for column, d in enumerate(distributions.values()) if isinstance(d, CategoricalDistribution)
            for level, choice in enumerate(d.choices) if (first := int(d.to_internal_repr(choice))) != level
        ]
        self._seen = RowSet(len(self._space))   # told or reserved
        self._reserved = np.empty((0, len(self._space)))   # by the trials under way at the last suggestion, and by that

    def learn(self, configs: Sequence[Mapping[str, Any]], targets: np.ndarray) -> None:
        """The next trials of the study; those without these parameters, or with values that are out of range by now, are left out."""
        self.n_read += len(configs)
        rows, fits = self._encode(configs)
        if len(rows):
            self._engine.tell(rows, targets[fits])
            self._seen.insert(self._alike(rows))

    def suggest(self, number: int, pending: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Values that no other trial has, or that none under way has, if that is possible; `number` is what the engine calls the trial."""
        waiting = self._encode(pending)[0]
        reserved = self._alike(waiting)
        self._seen.insert(reserved)
        self._seen.erase(self._reserved)   # some of these trials may have ended without it; what is told or waits is there once more
        self._reserved = reserved
        under_way = RowSet(len(self._space))
        under_way.insert(reserved)
        for taken in (self._seen, under_way, RowSet(len(self._space))):
            try:
                rows = self._engine.suggest(1, number, waiting, taken)[0]
                break
            except SpaceExhausted:
                continue
        if taken is self._seen:
            self._reserved = np.concatenate([reserved, rows])
        params = self._space.params(rows)[0]
        return {name: self._outside(name, value) for name, value in params.items()}

    def _encode(self, configs: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
        """Rows (m, d) of those of n configurations that have a place in the space, and which these are (n,)."""
        raw = np.array([[self._raw(name, config) for name in self._parameters] for config in configs]).reshape(-1, len(self._space))
        given = ~np.isnan(raw)
        rows = self._space.box.encode(raw)
        fits = (given == self._space.box.active(rows)).all(axis=1)
        return rows[fits], fits

    def _alike(self, rows: np.ndarray) -> np.ndarray:
        """These rows, as the storage has them, and those that are the same to it."""
        for column, level, other in self._repeats:
            again = rows[rows[:, column] == level]
            again[:, column] = other
            rows = np.concatenate([rows, again])
        return rows

    def _raw(self, name: str, config: Mapping[str, Any]) -> float:
        if name not in config:
            return math.nan
        value, distribution = config[name], self.distributions[name]
        try:
            return self._parameters[name].raw(distribution.to_internal_repr(value) if isinstance(distribution, CategoricalDistribution) else value)
        except (TypeError, ValueError):   # of another range or kind
            return math.nan

    def _outside(self, name: str, value: Any) -> Any:
        distribution = self.distributions[name]
        if isinstance(distribution, IntDistribution) and isinstance(value, float):
            low, step = distribution.low, distribution.step
            return low + step * min(max((int(value) - low + step // 2) // step, 0), (distribution.high - low) // step)
        return distribution.choices[value] if isinstance(distribution, CategoricalDistribution) else value


def _hash(*parts: object) -> int:
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=7).digest(), "little")


@functools.lru_cache(4096)   # the next number shares nearly all of the way
def _reordered(number: int, seed: int) -> int:
    """`number` in an order of the seed's own, in which any 2**k numbers from a multiple of 2**k on stay together.

    So many points of a Sobol sequence are evenly spread, and stay so; its points at the same place in several orders are independent.
    Each binary digit but the first is changed or not at random, by those before it: Owen's nested scrambling, applied to the order as in
    Burley, "Practical hash-based Owen scrambling", JCGT 9 (2020).
    """
    return number if number < 2 else 2 * _reordered(number // 2, seed) + (number + _hash(seed, number // 2)) % 2


def _parameter(name: str, distribution: BaseDistribution) -> Parameter:
    """Choices by index: those of Optuna may repeat, or be equal as True and 1 are."""
    if isinstance(distribution, CategoricalDistribution):
        return Categorical(range(len(distribution.choices)))
    try:
        return parameter_from_optuna(name, distribution)
    except ValueError:
        if isinstance(distribution, IntDistribution):   # more values than an Int may have: rounded to them
            with contextlib.suppress(OverflowError):
                return Float(float(distribution.low), float(distribution.high), log=distribution.log)
        raise


def _level(distribution: BaseDistribution, value: Any) -> int | None:
    """The value of a parameter that can be a parent, in terms of :func:`_parameter`."""
    if isinstance(distribution, CategoricalDistribution) and len(distribution.choices) <= _PARENT_LEVELS:
        return int(distribution.to_internal_repr(value))
    if isinstance(distribution, IntDistribution) and distribution.high - distribution.low < _PARENT_LEVELS * distribution.step:
        return int(value)
    return None


def _violation(trial: FrozenTrial) -> float:
    """The sum of the violated constraints, of a list by constraints_func and of single ones by set_constraint; 0 if feasible."""
    listed = trial.system_attrs.get("constraints", ())
    if listed is None:   # constraints_func has raised
        return _MUCH
    single = [value for key, value in trial.system_attrs.items() if key.startswith("constraints:")]
    return min(sum((float(value) for value in (*listed, *single) if value > 0), 0.0), _MUCH)
