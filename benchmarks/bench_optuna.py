"""Whole Optuna studies: `Sampler` of hpo_fast against Optuna's own samplers and rustuna, side by side in one run.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 taskset -c 0 pytest benchmarks/bench_optuna.py -s -W default

The objective costs nothing: five floats and two categoricals, in memory. Of the seconds of CPU of a study, the table says what was spent
in the sampler, and of that in listing the trials of the storage; the rest is Optuna's: trials, parameters, storage.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator

import pytest

optuna = pytest.importorskip("optuna", reason="install the extra: pip install '.[bench]'")

from hpo_fast.adapters.optuna import Sampler  # noqa: E402

CASES = [("random", 1000), ("random", 10_000), ("tpe", 1000), ("tpe", 10_000), ("auto", 1000), ("auto", 10_000), ("gp", 200), ("gp", 1000), ("gp", 10_000)]
PEERS = [("optuna random", 1000), ("optuna random", 10_000), ("rustuna tpe", 1000), ("rustuna tpe", 10_000)]
PEERS += [("optuna tpe", 1000), ("optuna tpe", 10_000), ("optuna gp", 200), ("optuna gp", 1000)]   # the last takes an hour or so
LINES: list[str] = []


def objective(trial) -> float:
    value = sum((trial.suggest_float(f"x{i}", 0.0, 1.0) - 0.3) ** 2 for i in range(5))
    return value + (trial.suggest_categorical("a", ["p", "q", "r"]) != "q") + 0.5 * (trial.suggest_categorical("b", [True, None]) is None)


class Stopwatch:
    """Seconds of CPU spent in calls, those within each other counted once."""

    def __init__(self) -> None:
        self.seconds, self._depth = 0.0, 0

    def timed(self, function: Callable) -> Callable:
        def call(*args, **kwargs):
            start, self._depth = time.process_time(), self._depth + 1
            try:
                return function(*args, **kwargs)
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self.seconds += time.process_time() - start

        return call


def make(peer: str):
    """A study, and stopwatches for its sampler and, with ours, for the listing of trials that it asks for."""
    host, _, name = peer.rpartition(" ")
    in_sampler, in_listing = Stopwatch(), Stopwatch()
    if host == "rustuna":
        rustuna = pytest.importorskip("rustuna")
        return rustuna.create_study(sampler=rustuna.samplers.TPESampler(seed=0, multivariate=True)), in_sampler, in_listing
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    theirs = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler, "gp": optuna.samplers.GPSampler}
    sampler = theirs[name](seed=0) if host else Sampler(name, seed=0)
    for method in ("infer_relative_search_space", "sample_relative", "sample_independent", "before_trial", "after_trial"):
        setattr(sampler, method, in_sampler.timed(getattr(sampler, method)))
    storage = optuna.storages.InMemoryStorage()
    if not host:
        listing = in_listing.timed(storage.get_all_trials)
        plain = storage.get_all_trials
        storage.get_all_trials = lambda *args, **kwargs: (listing if in_sampler._depth else plain)(*args, **kwargs)
    return optuna.create_study(sampler=sampler, storage=storage), in_sampler, in_listing


@pytest.mark.parametrize(("peer", "n"), CASES + PEERS)
def test_study(benchmark, peer: str, n: int) -> None:
    """Seconds of CPU of a whole study; those of the clock are the benchmark's own."""
    warnings.simplefilter("ignore")
    study, in_sampler, in_listing = make(peer)
    whole = Stopwatch()
    benchmark.pedantic(whole.timed(lambda: study.optimize(objective, n_trials=n)), rounds=1)
    total = whole.seconds
    best = min(trial.value for trial in study.get_trials())
    inside = "" if peer.startswith("rustuna") else f"{in_sampler.seconds:.3g}"
    listing = "" if " " in peer else f"{in_listing.seconds:.2g}"
    LINES.append(f"| {peer if ' ' in peer else 'hpo_fast ' + peer} | {n:,} | {total:.3g} | {n / total:,.0f} | {inside} | {listing} | {best:.1e} |")


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """Print the table after the last test."""
    yield
    print("\n| sampler | trials | study, CPU s | trials / s | of it in the sampler, s | of that listing trials, s | best value |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    print("\n".join(LINES))
