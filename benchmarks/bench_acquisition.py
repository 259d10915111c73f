"""The acquisition maximizer against BoTorch's and Optuna's, on the same posteriors.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 taskset -c 0 python benchmarks/bench_acquisition.py

It takes ten minutes, and `pip install ".[bench]" botorch greenlet` (without greenlet Optuna's searches run one by one).
`--every 10` takes one posterior in ten; `--first 50` takes fifty others of each kind.

100 posteriors, 50 continuous and 50 mixed: varied functions at random rows and at rows around the best of them, the hyperparameters
of our fit. Both peers get the Gaussian process with these hyperparameters, and the same incumbent; that their posteriors agree with
ours is asserted (Optuna's to 1e-9, BoTorch's to 1e-6). The three kernels are one: Matern 5/2 of

    r^2 = sum_j w_j (u_j - u'_j)^2 over numeric columns + sum_j w_j [u_j != u'_j] over categorical ones;

ours has the choices at the corners of a simplex with edges of length 1, Optuna's the Hamming distance, and BoTorch's gets our corners.
The rows that the three return are snapped and compared by one function, our acquisition in float64. Nothing counts as seen.

"as good": at least the peer's value - 1e-6 of the spread of the acquisition, which is its interquartile range over 1,000 random rows;
"better": above the peer's by more than that. Shortfalls are in units of the spread too, 0 where there is none. BoTorch: optimize_acqf on continuous spaces and
optimize_acqf_mixed_alternating on mixed ones, 20 restarts from 1,024 samples. Optuna: optimize_acqf_mixed as its GPSampler calls it,
10 searches from 2,048 samples and the best row.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import dataclass

import numpy as np

import hpo_fast as hf
from hpo_fast import _core

ACQUISITIONS = {"lcb": 0, "log_ei": 1}   # the core's numbers
BETA = 1.8
TOLERANCE = 1e-6


@dataclass
class Posterior:
    """A Gaussian process on one space; everything is minimised."""

    space: hf.Space
    seed: int
    core: dict[str, _core.Gp]       # by acquisition
    rows: np.ndarray                # (n, d)
    targets: np.ndarray             # (n,)
    theta: list[float]              # (d + 3,)
    best: float                     # the incumbent: the smallest posterior mean at a row

    def predict(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance (q,) of rows (q, d)."""
        return self.core["lcb"].posterior(self.rows, self.targets, self.theta, len(self.rows), rows)

    def value(self, acquisition: str, rows: np.ndarray) -> np.ndarray:
        """Acquisition values (q,) of rows (q, d)."""
        return _core.acquisition(ACQUISITIONS[acquisition], *self.predict(self.space.box.snap(rows)), self.best, BETA)[0]

    @property
    def weights(self) -> np.ndarray:
        """Inverse squared lengthscales (d,), then the variances of signal and noise."""
        return np.exp(self.theta[:-1])


def choices_of(space: hf.Space) -> list[int]:
    """The number of choices of each categorical column, 0 for a numeric one: (d,)."""
    return [len(p.choices) if isinstance(p, hf.Categorical) else 0 for p in space.parameters.values()]


def levels_of(space: hf.Space) -> list[int]:
    """The number of values of each integer column, else 0: (d,)."""
    return [p.high - p.low + 1 if isinstance(p, hf.Int) else 0 for p in space.parameters.values()]


def space_of(kind: str, rng: np.random.Generator) -> hf.Space:
    if kind == "continuous":
        return hf.Space({f"x{i}": hf.Float(0, 1) for i in range(rng.choice([2, 5, 10, 20]))})
    floats = {f"x{i}": hf.Float(0, 1) for i in range(rng.integers(1, 7))}
    ints = {f"k{i}": hf.Int(1, int(rng.integers(2, 40))) for i in range(rng.integers(1, 4))}
    cats = {f"c{i}": hf.Categorical(range(rng.integers(2, 7))) for i in range(rng.integers(1, 4))}
    return hf.Space({**floats, **ints, **cats})


def function_of(which: int, choices: list[int], rng: np.random.Generator):
    """A function of rows (n, d): a smooth random one, a bowl, Rastrigin's, or mostly noise."""
    corners = [rng.normal(size=k) for k in choices]
    centre, scale = rng.uniform(size=len(choices)), rng.uniform(0.3, 3, size=len(choices))
    frequencies, phases = rng.standard_t(5, size=(64, len(choices))) * scale * 2, rng.uniform(0, 2 * np.pi, size=64)

    def fn(rows: np.ndarray) -> np.ndarray:
        x = np.column_stack([corners[j][rows[:, j].astype(int)] if k else rows[:, j] - centre[j] for j, k in enumerate(choices)])
        if which == 0:
            return np.cos(x @ frequencies.T + phases).sum(axis=1) / 8
        bowl = (scale * x**2).sum(axis=1)
        if which == 1:
            return bowl
        if which == 2:
            return bowl + 0.3 * (1 - np.cos(6 * np.pi * x)).sum(axis=1)
        return 0.3 * x[:, 0] + rng.normal(size=len(x))

    return fn


