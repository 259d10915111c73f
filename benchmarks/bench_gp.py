"""The Gaussian process: whole suggestions, fits, posteriors, and one likelihood gradient against the LAPACK it needs.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 taskset -c 0 pytest benchmarks/bench_gp.py -s -W default

Peers: Optuna 5's GPSampler (whole asks), scikit-learn's GaussianProcessRegressor (fits and posteriors). Ratios of the same run
are printed at the end.
"""

from __future__ import annotations

import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import hpo_fast as hf

sys.path.insert(0, str(Path(__file__).parent))
from bench_suggest import Fast, Study, space_of

MEDIANS: dict[tuple[str, str, str], float] = {}
ROUNDS = {"hpo_fast": 20, "optuna": 3}


class OptunaGp(Study):
    """A study with Optuna's GPSampler and the history of `Fast`."""

    def __init__(self, space: hf.Space, n: int) -> None:
        import optuna

        super().__init__(optuna, space, n)
        self.study.sampler = optuna.samplers.GPSampler(seed=0, deterministic_objective=False)


def measure(benchmark, what: str, case: str, peer: str, run, setup=None, rounds: int = 5) -> None:
    benchmark.pedantic(run, setup=setup, rounds=rounds, warmup_rounds=1)
    MEDIANS[what, case, peer] = benchmark.stats.stats.median


@pytest.mark.parametrize("peer", ["hpo_fast", "optuna"])
@pytest.mark.parametrize("n", [50, 200, 500, 1000, 5000, 20_000, 100_000])
@pytest.mark.parametrize("space", ["d=5", "d=20", "d=50", "mixed"])
def test_ask(benchmark, space: str, n: int, peer: str) -> None:
    """One ask, its result told outside the clock; the fits that fall between are part of it."""
    if peer == "optuna":
        pytest.importorskip("torch", reason="install the extra: pip install '.[bench]'")
        if n > 1000 or (n > 200 and space != "d=20"):
            pytest.skip("minutes")
    warnings.simplefilter("ignore")
    asker = Fast("gp", space_of(space), n) if peer == "hpo_fast" else OptunaGp(space_of(space), n)
    told = []

    def setup() -> None:
        if told:
            asker.tell(told.pop())

    measure(benchmark, "ask", f"{space}, n={n:,}", peer, lambda: told.append(asker.ask()), setup, ROUNDS[peer])


def test_batch_of_8(benchmark) -> None:
    asker = Fast("gp", space_of("d=20"), 200)

    def setup() -> None:
        for trial in asker.opt.pending:
            asker.opt.forget(trial)

    measure(benchmark, "batch of 8", "d=20, n=200", "hpo_fast", lambda: asker.opt.ask(8), setup)


@pytest.mark.parametrize("peer", ["hpo_fast", "one by one"])
@pytest.mark.parametrize("n", [200, 1000])
def test_eight_threads(benchmark, n: int, peer: str) -> None:
    """Eight optimizers asked once each: by eight Python threads at once, and one after another. On c cores the first is c times
    faster at best; slower than the second would mean that their BLAS threads are in each other's way. Unpinned:
    ``pytest benchmarks/bench_gp.py -k eight -s``."""
    askers = [Fast("gp", space_of("d=20"), n) for _ in range(8)]

    def setup() -> None:
        for asker in askers:
            for trial in asker.opt.pending:
                asker.tell(trial)

    with ThreadPoolExecutor(8) as pool:
        each = {"hpo_fast": pool.map, "one by one": map}[peer]
        measure(benchmark, "8 asks at once", f"d=20, n={n:,}", peer, lambda: list(each(Fast.ask, askers)), setup, 10)


def data(n: int, d: int = 10) -> tuple[hf.Space, np.ndarray, np.ndarray]:
    space = space_of(f"d={d}")
    X = space.sample(n, seed=1)
    return space, X, np.sin(3 * X).sum(axis=1) + 0.1 * np.random.default_rng(0).normal(size=n)


def regressor(X: np.ndarray, y: np.ndarray, fit: bool):
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    kernel = ConstantKernel() * Matern(np.ones(X.shape[1]), nu=2.5) + WhiteKernel()
    return GaussianProcessRegressor(kernel, normalize_y=True, optimizer="fmin_l_bfgs_b" if fit else None).fit(X, y)


@pytest.mark.parametrize("peer", ["hpo_fast", "scikit-learn"])
@pytest.mark.parametrize("n", [100, 500, 1000])
def test_cold_fit(benchmark, n: int, peer: str) -> None:
    space, X, y = data(n)
    warnings.simplefilter("ignore")
    run = (lambda: hf.surrogate(space, X, y)) if peer == "hpo_fast" else (lambda: regressor(X, y, fit=True))
    measure(benchmark, "cold fit", f"d=10, n={n:,}", peer, run, rounds=1 if peer != "hpo_fast" else 3)


@pytest.mark.parametrize("peer", ["hpo_fast", "scikit-learn", "floor"])
@pytest.mark.parametrize("n", [100, 500])
def test_posterior(benchmark, n: int, peer: str) -> None:
    """Mean and deviation of 100,000 rows. The floor: the products of their covariances (q, n) and exps alone, in NumPy."""
    space, X, y = data(n)
    rows = space.sample(100_000, seed=5)
    if peer == "hpo_fast":
        model = hf.surrogate(space, X, y)
        run = lambda: model.predict(rows)   # noqa: E731
    elif peer == "scikit-learn":
        other = regressor(X, y, fit=False)
        run = lambda: other.predict(rows, return_std=True)   # noqa: E731
    else:
        square = np.eye(n)

        def run() -> None:
            for i in range(0, len(rows), 128):
                k = rows[i : i + 128] @ X.T
                np.exp(k, out=k)
                k @ square

    measure(benchmark, "posterior of 100,000", f"d=10, n={n:,}", peer, run, rounds=3)


@pytest.mark.parametrize("peer", ["hpo_fast", "floor"])
@pytest.mark.parametrize("n", [200, 500, 1000])
def test_likelihood_gradient(benchmark, n: int, peer: str) -> None:
    """One log posterior with its gradient, d = 20. The floor: dpotrf + dpotri at the same n."""
    from scipy.linalg import lapack

    space, X, y = data(n, 20)
    engine = hf.samplers.GP().start(space, 0, 1)
    engine.tell(X, y)
    _, targets, theta, _ = engine.model()
    k = np.asfortranarray(X @ X.T + n * np.eye(n))

    def run() -> None:
        if peer == "hpo_fast":
            engine._core.log_posterior(X, targets, theta)
        else:
            lapack.dpotri(lapack.dpotrf(k, lower=0)[0], lower=0)

    measure(benchmark, "likelihood gradient", f"d=20, n={n:,}", peer, run, rounds=20)


@pytest.fixture(scope="module", autouse=True)
def table():
    """Print the medians and ratios after the last test."""
    yield
    print("\n\n| what | case | hpo_fast, ms | peer / hpo_fast |\n| --- | --- | ---: | --- |")
    for what, case, peer in MEDIANS:
        if peer == "hpo_fast":
            ours = MEDIANS[what, case, peer]
            others = [f"{p} {v / ours:.2f}x" for (w, c, p), v in MEDIANS.items() if (w, c) == (what, case) and p != peer]
            print(f"| {what} | {case} | {ours * 1e3:.3g} | {', '.join(others)} |")
