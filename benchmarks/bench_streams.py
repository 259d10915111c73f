"""Streams of configurations against the peers' generators and grids, per configuration, side by side in one run.

    OMP_NUM_THREADS=1 taskset -c 0 pytest benchmarks/bench_streams.py -s -W default

Each peer makes as many configurations as it can in about a second; what is compared is the time of one. Ratios are printed at
the end. Uniform and Sobol columns run in turn with NumPy and SciPy, in CPU time, which other jobs on the machine disturb least, and the
fastest of seven rounds counts: the host of a virtual machine that takes freed memory back lets whoever touches it next wait, which is
not always the same. "memory alone" is an array of their size, made and written once. With 2 threads it is the time on the clock: unpin
those (``-k threads``, without taskset). Peers: NumPy's Generator, scikit-learn's ParameterSampler and ParameterGrid, ConfigSpace, SciPy's and PyTorch's Sobol,
itertools.product, numpy.meshgrid, Optuna's GridSampler.
"""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hpo_fast as hf

SECONDS: dict[tuple[str, str], float] = {}
MIXED = {
    "lr": hf.Float(1e-5, 1e-1, log=True),
    "decay": hf.Float(1e-6, 1e-2, log=True),
    "dropout": hf.Float(0.0, 0.5),
    "momentum": hf.Float(0.5, 0.99),
    "layers": hf.Int(1, 8),
    "units": hf.Int(16, 1024),
    "batch": hf.Int(1, 64),
    "activation": hf.Categorical(["relu", "gelu", "tanh"]),
    "optimizer": hf.Categorical(["adamw", "lion", "sgd"]),
    "width": hf.Ordinal([8, 16, 32, 64]),
}
SIDES = [range(32)] * 6
N = 10_000_000


def measure(benchmark, what: str, peer: str, n: int, run, rounds: int = 5) -> None:
    """`run` makes n configurations."""
    benchmark.pedantic(run, rounds=rounds, warmup_rounds=1)
    SECONDS[what, peer] = benchmark.stats.stats.median / n


def in_turn(what: str, jobs: dict[str, tuple[int, Callable[[], object]]], clock: Callable[[], float] = time.process_time, rounds: int = 7) -> None:
    """Each job makes n configurations."""
    seconds: dict[str, list[float]] = {peer: [] for peer in jobs}
    for _ in range(rounds + 1):
        for peer, (n, run) in jobs.items():
            began = clock()
            run()
            seconds[peer].append((clock() - began) / n)
    for peer, all_rounds in seconds.items():
        SECONDS[what, peer] = min(all_rounds[1:])


def in_parts(n: int, make: Callable[[int], object]) -> tuple[int, Callable[[], None]]:
    """make(first) makes 4,096 configurations, which stay in cache."""

    def run() -> None:
        for first in range(0, n - 4096, 4096):
            make(first)

    return n, run


def blocks(stream: hf.Grid | hf.Uniform | hf.Sobol) -> tuple[int, Callable[[], None]]:
    """What a scan reads: raw columns, in place."""
    out = np.empty((len(stream.space), 4096))
    return in_parts(N, lambda first: stream.core.fill(first, out))


def memory(d: int, threads: int = 1) -> tuple[int, Callable[[], None]]:
    def run() -> None:
        parts = np.array_split(np.empty(d * N), threads)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda part: part.fill(1.0), parts))   # without the GIL

    return N, run


# -- uniform, mixed: 10 parameters --------------------------------------------------------------------------------------


