"""The tree-structured Parzen estimator; the engine is ``cpp/tpe``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from hpo_fast import _core
from hpo_fast.checks import check_flag, check_int, check_number
from hpo_fast.samplers.base import TrialInfo, startup_info, uniform_info
from hpo_fast.space import Space

COMPAT = ("optuna5",)


@dataclass(frozen=True, kw_only=True)
class TPE:
    """Tree-structured Parzen estimator.

    Observations are split into good and bad ones; candidates come from a density l of the good ones, and the one with
    the largest ``log l(x) - log g(x)``, g the density of the bad ones, is suggested.

    Parameters
    ----------
    n_startup : int, default 10
        Trials told before the model is used; until then points of a scrambled Sobol sequence are suggested.
    n_candidates : int, default 24
        Candidates per suggestion; four more for each pending trial.
    multivariate : bool, default True
        One joint density for all parameters that are active together, instead of one for each parameter.
    good_fraction : float, default 0.1
        Share of the observations that counts as good, rounded up.
    good_max : int, default 25
        At most this many count as good.
    prior_weight : float, default 1.0
        Weight of the prior kernel, and of the smoothing of categorical choices, in observations.
    min_bandwidth : float, default 0.05
        Smallest bandwidth of a kernel as a share of the range, once there are enough observations.
    recency : bool, default True
        The 25 newest observations weigh 1, older ones linearly less, down to 1 / n: in g, and without `rank_weights` in l too.
    rank_weights : bool, default True
        Weigh the good observations by rank: log((m + 1) / rank) for m good ones, as CMA-ES weighs its parents.
    keep : float, default 0.7
        Candidates are mutations of good observations: a candidate keeps this share of the values of its kernel's observation
        on average, and draws the others from the kernel. 0: all values are drawn, and candidates are samples of l.
    max_kernels : int, default 2048
        Kernels of g at most; of more observations a random sample that favours the recent.
    compat : {None, "optuna5"}, default None
        "optuna5": the model of Optuna 5's multivariate TPESampler, to about 1e-10 in ``log l - log g``. Every suggestion
        then rebuilds it, which is slow; the options of the model must have their defaults and are replaced by Optuna's.

    Notes
    -----
    Cost of a suggestion: about n_candidates * (kernels + 1) * d multiply-adds and one exp per candidate and kernel.

    References
    ----------
    Bergstra, Bardenet, Bengio, Kegl, "Algorithms for hyper-parameter optimization", NeurIPS 2011.
    Watanabe, "Tree-structured Parzen estimator: understanding its algorithm components and their roles for better
    empirical performance", arXiv:2304.11127, 2023.
    """

    name: ClassVar[str] = "tpe"

    n_startup: int = 10
    n_candidates: int = 24
    multivariate: bool = True
    good_fraction: float = 0.1
    good_max: int = 25
    prior_weight: float = 1.0
    min_bandwidth: float = 0.05
    recency: bool = True
    rank_weights: bool = True
    keep: float = 0.7
    max_kernels: int = 2048
    compat: str | None = None

    def __post_init__(self) -> None:
        for name, low in (("n_startup", 0), ("n_candidates", 1), ("good_max", 1), ("max_kernels", 2)):
            check_int(name, getattr(self, name), low)
        for name in ("multivariate", "recency", "rank_weights"):
            object.__setattr__(self, name, check_flag("TPE", name, getattr(self, name)))
        for name in ("good_fraction", "prior_weight", "min_bandwidth", "keep"):
            object.__setattr__(self, name, check_number("TPE", name, getattr(self, name)))
        if not 0 < self.good_fraction < 1:
            raise ValueError(f"good_fraction={self.good_fraction!r} must lie in (0, 1)")
        if not self.prior_weight > 0:
            raise ValueError(f"prior_weight={self.prior_weight!r} must be positive")
        if not 0 < self.min_bandwidth <= 1:
            raise ValueError(f"min_bandwidth={self.min_bandwidth!r} must lie in (0, 1]")
        if not 0 <= self.keep < 1:
            raise ValueError(f"keep={self.keep!r} must lie in [0, 1)")
        if self.compat is not None and self.compat not in COMPAT:
            raise ValueError(f"compat={self.compat!r} must be None or one of {', '.join(COMPAT)}")
        fixed = ("good_fraction", "good_max", "prior_weight", "min_bandwidth", "recency", "rank_weights", "keep")
        if self.compat is not None and any(getattr(self, name) != getattr(TPE, name) for name in fixed):
            raise ValueError(f"compat={self.compat!r} fixes the model: leave {', '.join(fixed)} at their defaults")

    def start(self, space: Space, seed: int, threads: int) -> TPEEngine:
        return TPEEngine(self, space, seed, threads)

    def options(self) -> dict[str, Any]:
        return asdict(self)


class TPEEngine:
    """TPE at work on one space: see :class:`hpo_fast.samplers.Engine`."""

    def __init__(self, sampler: TPE, space: Space, seed: int, threads: int) -> None:
        self._space = space
        self._n_startup = sampler.n_startup
        exact = sampler.compat is not None
        options = _core.TpeOptions(
            n_startup=sampler.n_startup,
            n_candidates=sampler.n_candidates,
            candidates_per_pending=0 if exact else 4,
            multivariate=sampler.multivariate,
            good_fraction=sampler.good_fraction,
            good_max=sampler.good_max,
            max_kernels=2**31 if exact else sampler.max_kernels,
            prior_weight=float(sampler.prior_weight),
            min_bandwidth=0.01 if exact else sampler.min_bandwidth,
            recency=sampler.recency,
            rank_weights=sampler.rank_weights and not exact,
            keep=0.0 if exact else sampler.keep,
            exact=exact,
        )
        self._core = _core.Tpe(space.box, space.grid, options, seed, threads)

    def tell(self, rows: np.ndarray, targets: np.ndarray) -> None:
        self._core.tell(rows, targets)

    def suggest(self, n: int, number: int, pending: np.ndarray, seen: _core.RowSet) -> tuple[np.ndarray, list[TrialInfo]]:
        rows, paths = self._core.suggest(number, n, pending, self._space.constraint, seen)
        told = self._core.n_told
        return rows, [self._info(path, score, told) for path, score in paths]

    def _info(self, path: int, score: float, told: int) -> TrialInfo:
        if path == 1:
            return TrialInfo("tpe", told, score, "largest log l - log g of the candidates")
        if path == 0:
            return startup_info(told, self._n_startup)
        return uniform_info(told)

    def log_ratio(self, rows: np.ndarray, pending: np.ndarray | None = None) -> np.ndarray:
        """log l(x) - log g(x), the score of candidates.

        Parameters
        ----------
        rows : array (n, d)
            Encoded configurations.
        pending : array (p, d), optional
            Rows asked and not told: they count as bad.

        Returns
        -------
        array (n,)
        """
        return self._core.log_ratio(rows, np.empty((0, len(self._space))) if pending is None else pending)