def posterior_of(kind: str, number: int) -> Posterior:
    rng = np.random.default_rng([number, kind == "mixed"])
    space = space_of(kind, rng)
    n = int(rng.integers(10, 201))
    engines = {name: hf.samplers.GP(acquisition=name, beta=BETA, beta_growth=0, main_effects=False).start(space, number, 1) for name in ACQUISITIONS}
    choices = choices_of(space)
    fn = function_of(number % 4, choices, rng)
    wide, fresh = np.split(space.sample(n, seed=number), [(n + 1) // 2])
    best = wide[np.argmin(fn(wide))]
    # Rows around the best one: numbers moved at many scales, three choices in ten drawn anew.
    moved = (best + rng.normal(size=fresh.shape) * 0.2 * rng.uniform(size=(len(fresh), 1)) ** 2).clip(0, 1)
    redrawn = np.where(rng.uniform(size=fresh.shape) < 0.7, best, fresh)
    X = space.box.snap(np.vstack([wide, np.where(np.array(choices) > 0, redrawn, moved)]))
    y = fn(X)
    for engine in engines.values():
        engine.tell(X, y)
    rows, targets, theta, *_ = engines["lcb"].model()
    made = Posterior(space, number, {name: e._core for name, e in engines.items()}, rows, targets, theta, 0.0)
    made.best = float(made.predict(rows)[0].min())
    return made


class Ours:
    name = "hpo_fast"

    def __init__(self, posterior: Posterior) -> None:
        self.posterior = posterior

    def maximize(self, acquisition: str) -> tuple[np.ndarray, float]:
        """The row (d,) found, and the seconds it took: the median of three, with the covariance factored as the peers have it."""
        p = self.posterior
        seconds = []
        for _ in range(4):
            args = (p.seed, 1, p.rows, p.targets, p.theta, len(p.rows), p.rows[:0], None, _core.RowSet(p.rows.shape[1]))
            start = time.perf_counter()
            row, _ = p.core[acquisition].suggest(*args)
            seconds.append(time.perf_counter() - start)
        return row[0], float(np.median(seconds[1:]))


class Optuna:
    name = "Optuna"

    def __init__(self, posterior: Posterior) -> None:
        import torch
        from optuna._gp.gp import GPRegressor
        from optuna._gp.search_space import SearchSpace
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        p, tensor = posterior, torch.from_numpy
        self.posterior = p
        kinds = [
            CategoricalDistribution(tuple(range(k))) if k else IntDistribution(1, m) if m else FloatDistribution(0, 1)
            for k, m in zip(choices_of(p.space), levels_of(p.space), strict=True)
        ]
        self.space = SearchSpace({str(j): kind for j, kind in enumerate(kinds)})
        w = p.weights
        is_categorical, (signal, noise) = tensor(np.array(choices_of(p.space)) > 0), tensor(w[-2:])
        self.gp = GPRegressor(is_categorical, tensor(p.rows), tensor(-p.targets), tensor(w[:-2]), signal, noise)
        self.gp._cache_matrix()
        rows = p.space.sample(200, seed=1)
        mean, variance = (v.numpy() for v in self.gp.posterior(tensor(rows)))
        np.testing.assert_allclose((-mean, variance), p.predict(rows), rtol=1e-9, atol=1e-9 * max(1.0, w[-2]))

    def maximize(self, acquisition: str) -> tuple[np.ndarray, float]:
        from optuna._gp.acqf import UCB, LogEI
        from optuna._gp.optim_mixed import optimize_acqf_mixed

        p = self.posterior
        fn = UCB(self.gp, self.space, beta=BETA**2) if acquisition == "lcb" else LogEI(self.gp, self.space, threshold=-p.best)
        start = time.perf_counter()
        row, _ = optimize_acqf_mixed(fn, warmstart_normalized_params_array=p.rows[[np.argmin(p.targets)]], rng=np.random.RandomState(p.seed))
        return row, time.perf_counter() - start


class BoTorch:
    name = "BoTorch"

    def __init__(self, posterior: Posterior) -> None:
        import torch
        from botorch.models import SingleTaskGP
        from gpytorch.kernels import Kernel, MaternKernel, ScaleKernel
        from gpytorch.means import ZeroMean

        p, tensor = posterior, torch.from_numpy
        self.posterior = p
        w = p.weights
        numeric = [j for j, k in enumerate(choices_of(p.space)) if not k]
        categorical = [(j, k) for j, k in enumerate(choices_of(p.space)) if k]

        def features(x):
            """x (..., d), a choice as its index, -> (..., f), a choice as a corner of the simplex."""
            corners = [torch.nn.functional.one_hot(x[..., j].round().long(), k).to(x) * 0.5**0.5 for j, k in categorical]
            return torch.cat([x[..., numeric], *corners], dim=-1)

        class OverFeatures(Kernel):
            def __init__(self, base: Kernel) -> None:
                super().__init__()
                self.base = base

            def forward(self, x1, x2, diag=False, **kwargs):
                return self.base.forward(features(x1), features(x2), diag=diag, **kwargs)

        weights = np.concatenate([w[numeric], *(np.full(k, w[j]) for j, k in categorical)])
        matern = MaternKernel(nu=2.5, ard_num_dims=len(weights))
        kernel = ScaleKernel(OverFeatures(matern) if categorical else matern).double()
        matern.lengthscale = tensor(weights**-0.5)
        kernel.outputscale = w[-2]
        y = tensor(-p.targets)[:, None]
        self.gp = SingleTaskGP(
            tensor(p.rows), y, torch.full_like(y, w[-1]), mean_module=ZeroMean(), covar_module=kernel, outcome_transform=None, input_transform=None
        ).eval()
        rows = p.space.sample(200, seed=1)
        with torch.no_grad():
            found = self.gp.posterior(tensor(rows)[:, None])
        mean, variance = found.mean.numpy().ravel(), found.variance.numpy().ravel()
        np.testing.assert_allclose((-mean, variance), p.predict(rows), rtol=1e-6, atol=1e-6 * max(1.0, w[-2]))

    def maximize(self, acquisition: str) -> tuple[np.ndarray, float]:
        import torch
        from botorch.acquisition import LogExpectedImprovement, UpperConfidenceBound
        from botorch.optim import optimize_acqf
        from botorch.optim.optimize_mixed import optimize_acqf_mixed_alternating

        p = self.posterior
        fn = UpperConfidenceBound(self.gp, beta=BETA**2) if acquisition == "lcb" else LogExpectedImprovement(self.gp, best_f=-p.best)
        discrete = {j: [(i + 0.5) / m for i in range(m)] for j, m in enumerate(levels_of(p.space)) if m}
        categorical = {j: [float(i) for i in range(k)] for j, k in enumerate(choices_of(p.space)) if k}
        bounds = torch.tensor([[0.0], [1.0]], dtype=torch.float64).repeat(1, p.rows.shape[1])
        for j, values in {**discrete, **categorical}.items():
            bounds[0, j], bounds[1, j] = values[0], values[-1]
        torch.manual_seed(p.seed)
        start = time.perf_counter()
        if discrete or categorical:
            row, _ = optimize_acqf_mixed_alternating(fn, bounds, discrete, categorical, q=1, raw_samples=1024, num_restarts=20)
        else:
            row, _ = optimize_acqf(fn, bounds, q=1, num_restarts=20, raw_samples=1024)
        return row.detach().numpy()[0], time.perf_counter() - start


def compare(posterior: Posterior, acquisition: str) -> dict[str, tuple[float, float]]:
    """By maximizer: its value above ours in units of the spread, and its seconds."""
    found = {maximizer.name: maximizer(posterior).maximize(acquisition) for maximizer in (Ours, Optuna, BoTorch)}
    values = {name: float(posterior.value(acquisition, row[None])[0]) for name, (row, _) in found.items()}
    low, high = np.percentile(posterior.value(acquisition, posterior.space.sample(1000, seed=2)), [25, 75])
    return {name: ((values[name] - values["hpo_fast"]) / (high - low), seconds) for name, (_, seconds) in found.items()}


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="one posterior in this many")
    parser.add_argument("--first", type=int, default=0, help="the number of the first posterior")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print("| space | acquisition | peer | as good | better | median shortfall | worst | hpo_fast, ms | peer / hpo_fast |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for kind in ("continuous", "mixed"):
        posteriors = {number: posterior_of(kind, number) for number in range(args.first, args.first + 50, args.every)}
        for acquisition in ACQUISITIONS:
            found = {number: compare(p, acquisition) for number, p in posteriors.items()}
            for peer in ("Optuna", "BoTorch"):
                above = np.array([f[peer][0] for f in found.values()])
                ours, theirs = (np.array([f[name][1] for f in found.values()]) for name in ("hpo_fast", peer))
                print(
                    f"| {kind} | {acquisition} | {peer} | {np.mean(above <= TOLERANCE):.0%} | {np.mean(above < -TOLERANCE):.0%} "
                    f"| {np.median(above.clip(0)):.1g} | {above.max(initial=0):.1g} | {np.median(ours) * 1e3:.2f} | {np.median(theirs / ours):.0f}x |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