def numpy_columns(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What one writes by hand."""
    columns: dict[str, np.ndarray] = {}
    for name, p in MIXED.items():
        if isinstance(p, hf.Float) and p.log:
            columns[name] = np.exp(rng.uniform(np.log(p.low), np.log(p.high), n))
        elif isinstance(p, hf.Float):
            columns[name] = rng.uniform(p.low, p.high, n)
        elif isinstance(p, hf.Int):
            columns[name] = rng.integers(p.low, p.high, n, endpoint=True)
        else:
            choices = np.array(p.choices, dtype=object if isinstance(p.choices[0], str) else None)
            columns[name] = choices[rng.integers(0, len(choices), n)]
    return columns


def test_uniform_mixed_in_turn() -> None:
    stream, rng = hf.Uniform(hf.Space(MIXED), N), np.random.default_rng(0)
    in_turn("uniform, 10 mixed", {
        "hpo_fast": (N, stream.columns),
        "hpo_fast: rows": (N, stream.rows),
        "numpy": (N, lambda: numpy_columns(N, rng)),
        "memory alone": memory(10),
    })   # fmt: skip
    in_turn("uniform, 10 mixed, 4,096 at a time", {
        "hpo_fast": in_parts(N, lambda first: stream.columns(first, first + 4096)),
        "hpo_fast: raw block": blocks(stream),
        "numpy": in_parts(N, lambda first: numpy_columns(4096, rng)),
    })   # fmt: skip


def test_two_threads() -> None:
    stream, points, rng = hf.Uniform(hf.Space(MIXED), N), hf.Sobol(reals(10), N), np.random.default_rng(0)
    in_turn("uniform, 10 mixed, on the clock", {
        "hpo_fast": (N, stream.columns),
        "hpo_fast: 2 threads": (N, lambda: stream.columns(threads=2)),
        "numpy": (N, lambda: numpy_columns(N, rng)),
        "memory alone": memory(10),
        "memory alone: 2 threads": memory(10, 2),
    }, time.perf_counter)   # fmt: skip
    in_turn("scrambled Sobol, 10 reals, on the clock", {
        "hpo_fast": (N, points.rows),
        "hpo_fast: 2 threads": (N, lambda: points.rows(threads=2)),
        "scipy": (N, lambda: scipy_points(10, N)),
        "memory alone": memory(10),
        "memory alone: 2 threads": memory(10, 2),
    }, time.perf_counter)   # fmt: skip


@pytest.mark.parametrize("peer", ["sklearn", "ConfigSpace"])
def test_uniform_mixed(benchmark, peer: str) -> None:
    what = "uniform, 10 mixed"
    if peer == "sklearn":
        from scipy import stats
        from sklearn.model_selection import ParameterSampler

        space = {}
        for name, p in MIXED.items():
            if isinstance(p, hf.Float):
                space[name] = stats.loguniform(p.low, p.high) if p.log else stats.uniform(p.low, p.high - p.low)
            else:
                space[name] = stats.randint(p.low, p.high + 1) if isinstance(p, hf.Int) else list(p.choices)
        measure(benchmark, what, peer, 1000, lambda: list(ParameterSampler(space, 1000, random_state=0)))
    else:
        module = pytest.importorskip("ConfigSpace")
        space = module.ConfigurationSpace(seed=0)
        for name, p in MIXED.items():
            if isinstance(p, hf.Float):
                space.add(module.Float(name, (p.low, p.high), log=p.log))
            else:
                space.add(module.Integer(name, (p.low, p.high)) if isinstance(p, hf.Int) else module.Categorical(name, list(p.choices)))
        measure(benchmark, what, peer, 10_000, lambda: space.sample_configuration(10_000))


# -- scrambled Sobol: 10 dimensions -------------------------------------------------------------------------------------


def reals(d: int) -> hf.Space:
    return hf.Space({f"x{i}": hf.Float(0.0, 1.0) for i in range(d)})


def scipy_points(d: int, n: int, at_a_time: int = N) -> None:
    from scipy.stats import qmc

    warnings.simplefilter("ignore")   # n is no power of two
    engine = qmc.Sobol(d, bits=32, rng=0)
    for first in range(0, n, at_a_time):
        engine.random(min(at_a_time, n - first))


@pytest.mark.parametrize("d", [10, 50])
def test_sobol_in_turn(d: int) -> None:
    """Encoded: points, as the peers give them; all at once, and in blocks that stay in cache."""
    n = N * 10 // d
    stream = hf.Sobol(reals(d), n)
    in_turn(f"scrambled Sobol, {d} reals", {
        "hpo_fast": (n, stream.rows),
        "scipy": (n, lambda: scipy_points(d, n)),
        "memory alone": (n, memory(10)[1]),
    })   # fmt: skip
    in_turn(f"scrambled Sobol, {d} reals, 4,096 at a time", {
        "hpo_fast": in_parts(n, lambda first: stream.rows(first, first + 4096)),
        "scipy": (n, lambda: scipy_points(d, n, 4096)),
    })   # fmt: skip


def test_sobol_torch(benchmark) -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    measure(benchmark, "scrambled Sobol, 10 reals", "torch", N,
            lambda: torch.quasirandom.SobolEngine(10, scramble=True, seed=0).draw(N, dtype=torch.float64), 3)   # fmt: skip


# -- grids: 6 ints of 32 values, 2^30 configurations --------------------------------------------------------------------


def small_ints() -> hf.Space:
    return hf.Space({f"p{i}": hf.Int(0, 31) for i in range(6)})


@pytest.mark.parametrize("peer", ["hpo_fast", "hpo_fast: raw block", "hpo_fast: raw block, shuffled", "itertools", "meshgrid", "sklearn"])
def test_grid_in_order(benchmark, peer: str) -> None:
    what = "a grid in order, 6 ints"
    grid = hf.Grid(small_ints())
    if peer == "hpo_fast":
        measure(benchmark, what, peer, N, lambda: grid.columns(0, N), 3)
    elif "raw block" in peer:
        measure(benchmark, what, peer, *blocks(grid.shuffled() if "shuffled" in peer else grid), 3)
    elif peer == "itertools":
        measure(benchmark, what, peer, N, lambda: all(True for _ in itertools.islice(itertools.product(*SIDES), N)), 3)
    elif peer == "meshgrid":
        sides = [np.arange(15)] * 6
        measure(benchmark, what, peer, 15**6, lambda: [a.ravel() for a in np.meshgrid(*sides, indexing="ij")], 3)
    else:
        from sklearn.model_selection import ParameterGrid

        peers = ParameterGrid({f"p{i}": side for i, side in enumerate(SIDES)})
        measure(benchmark, what, peer, 100_000, lambda: list(itertools.islice(peers, 100_000)))


@pytest.mark.parametrize("peer", ["hpo_fast", "hpo_fast: 10^18", "sklearn", "optuna"])
def test_grid_items(benchmark, peer: str) -> None:
    """A configuration as a dict from its index; Optuna's sampler has to list the grid, so it gets 10^3 of them and an ask each."""
    what = "grid[i], to a dict"
    if peer.startswith("hpo_fast"):
        grid = hf.Grid(small_ints() if peer == "hpo_fast" else hf.Space({f"p{i}": hf.Int(0, 999) for i in range(6)})).shuffled()
        measure(benchmark, what, peer, 1000, lambda: [grid[i] for i in range(1000)])
    elif peer == "sklearn":
        from sklearn.model_selection import ParameterGrid

        peers = ParameterGrid({f"p{i}": side for i, side in enumerate(SIDES)})
        measure(benchmark, what, peer, 1000, lambda: [peers[i * 1_000_003] for i in range(1000)])
    else:
        optuna = pytest.importorskip("optuna")
        optuna.logging.set_verbosity(optuna.logging.ERROR)

        def run() -> None:
            study = optuna.create_study(sampler=optuna.samplers.GridSampler({f"p{i}": list(range(10)) for i in range(3)}, seed=0))
            study.optimize(lambda trial: trial.suggest_int("p0", 0, 9) + trial.suggest_int("p1", 0, 9) + trial.suggest_int("p2", 0, 9), 200)

        measure(benchmark, what, peer, 200, run, 1)


def test_construction(benchmark) -> None:
    """A grid of 10^18 configurations."""
    space = hf.Space({f"p{i}": hf.Int(0, 999) for i in range(6)})
    measure(benchmark, "hf.Grid of 10^18", "hpo_fast", 1, lambda: hf.Grid(space), 200)


@pytest.fixture(scope="module", autouse=True)
def ratios():
    """Print the table of times and ratios after the last test."""
    yield
    lines = ["", "| what | peer | ns a configuration | against hpo_fast |", "| --- | --- | ---: | ---: |"]
    for (what, peer), seconds in SECONDS.items():
        lines.append(f"| {what} | {peer} | {seconds * 1e9:,.3g} | {seconds / SECONDS.get((what, 'hpo_fast'), seconds):.3g}x |")
    print("\n".join(lines))
