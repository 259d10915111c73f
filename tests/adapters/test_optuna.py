"""The Optuna adapter, with Optuna 4 and 5; Optuna's own tests of samplers are in test_optuna5.py."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

import hpo_fast as hf
import hpo_fast.adapters.optuna
from hpo_fast.adapters.optuna import Sampler

NAMES = ["tpe", "gp", "auto", "random"]
X = {"x": FloatDistribution(0, 1)}
pytestmark = pytest.mark.usefixtures("quiet_optuna")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


class Recorder:
    """A sampler that suggests at random, and lists what its engines were told and what was pending."""

    name = "recorder"

    def __init__(self) -> None:
        self.engines: list[Recorder.Engine] = []

    def start(self, space: hf.Space, seed: int, threads: int) -> Engine:
        self.engines.append(self.Engine(space, seed))
        return self.engines[-1]

    def options(self) -> dict[str, Any]:
        return {}

    def last(self, *names: str) -> Engine:
        """The newest engine for these parameters."""
        return next(engine for engine in reversed(self.engines) if set(engine.space.names) == set(names))

    class Engine:
        def __init__(self, space: hf.Space, seed: int) -> None:
            self.space = space
            self.targets: list[float] = []
            self.configs: list[dict[str, Any]] = []
            self.pending: list[dict[str, Any]] = []
            self._random = hf.samplers.Random().start(space, seed, 1)

        def tell(self, rows: np.ndarray, targets: np.ndarray) -> None:
            self.configs += self.space.decode(rows)
            self.targets += targets.tolist()

        def suggest(self, n: int, number: int, pending: np.ndarray, seen: Any) -> Any:
            self.pending = self.space.decode(pending)
            return self._random.suggest(n, number, pending, seen)


def mixed(trial: optuna.Trial) -> float:
    """Conditional, with every kind of parameter."""
    model = trial.suggest_categorical("model", ["svm", None, 3])
    value = abs(trial.suggest_float("x", -2, 2))
    if model == "svm":
        return value + abs(math.log10(trial.suggest_float("c", 1e-3, 1e3, log=True)))
    if model is None:
        return value + trial.suggest_int("depth", 2, 20, step=2) / 10
    return value + sum(trial.suggest_int(f"units{i}", 1, 64, log=True) / 64 for i in range(trial.suggest_int("layers", 1, 3)))


def run(sampler: optuna.samplers.BaseSampler, n: int, objective: Callable[[optuna.Trial], float] = mixed, **study: Any) -> optuna.Study:
    made = optuna.create_study(sampler=sampler, **study)
    made.optimize(objective, n_trials=n)
    return made


def params(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.params for trial in study.trials]


# -- determinism, saving ----------------------------------------------------------------------------------------------


def test_same_seed_same_suggestions(name: str) -> None:
    first = params(run(Sampler(name, seed=3), 25))
    assert first == params(run(Sampler(name, seed=3), 25))
    assert first != params(run(Sampler(name, seed=4), 25))
    assert Sampler(name)._seed != Sampler(name)._seed


def test_pickled_or_made_anew_it_continues_the_same(name: str) -> None:
    whole = params(run(Sampler(name, seed=1), 24))
    for again in (lambda sampler: pickle.loads(pickle.dumps(sampler)), lambda _: Sampler(name, seed=1)):
        study = run(Sampler(name, seed=1), 12)
        study.sampler = again(study.sampler)
        study.optimize(mixed, n_trials=12)
        assert params(study) == whole


def test_reseeding_leaves_the_seed(name: str) -> None:
    sampler = Sampler(name, seed=1)
    sampler.reseed_rng()
    assert params(run(sampler, 12)) == params(run(Sampler(name, seed=1), 12))


def test_one_sampler_serves_several_studies() -> None:
    sampler = Sampler("tpe", seed=1, n_startup=5)
    storage = optuna.storages.InMemoryStorage()
    studies = [optuna.create_study(sampler=sampler, storage=storage, direction=d) for d in ("minimize", "maximize")]
    for _ in range(20):
        for study in studies:
            study.optimize(mixed, n_trials=1)
    for study, direction in zip(studies, ("minimize", "maximize"), strict=True):
        assert params(study) == params(run(Sampler("tpe", seed=1, n_startup=5), 20, direction=direction))


# -- what is told -----------------------------------------------------------------------------------------------------


def test_each_trial_is_told_once_as_it_was() -> None:
    recorder = Recorder()
    study = run(Sampler(recorder, seed=0), 30, lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_int("k", 0, 5))
    assert recorder.last("k", "x").configs == [dict(sorted(p.items())) for p in params(study)[:-1]]
    assert recorder.last("k", "x").targets == [trial.value for trial in study.trials[:-1]]
    assert len(recorder.engines) == 3   # of x and of k for the first trial, then of both


def test_maximizing_turns_the_values() -> None:
    recorder = Recorder()
    study = run(Sampler(recorder), 5, lambda trial: trial.suggest_float("x", 0, 1), direction="maximize")
    assert recorder.last("x").targets == [-trial.value for trial in study.trials[:-1]]


def told(recorder: Recorder, study: optuna.Study) -> list[float]:
    """The targets of the trials of `study`, made of X."""
    study.ask(X)
    return recorder.last("x").targets


def finished(value: float | None, x: float = 0.5, **more: Any) -> optuna.trial.FrozenTrial:
    return create_trial(params={"x": x}, distributions=X, value=value, **more)


def test_failed_trials_are_bad_ones() -> None:
    recorder = Recorder()
    study = optuna.create_study(sampler=Sampler(recorder))
    study.add_trials([finished(1.0), finished(None, state=TrialState.FAIL), finished(math.inf), finished(-math.inf)])
    assert told(recorder, study) == [1.0, math.inf, math.inf, math.inf]


def test_a_failure_says_nothing_about_what_appears_together() -> None:
    recorder = Recorder()

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        assert trial.number != 3
        return x + trial.suggest_float("y", 0, 1)

    study = optuna.create_study(sampler=Sampler(recorder))
    study.optimize(objective, n_trials=8, catch=AssertionError)
    assert len(recorder.engines) == 3 and len(recorder.last("x", "y").targets) == 6


def test_pruned_trials_count_with_their_last_value_but_not_among_the_better_half() -> None:
    pruned = {"state": TrialState.PRUNED}
    trials = [finished(None, intermediate_values={0: 7.0, 3: 5.0}, **pruned), *map(finished, [1.0, 2.0, 3.0])]
    trials += [finished(None, intermediate_values={1: v}, **pruned) for v in (0.5, 4.0, math.nan)] + [finished(None, **pruned)]
    for sign, direction in ((1, "minimize"), (-1, "maximize")):
        recorder = Recorder()
        study = optuna.create_study(sampler=Sampler(recorder), direction=direction)
        for trial in trials:
            study.add_trial(create_trial(
                params=trial.params, distributions=X, state=trial.state, value=trial.value and sign * trial.value,
                intermediate_values={step: sign * v for step, v in trial.intermediate_values.items()},
            ))
        assert told(recorder, study) == [5.0, 1.0, 2.0, 3.0, 2.0, 4.0, math.inf, math.inf]


def test_running_trials_are_pending() -> None:
    recorder = Recorder()
    study = optuna.create_study(sampler=Sampler(recorder))
    study.add_trial(finished(1.0))
    running = [study.ask(X) for _ in range(5)]
    assert recorder.last("x").pending == [trial.params for trial in running[:-1]]
    study.tell(running[1], 0.0)
    study.tell(running[2], state=TrialState.FAIL)
    study.ask(X)
    assert recorder.last("x").pending == [running[i].params for i in (0, 3, 4)]


def test_what_was_suggested_is_pending_before_the_objective_comes_to_it() -> None:
    recorder = Recorder()
    both = {**X, "y": FloatDistribution(0, 1)}
    study = optuna.create_study(sampler=Sampler(recorder))
    study.add_trial(create_trial(params={"x": 0.5, "y": 0.5}, distributions=both, value=1.0))
    trial = study.ask(X)
    study.ask(X)
    (pending,) = recorder.last("x", "y").pending
    assert pending["x"] == trial.params["x"] and pending["y"] == trial.suggest_float("y", 0, 1)


VALUES = st.one_of(st.floats(-10, 10), st.floats(allow_nan=False, allow_infinity=False))
CONSTRAINED = st.lists(st.tuples(VALUES, st.one_of(st.just(-1.0), st.floats(1e-6, 1e6), st.floats(0, math.inf))), max_size=12)


@given(CONSTRAINED, st.integers(0, 12))
def test_infeasible_trials_are_behind_all_feasible_ones(trials: list[tuple[float, float]], first: int) -> None:
    recorder = Recorder()
    study = optuna.create_study(sampler=Sampler(recorder))
    for part in (trials[:first], trials[first:]):
        study.add_trials([finished(v, system_attrs={"constraints": (c, -2.0)}) for v, c in part])
        targets = told(recorder, study) if study.trials else []
    feasible = [(t, v) for t, (v, c) in zip(targets, trials, strict=True) if c <= 0]
    infeasible = [(t, c) for t, (_, c) in zip(targets, trials, strict=True) if c > 0]
    assert all(t == v for t, v in feasible)
    assert all(t > v for t, _ in infeasible for _, v in feasible)
    ranked = [t for t, _ in sorted(infeasible, key=lambda pair: pair[1])]
    assert ranked == sorted(ranked)


def test_constraints_func() -> None:
    sampler = Sampler("auto", seed=0, constraints_func=lambda trial: (0.5 - trial.params["x"],))
    study = run(sampler, 25, lambda trial: trial.suggest_float("x", 0, 1))
    assert all(trial.system_attrs["constraints"] == (0.5 - trial.params["x"],) for trial in study.trials)
    assert 0.5 <= min(trial.value for trial in study.trials if trial.value >= 0.5) < 0.55


def test_a_constraints_func_that_fails_makes_an_infeasible_trial() -> None:
    recorder = Recorder()
    study = optuna.create_study(sampler=Sampler(recorder, constraints_func=lambda trial: [1 / trial.number]))
    with pytest.raises(ZeroDivisionError):
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    study.add_trial(finished(1.0))
    infeasible, feasible = told(recorder, study)
    assert infeasible > feasible == 1.0


# -- define by run ----------------------------------------------------------------------------------------------------


def test_conditional_parameters_are_searched_as_such() -> None:
    recorder = Recorder()
    run(Sampler(recorder, seed=0), 60)
    space = recorder.last("model", "x", "c", "depth", "layers", "units0", "units1", "units2").space
    conditions = {n: (p.condition.parent, set(p.condition.values)) for n, p in space.parameters.items() if p.condition is not None}
    assert conditions == {
        "c": ("model", {0}),
        "depth": ("model", {1}),
        "layers": ("model", {2}),
        "units0": ("model", {2}),
        "units1": ("layers", {2, 3}),
        "units2": ("layers", {3}),
    }


def test_values_outside_a_changed_range_are_left_out() -> None:
    recorder = Recorder()
    study = optuna.create_study(sampler=Sampler(recorder, seed=0))
    study.optimize(lambda trial: trial.suggest_int("k", 0, 10) + trial.suggest_float("x", 0, 1), n_trials=10)
    study.optimize(lambda trial: trial.suggest_int("k", 4, 20) + trial.suggest_float("x", 0, 1), n_trials=10)
    kept = [trial.params for trial in study.trials[:-1] if trial.params["k"] >= 4]
    assert len(kept) < 19
    assert recorder.last("k", "x").configs == kept
    assert len(recorder.last("x").configs) == 11   # searched by itself in the trial after the change


def test_values_of_another_kind_are_left_out(name: str) -> None:
    study = optuna.create_study(sampler=Sampler(name, seed=0, n_startup=2))
    for value, distribution in (("a", CategoricalDistribution(["a", "b"])), (None, CategoricalDistribution([None])), (0.2, X["x"]), (0.7, X["x"])):
        study.add_trial(create_trial(params={"x": value}, distributions={"x": distribution}, value=1.0))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=4)
    assert all(0 <= trial.params["x"] <= 1 for trial in study.trials[4:])


@settings(max_examples=25)
@given(st.data(), st.sampled_from(NAMES))
def test_any_objective_gets_values_in_range(data: st.DataObject, name: str) -> None:
    limits = st.integers(1, 4)

    def objective(trial: optuna.Trial) -> float:
        low, high = data.draw(limits), data.draw(limits) + 4
        value = trial.suggest_float("x", low, high) + trial.suggest_int("k", low, high)
        assert low <= trial.params["x"] <= high and low <= trial.params["k"] <= high
        if trial.suggest_categorical("more", [True, False]) == data.draw(st.booleans()):
            value += trial.suggest_float("step", 0, high / 4, step=0.25) + trial.suggest_int("log", low, 100, log=True)
        if data.draw(st.integers(0, 9)) == 0:
            raise optuna.TrialPruned
        return value if data.draw(st.integers(0, 9)) else math.nan

    study = run(Sampler(name, seed=0, n_startup=2), 8, objective)
    assert [trial.state for trial in study.trials if trial.state == TrialState.FAIL and not trial.params] == []


def test_categoricals_of_any_type() -> None:
    choices = [None, True, 1, 1.0, 2.5, math.nan, "1", "a", "a"]
    seen = set()

    def objective(trial: optuna.Trial) -> float:
        seen.add(repr(trial.suggest_categorical("c", choices)))   # of trial.params Optuna makes the first that is equal
        return 0.0

    run(Sampler("random", seed=0), 60, objective)
    assert seen == {repr(choice) for choice in choices}


@pytest.mark.parametrize("choices", [["a", "a", "b"], [True, 1, 0]])
def test_equal_choices_are_not_tried_twice_before_the_others(name: str, choices: list[Any]) -> None:
    """The storage has the first of them for all."""
    for seed in range(4):
        study = run(Sampler(name, seed=seed), 4, lambda trial: float(trial.suggest_categorical("c", choices) == choices[2]))
        assert sorted(trial.value for trial in study.trials[:2]) == [0.0, 1.0]


def test_enqueued_trials(name: str) -> None:
    study = optuna.create_study(sampler=Sampler(name, seed=0))
    for _ in range(2):
        study.enqueue_trial({"model": "svm", "x": 1.25, "c": 10.0})
        study.enqueue_trial({"x": -1.5})
        study.optimize(mixed, n_trials=8)
    assert [trial.params["x"] for trial in study.trials].count(-1.5) == 2
    assert [trial.params for trial in study.trials].count({"model": "svm", "x": 1.25, "c": 10.0}) == 2


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_partially_fixed(name: str) -> None:
    study = run(Sampler(name, seed=0, n_startup=4), 12)
    study.sampler = optuna.samplers.PartialFixedSampler({"model": "svm"}, study.sampler)
    study.optimize(mixed, n_trials=12)
    fixed = [trial.params for trial in study.trials[12:]]
    assert all(set(p) == {"model", "x", "c"} and p["model"] == "svm" for p in fixed)
    assert len({p["x"] for p in fixed}) == 12


def test_a_small_space_is_searched_exhaustively_and_then_again(name: str) -> None:
    def objective(trial: optuna.Trial) -> float:
        return trial.suggest_int("k", 0, 3) + trial.suggest_categorical("c", [0, 1])

    study = run(Sampler(name, seed=0), 30, objective)
    seen = [tuple(p.values()) for p in params(study)]
    assert len(set(seen[:9])) == 8   # the first trial is not known to have both when it is suggested
    assert len(seen) == 30


def test_what_a_trial_that_died_had_reserved_is_tried(name: str) -> None:
    both = {"k": IntDistribution(0, 3), "c": CategoricalDistribution([0, 1])}
    study = optuna.create_study(sampler=Sampler(name, seed=0))
    for _ in range(2):
        study.tell(study.ask(both), 1.0)
    died, lives = study.ask({"other": IntDistribution(0, 1)}), study.ask(both)   # values of both are reserved for the first one too
    study.tell(died, state=TrialState.FAIL)
    study.tell(lives, 1.0)
    tried = params(study)
    while len({tuple(p.items()) for p in params(study)}) < 1 + 8:
        restarted = optuna.create_study(sampler=Sampler(name, seed=0))
        restarted.add_trials(study.trials)
        tried.append(restarted.ask(both).params)
        trial = study.ask(both)
        study.tell(trial, 1.0)
        assert trial.params == tried[-1] and trial.params not in tried[:-1]


# -- around it --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pruner", [optuna.pruners.MedianPruner(n_startup_trials=2), optuna.pruners.HyperbandPruner(max_resource=9)])
def test_pruners_beside_it(pruner: optuna.pruners.BasePruner) -> None:
    def objective(trial: optuna.Trial) -> float:
        value = mixed(trial)
        for step in range(9):
            trial.report(value + 1 / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    study = run(Sampler("auto", seed=0), 40, objective, pruner=pruner)
    states = [trial.state for trial in study.trials]
    assert TrialState.PRUNED in states and TrialState.COMPLETE in states and TrialState.FAIL not in states
    assert study.best_value < 0.5


def test_threads(name: str) -> None:
    together = threading.Barrier(4)

    def objective(trial: optuna.Trial) -> float:
        value = mixed(trial)
        together.wait(timeout=60)
        return value

    study = optuna.create_study(sampler=Sampler(name, seed=0))
    study.optimize(objective, n_trials=40, n_jobs=4)
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)
    assert len({tuple(p.items()) for p in params(study)}) == 40


WORKER = """
import sys, warnings
import optuna
from hpo_fast.adapters.optuna import Sampler
optuna.logging.set_verbosity(optuna.logging.ERROR)
kind, path = sys.argv[1:]
warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(path)) if kind == "journal" else f"sqlite:///{path}"
study = optuna.load_study(study_name="s", storage=storage, sampler=Sampler("tpe", seed=0, n_startup=4))
study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2 + trial.suggest_int("k", 0, 9), n_trials=10)
"""


@pytest.fixture(params=["journal", "sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connect(kind: str, tmp_path: Path) -> Iterator[Callable[[], optuna.storages.BaseStorage]]:
    """What connects to the storage that is the file "study", each time anew."""
    databases: list[optuna.storages.RDBStorage] = []

    def new() -> optuna.storages.BaseStorage:
        if kind == "journal":
            return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "study")))
        databases.append(optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'study'}"))
        return databases[-1]

    yield new
    for database in databases:
        database.remove_session()
        database.engine.dispose()


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_processes(kind: str, connect: Callable[[], optuna.storages.BaseStorage], tmp_path: Path) -> None:
    study = optuna.create_study(study_name="s", storage=connect())
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, kind, str(tmp_path / "study")], cwd=tmp_path) for _ in range(2)]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    recorder = Recorder()
    study.sampler = Sampler(recorder)
    study.ask({**X, "x": FloatDistribution(-1, 1), "k": IntDistribution(0, 9)})
    trials = study.get_trials(states=[TrialState.COMPLETE])
    assert len(trials) == 20   # nearly always distinct: only suggestions of the same instant do not see each other
    assert recorder.last("k", "x").targets == [trial.value for trial in trials]


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_what_another_process_has_under_way_is_not_suggested(connect: Callable[[], optuna.storages.BaseStorage]) -> None:
    studies = [
        optuna.create_study(study_name="s", storage=connect(), sampler=Sampler("tpe", seed=0, n_startup=4), load_if_exists=True) for _ in range(3)
    ]
    space = {"x": FloatDistribution(-1, 1, step=0.5), "k": IntDistribution(0, 5)}
    for turn in range(10):
        trials = [study.ask(space) for study in studies]
        if turn % 3:   # every third round stays under way
            for study, trial in zip(studies, trials, strict=True):
                study.tell(trial, trial.params["x"] ** 2 + trial.params["k"])
    assert len({tuple(p.items()) for p in params(studies[0])}) == 30   # all there are


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_study_with_the_id_of_a_deleted_one(connect: Callable[[], optuna.storages.BaseStorage]) -> None:
    storage, sampler, found = optuna.storages.get_storage(connect()), Sampler("tpe", seed=0), []
    for n in (20, 20, 25):
        study = optuna.create_study(sampler=sampler, storage=storage, study_name="s")
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=n)
        found.append(params(study)[:20])
        optuna.delete_study(study_name="s", storage=storage)
    assert found[0] == found[1] == found[2]


def test_several_objectives_are_left_to_optuna_with_one_warning() -> None:
    def objective(trial: optuna.Trial) -> tuple[float, float]:
        x = trial.suggest_float("x", -1, 1)
        return x**2, (x - 1) ** 2

    sampler = Sampler(seed=0, constraints_func=lambda trial: [trial.params["x"] - 0.5])
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    with pytest.warns(UserWarning, match="the study has 2 objectives and hpo_fast models one") as caught:
        study.optimize(objective, n_trials=12)
        sampler.reseed_rng()
    assert len(caught) == 1
    theirs = optuna.create_study(directions=["minimize", "minimize"], sampler=optuna.samplers.TPESampler(seed=0))
    theirs.optimize(objective, n_trials=12)
    assert params(study)[:10] == params(theirs)[:10]
    assert all(trial.system_attrs["constraints"] == (trial.params["x"] - 0.5,) for trial in study.trials)


def test_wrong_arguments() -> None:
    for arguments, error, message in (
        ({"sampler": "cmaes"}, ValueError, "sampler='cmaes' is unknown"),
        ({"seed": -1}, ValueError, "seed=-1 must be at least 0"),
        ({"n_startup": 2.5}, TypeError, "n_startup=2.5 must be an integer"),
        ({"constraints_func": 3}, TypeError, "constraints_func=3 must be a function"),
        ({"threads": 0}, ValueError, "threads=0 must be at least 1"),
    ):
        with pytest.raises(error, match=message):
            Sampler(**arguments)
    assert repr(Sampler("tpe", seed=1, n_startup=3)).startswith("Sampler(TPE(n_startup=3,")


@pytest.mark.parametrize("sampler", ["auto", "tpe", "random"])
def test_integers_beyond_the_encoding_are_searched_as_floats(sampler: str) -> None:
    study = optuna.create_study(sampler=Sampler(sampler, seed=0))

    def objective(trial: optuna.Trial) -> float:
        seed = trial.suggest_int("seed", 0, 2**62)
        step = trial.suggest_int("step", 0, 2**54, step=2)
        log = trial.suggest_int("log", 1, 2**60, log=True)
        assert 0 <= seed <= 2**62 and 0 <= step <= 2**54 and step % 2 == 0 and 1 <= log <= 2**60
        return abs(seed / 2**62 - 0.3) + step / 2**54 + abs(math.log2(log) - 40) / 60

    study.optimize(objective, 25)
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 25
    study.add_trial(create_trial(value=0.0, params={"seed": 2**62, "step": 2**54, "log": 2**60}, distributions=study.trials[0].distributions))
    study.optimize(objective, 3)


def test_an_interrupted_suggestion_is_forgotten() -> None:
    """At any line of the sampler: no configuration of a finite space is lost, and none comes twice."""
    lines = [0, 0]   # so far, and the one at which the next interrupt comes

    def in_frame(frame: Any, event: str, arg: Any) -> Any:
        if event == "line":
            lines[0] += 1
            if lines[0] == lines[1]:
                raise KeyboardInterrupt
        return in_frame

    study, file = optuna.create_study(sampler=Sampler("tpe", seed=0)), hpo_fast.adapters.optuna.__file__
    after = {"after_trial", "_for_several_objectives"}   # where Optuna itself does not take an interrupt
    while lines[1] < 3000 and len(study.trials) < 60:
        lines[:] = [0, lines[1] + 37]
        sys.settrace(lambda frame, event, arg: in_frame if frame.f_code.co_filename == file and frame.f_code.co_name not in after else None)
        try:
            study.optimize(lambda trial: (trial.suggest_int("x", 0, 59) - 7) ** 2, 100)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
    study.optimize(lambda trial: (trial.suggest_int("x", 0, 59) - 7) ** 2, 130)
    done = [trial.params["x"] for trial in study.trials if trial.state == TrialState.COMPLETE]
    under_way = {trial.params.get("x") for trial in study.trials if not trial.state.is_finished()}
    assert set(done) | under_way >= set(range(60)) and len(set(done[: 60 - len(under_way)])) == 60 - len(under_way)


def test_an_integer_beyond_floats_is_named() -> None:
    with pytest.raises(ValueError, match=r"parameter 'k': Int: .* does not fit"):
        run(Sampler(), 1, lambda trial: trial.suggest_int("k", 0, 10**400))
