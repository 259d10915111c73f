"""Fitted models for people who score their own candidates."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, overload

import numpy as np

from hpo_fast import _core
from hpo_fast.checks import MAX_THREADS, check_int
from hpo_fast.samplers.gp import ACQUISITIONS, GP, load_lapack
from hpo_fast.samplers.tpe import TPE
from hpo_fast.space import Space
from hpo_fast.suggest import checked_rows, observations


class Surrogate:
    """The posterior of a Gaussian process, in the units of the values it was fitted to.

    Made by :func:`surrogate`. Its methods take encoded rows (q, d) and may be called from any thread. It pickles if its space does.
    """

    def __init__(self, space: Space, X: Any, y: Any, sampler: GP, direction: str, threads: int) -> None:
        rows, targets = _not_all_failed(*observations(space, X, y, direction))
        self._space = space
        self._start = functools.partial(sampler.start, space, 0, threads)
        self._sign = 1.0 if direction == "minimize" else -1.0
        engine = self._start()
        engine.tell(rows, targets)
        self._core = engine._core
        self._told = engine.model()
        known = targets[engine.seen()]
        known = known[np.isfinite(known)]   # what the model learned; "standard" warping of it is affine
        size = float(np.abs(known).max()) or 1.0   # squares of 1e200 overflow
        self._mean, self._scale = size * float((known / size).mean()), size * float((known / size).std()) or 1.0
        self._best = float(self._core.mean(*self._told, self._told[0]).min())

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_core"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        load_lapack()
        self._core = self._start()._core   # which holds nothing that is not told with every call

    @property
    def theta(self) -> np.ndarray:
        """Logarithms of the d inverse squared lengthscales, of the variances of signal, noise and main effects (of scaled values),
        (d + 3,); where inputs are warped also of the two shape parameters of each column, (3 d + 3,).
        """
        return np.array(self._told[2])

    def predict(self, rows: Any) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (q,) of the value, without noise.

        Parameters
        ----------
        rows : array (q, d)
            Encoded configurations.

        Notes
        -----
        O(q (n^2 + n d)) in constant memory, over the threads given.
        """
        mean, variance = self._core.posterior(*self._told, checked_rows(self._space, "rows", rows))
        mean *= self._sign * self._scale
        mean += self._sign * self._mean
        np.sqrt(variance, out=variance)
        variance *= self._scale
        return mean, variance

    def mean(self, rows: Any) -> np.ndarray:
        """The mean (q,) of :meth:`predict` alone: what a scan takes as its score.

        Parameters
        ----------
        rows : array (q, d)
            Encoded configurations.

        Notes
        -----
        O(q n d) in constant memory, over the threads given.
        """
        mean = self._core.mean(*self._told, checked_rows(self._space, "rows", rows))
        return np.asarray(self._sign * (self._mean + self._scale * mean))

    def log_ei(self, rows: Any) -> np.ndarray:
        """Logarithm of the expected improvement (q,) over the best posterior mean at an observation.

        Parameters
        ----------
        rows : array (q, d)
            Encoded configurations.
        """
        mean, variance = self._core.posterior(*self._told, checked_rows(self._space, "rows", rows))
        value = _core.acquisition(ACQUISITIONS.index("log_ei"), mean, variance, self._best, 0.0)[0]
        return np.asarray(value + np.log(self._scale))

    def sample(self, rows: Any, n: int = 1, seed: int = 0) -> np.ndarray:
        """Draws from the joint posterior at the rows.

        Parameters
        ----------
        rows : array (q, d)
            Encoded configurations.
        n : int, default 1
            How many functions.
        seed : int, default 0

        Returns
        -------
        array (n, q)

        Notes
        -----
        O(q^3): for a few thousand rows.
        """
        wanted = check_int("n", n, 1)
        mean, covariance = self._core.joint(*self._told, checked_rows(self._space, "rows", rows))
        if len(mean) == 0:
            return np.empty((wanted, 0))
        full = np.tril(covariance) + np.tril(covariance, -1).T
        rng = np.random.default_rng(check_int("seed", seed, 0))
        drawn = rng.multivariate_normal(mean, full, wanted, method="eigh", check_valid="ignore")
        return np.asarray(self._sign * (self._mean + self._scale * drawn))


