"""The Gaussian process: whole suggestions and their parts, fits, posteriors, and one likelihood gradient against the LAPACK it needs.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 taskset -c 0 pytest benchmarks/bench_gp.py -s -W default

Peers: for whole asks Optuna 5's GPSampler and, if installed (`pip install botorch hoptimal`), BoTorch's SingleTaskGP with a fit and
`optimize_acqf` on LogExpectedImprovement (20 restarts, 1,024 samples) and hoptimal's GPSampler; for fits and posteriors scikit-learn's
GaussianProcessRegressor. Ratios of the same run are printed at the end.
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
from bench_suggest import Fast, Study, history, space_of

MEDIANS: dict[tuple[str, str, str], float] = {}
ROUNDS = {"hpo_fast": 20, "optuna": 3, "botorch": 2, "hoptimal": 1}


class OptunaGp(Study):
    """A study with Optuna's GPSampler and the history of `Fast`."""

    def __init__(self, space: hf.Space, n: int) -> None:
        import optuna

        super().__init__(optuna, space, n)
        self.study.sampler = optuna.samplers.GPSampler(seed=0, deterministic_objective=False)


class BoTorch:
    """A model fitted from its defaults, and log EI maximised, on the history of `Fast`; continuous spaces."""

    def __init__(self, space: hf.Space, n: int) -> None:
        import torch

        torch.set_num_threads(1)
        self.X = torch.from_numpy(space.sample(n, seed=1))
        self.y = -torch.from_numpy(history(space, n)[1])[:, None]

    def ask(self):
        import torch
        from botorch import fit_gpytorch_mll
        from botorch.acquisition import LogExpectedImprovement
        from botorch.models import SingleTaskGP
        from botorch.optim import optimize_acqf
        from gpytorch.mlls import ExactMarginalLogLikelihood

        model = SingleTaskGP(self.X, self.y)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        bounds = torch.tensor([[0.0], [1.0]], dtype=torch.float64).repeat(1, self.X.shape[1])
        return optimize_acqf(LogExpectedImprovement(model, self.y.max()), bounds, q=1, num_restarts=20, raw_samples=1024)[0]

    def tell(self, x) -> None:
        import torch

        self.X, self.y = torch.cat([self.X, x]), torch.cat([self.y, -torch.ones(1, 1, dtype=torch.float64)])


class Hoptimal:
    """hoptimal's GPSampler on the history of `Fast`: one more trial of its loop; continuous spaces."""

    def __init__(self, space: hf.Space, n: int) -> None:
        import hoptimal

        self.names = list(space.parameters)
        self.study = hoptimal.create_study(direction="minimize", sampler=hoptimal.GPSampler(seed=0))
        for params, value in zip(*history(space, n), strict=True):
            self.study.add_trial(params, float(value))

    def ask(self) -> None:
        self.study.optimize(lambda trial: [trial.suggest_float(name, 0.0, 1.0) for name in self.names] and 1.0, 1)

    def tell(self, _) -> None:
        """The loop has told it."""


PEERS = {"hpo_fast": Fast, "optuna": OptunaGp, "botorch": BoTorch, "hoptimal": Hoptimal}


def measure(benchmark, what: str, case: str, peer: str, run, setup=None, rounds: int = 5) -> None:
    benchmark.pedantic(run, setup=setup, rounds=rounds, warmup_rounds=1)
    MEDIANS[what, case, peer] = benchmark.stats.stats.median


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("n", [50, 200, 500, 1000, 5000, 20_000, 100_000])
@pytest.mark.parametrize("space", ["d=5", "d=20", "d=50", "mixed"])
def test_ask(benchmark, space: str, n: int, peer: str) -> None:
    """One ask, its result told outside the clock; the fits that fall between are part of it."""
    if peer != "hpo_fast":
        if n > 1000 or (n > 200 and (space != "d=20" or peer == "hoptimal")):
            pytest.skip("minutes")
        if space == "mixed" and peer != "optuna":
            pytest.skip("continuous spaces only")
        pytest.importorskip("torch" if peer == "optuna" else peer, reason="install the extra: pip install '.[bench]', botorch and hoptimal by name")
    warnings.simplefilter("ignore")
    asker = Fast("gp", space_of(space), n) if peer == "hpo_fast" else PEERS[peer](space_of(space), n)
    told = []

    def setup() -> None:
        if told:
            asker.tell(told.pop())

    measure(benchmark, "ask", f"{space}, n={n:,}", peer, lambda: told.append(asker.ask()), setup, ROUNDS[peer])


@pytest.mark.parametrize("failed", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("n", [200, 1000])
def test_ask_where_trials_failed(benchmark, n: int, failed: float) -> None:
    asker = Fast("gp", space_of("d=20"), n, failed)
    told = []

    def setup() -> None:
        if told:
            asker.tell(told.pop())

    measure(benchmark, "ask, failures", f"d=20, n={n:,}, {failed:.0%}", "hpo_fast", lambda: told.append(asker.ask()), setup, 30)


def test_batch_of_8(benchmark) -> None:
    asker = Fast("gp", space_of("d=20"), 200)

    def setup() -> None:
        for trial in asker.opt.pending:
            asker.opt.forget(trial)

    measure(benchmark, "batch of 8", "d=20, n=200", "hpo_fast", lambda: asker.opt.ask(8), setup)


def engine_of(space: hf.Space, n: int) -> hf.samplers.gp.GPEngine:
    """One that was told the history of `Fast`."""
    engine = hf.samplers.GP().start(space, 0, 1)
    engine.tell(space.sample(n, seed=1), history(space, n)[1])
    return engine


@pytest.mark.parametrize("n", [100, 500, 1000])
def test_warm_fit(benchmark, n: int) -> None:
    """The next fit of a search, which has those before."""
    engine = engine_of(space_of("d=10"), n)
    point = hf.samplers.gp.schedule(n)
    engine.model()

    def setup() -> None:
        for known in (engine._plain_fits._at, engine._warped_fits._at, engine._gains):
            known.pop(point, None)

    measure(benchmark, "warm fit", f"d=10, n={n:,}", "hpo_fast", lambda: engine._fit(point), setup)


@pytest.mark.parametrize("n", [200, 1000])
def test_append(benchmark, n: int) -> None:
    """One more observation, by a row of the factor, and one prediction."""
    engine = engine_of(space_of("d=20"), n)
    rows, targets, theta, *_ = engine.model()
    predict = lambda m: engine._core.posterior(rows[:m], targets[:m], theta, n - 1, rows[:1])   # noqa: E731
    measure(benchmark, "append", f"d=20, n={n:,}", "hpo_fast", lambda: predict(n), lambda: (predict(n - 1), None)[1], 20)


@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize("space", ["d=20", "mixed"])
def test_maximize(benchmark, space: str, n: int) -> None:
    """The acquisition alone: the model is fitted and factored."""
    engine = engine_of(space_of(space), n)
    rows, targets, theta, n_factored = engine.model()
    d = rows.shape[1]
    run = lambda: engine._core.suggest(n, 1, rows, targets, theta, n_factored, rows[:0], None, hf._core.RowSet(d))   # noqa: E731
    measure(benchmark, "acquisition", f"{space}, n={n:,}", "hpo_fast", run, rounds=20)


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
    _, targets, theta, *_ = engine.model()
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
