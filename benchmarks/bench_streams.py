"""Streams of configurations against the peers' generators and grids, per configuration, side by side in one run.

    OMP_NUM_THREADS=1 taskset -c 0 pytest benchmarks/bench_streams.py -s -W default

Each peer makes as many configurations as it can in about a second; what is compared is the time of one. Ratios are printed at
the end. Peers: NumPy's Generator, scikit-learn's ParameterSampler and ParameterGrid, ConfigSpace, SciPy's and PyTorch's Sobol,
itertools.product, numpy.meshgrid, Optuna's GridSampler.
"""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

import hpo_fast as hf

MEDIANS: dict[tuple[str, str], float] = {}
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
    MEDIANS[what, peer] = benchmark.stats.stats.median / n


def blocks(benchmark, what: str, peer: str, stream: hf.Grid | hf.Uniform | hf.Sobol) -> None:
    """What a scan reads: raw columns of 4,096 configurations at a time, which stay in cache."""
    out = np.empty((len(stream.space), 4096))

    def run() -> None:
        for first in range(0, N - 4096, 4096):
            stream.core.fill(first, out)

    measure(benchmark, what, peer, N, run, 3)


# -- uniform, mixed: 10 parameters --------------------------------------------------------------------------------------


def numpy_columns(n: int) -> dict[str, np.ndarray]:
    """What one writes by hand."""
    rng = np.random.default_rng(0)
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


@pytest.mark.parametrize("peer", ["hpo_fast", "hpo_fast: raw block", "numpy", "sklearn", "ConfigSpace"])
def test_uniform_mixed(benchmark, peer: str) -> None:
    what = "uniform, 10 mixed"
    if peer == "hpo_fast":
        measure(benchmark, what, peer, N, lambda: hf.Uniform(hf.Space(MIXED), N).columns(), 3)
    elif peer == "hpo_fast: raw block":
        blocks(benchmark, what, peer, hf.Uniform(hf.Space(MIXED), N))
    elif peer == "numpy":
        measure(benchmark, what, peer, N, lambda: numpy_columns(N), 3)
    elif peer == "sklearn":
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


@pytest.mark.parametrize("peer", ["hpo_fast", "hpo_fast: raw block", "scipy", "torch"])
def test_sobol(benchmark, peer: str) -> None:
    what = "scrambled Sobol, 10 reals"
    space = hf.Space({f"x{i}": hf.Float(0.0, 1.0) for i in range(10)})
    warnings.simplefilter("ignore")
    if peer == "hpo_fast":   # encoded: points, as the peers give them
        measure(benchmark, what, peer, N, lambda: hf.Sobol(space, N).rows(), 3)
    elif peer == "hpo_fast: raw block":
        blocks(benchmark, what, peer, hf.Sobol(space, N))
    elif peer == "scipy":
        from scipy.stats import qmc

        measure(benchmark, what, peer, N, lambda: qmc.Sobol(10, bits=32, rng=0).random(N), 3)
    else:
        torch = pytest.importorskip("torch")
        torch.set_num_threads(1)
        measure(benchmark, what, peer, N, lambda: torch.quasirandom.SobolEngine(10, scramble=True, seed=0).draw(N, dtype=torch.float64), 3)


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
        blocks(benchmark, what, peer, grid.shuffled() if "shuffled" in peer else grid)
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
    for (what, peer), seconds in MEDIANS.items():
        lines.append(f"| {what} | {peer} | {seconds * 1e9:,.3g} | {seconds / MEDIANS.get((what, 'hpo_fast'), seconds):.3g}x |")
    print("\n".join(lines))