class DensityRatio:
    """The densities of good and of bad observations of a tree-structured Parzen estimator: how promising is a configuration?

    Made by :func:`surrogate`. It takes encoded rows (q, d), may be called from any thread, and pickles if its space does.
    """

    def __init__(self, space: Space, X: Any, y: Any, sampler: TPE, direction: str, threads: int) -> None:
        rows, targets = _not_all_failed(*observations(space, X, y, direction))
        self._args = (space, rows, np.asarray(y, dtype=float), sampler, direction, threads)
        self._engine = sampler.start(space, 0, threads)
        self._engine.tell(rows, targets)

    def __reduce__(self) -> Any:
        return DensityRatio, self._args

    def log_ratio(self, rows: Any) -> np.ndarray:
        """log l(x) - log g(x) of the densities of good and of bad observations (q,): larger is more promising.

        Parameters
        ----------
        rows : array (q, d)
            Encoded configurations.

        Notes
        -----
        O(q n d) up to `max_kernels` observations. Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011, section 4.
        """
        return self._engine.log_ratio(checked_rows(self._args[0], "rows", rows))


def _not_all_failed(rows: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not np.isfinite(targets).any():
        raise ValueError("y has no finite value: there is nothing to fit")
    return rows, targets


@overload
def surrogate(space: Space, X: Any, y: Any, sampler: GP | None = None, direction: str = "minimize", threads: int = 1) -> Surrogate: ...
@overload
def surrogate(space: Space, X: Any, y: Any, sampler: TPE, direction: str = "minimize", threads: int = 1) -> DensityRatio: ...
def surrogate(
    space: Space, X: Any, y: Any, sampler: GP | TPE | None = None, direction: str = "minimize", threads: int = 1
) -> Surrogate | DensityRatio:
    """Fit a Gaussian process, or the two densities of TPE, to observations.

    Parameters
    ----------
    space : Space
        Of the configurations.
    X : array (n, d)
        Encoded configurations (``space.encode``).
    y : array (n,)
        Their values; NaN or infinite for failed ones. A Gaussian process learns from the others alone, TPE counts failed ones as bad.
    sampler : GP or TPE, optional
        Kernel and priors; by default ``GP()``. The targets are standardised whatever its `warp` says, so that predictions have the units
        of `y`.
    direction : {"minimize", "maximize"}, default "minimize"
        Whether small or large values are an improvement.
    threads : int, default 1
        For predictions of many rows.

    Returns
    -------
    Surrogate, or DensityRatio of a TPE

    Raises
    ------
    TypeError, ValueError
        For wrong arguments.

    Notes
    -----
    Of more observations than the sampler's `max_observations` (1,000) the model sees a part: see :class:`~hpo_fast.samplers.GP`.

    Examples
    --------
    >>> import hpo_fast as hf
    >>> space = hf.Space({"x": hf.Float(0, 1)})
    >>> X = space.sample(20, seed=0)
    >>> model = hf.surrogate(space, X, (X[:, 0] - 0.3) ** 2)
    >>> mean, std = model.predict(space.encode([{"x": 0.3}]))
    >>> bool(abs(mean[0]) < 0.01)
    True
    """
    threads = check_int("threads", threads, 1, MAX_THREADS)
    if isinstance(sampler, TPE):
        return DensityRatio(space, X, y, sampler, direction, threads)
    if sampler is not None and not isinstance(sampler, GP):
        raise TypeError(f"sampler={sampler!r} must be a GP or a TPE")
    options = dataclasses.replace(sampler or GP(), warp="standard")
    return Surrogate(space, X, y, options, direction, threads)
