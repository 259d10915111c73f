"""The Gaussian process; the engine is ``cpp/gp`` and ``cpp/acquisition``."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from hpo_fast import _core
from hpo_fast.checks import check_flag, check_int, check_number
from hpo_fast.choices import Categorical
from hpo_fast.history import History
from hpo_fast.samplers.base import TrialInfo, startup_info, uniform_info
from hpo_fast.space import Space
from hpo_fast.targets import WARPS, warp

KERNELS = ("matern52", "matern32", "rbf")
ACQUISITIONS = ("lcb", "log_ei", "log_pi", "thompson")
_FIT_OBSERVATIONS = 500   # beyond, hyperparameters are fitted to every k-th observation: an evaluation is O(n^3)
_FIT_LABELS = 100   # the same of which trials succeed, which have less to tell
_LABEL_NOISE = (-1.0, 1.0)   # prior of the logarithm of the noise of which trials succeed, of labels with variance one
_STALL = 5   # trials in which the best value has improved by less than
_STALL_GAIN = 0.1   # of its distance to the median: the search stalls
_WARP_EVIDENCE = 5.0   # what warped inputs must add to the log density to be used
_WARP_TRIALS = 64   # successes up to which they are always fitted; beyond, only where at half as many trials they added
_WARP_HOPE = 2.0   # this much
_MAX_STEP = 128   # observations between two fits at most: rows since then are appended to the factor one by one


@dataclass(frozen=True, kw_only=True)
class GP:
    """Gaussian process with automatic relevance determination over mixed and conditional spaces.

    Parameters
    ----------
    n_startup : int, default 10
        Trials told before the model is used; until then, and while all trials told are equally good, points of a scrambled Sobol sequence
        are suggested.
    kernel : {"matern52", "matern32", "rbf"}, default "matern52"
        Covariance as a function of the scaled distance.
    acquisition : {"lcb", "log_ei", "log_pi", "thompson"}, default "lcb"
        What is maximised: the optimistic bound -(mu - beta sigma), the logarithm of the expected improvement, or that of the
        probability of improvement, over the best posterior mean at an observation; or minus a function that is drawn from the
        posterior, jointly at the 512 candidates with the largest optimistic bounds.
    beta : float, default 1.8
        Deviations of the optimistic bound with up to 10 successful trials.
    beta_growth : float, default 0.5
        With n > 10 successful trials the deviations are ``beta + beta_growth * log(n / 10)``: the longer a search, the more of it
        goes into what is uncertain.
    warp : {"half-rank", "rank", "standard"}, default "half-rank"
        What the targets are before they are modelled (see :func:`hpo_fast.targets.warp`).
    main_effects : bool, default True
        Beside the kernel, each numeric parameter adds a straight line and a parabola of its own: they are learned from a few
        trials, and reach over the whole range.
    input_warp : bool or "auto", default "auto"
        Numeric parameters are stretched where the function changes fast, by Kumaraswamy's distribution function with a fitted shape: always,
        never, or where that explains the observations much better. It does where a parameter was declared on another scale than its natural
        one, as a learning rate without ``log=True``.
    length_prior : (float, float), default (sqrt(2) - 3, 1)
        Mean and deviation of the normal prior of log(lengthscale) - log(d) / 2, lengthscales in units of the range; d is the number of
        parameters that are active on average.
    noise_prior : (float, float), default (-5, 1)
        Mean and deviation of the normal prior of the logarithm of the noise variance, of targets with variance one.
    max_observations : int, default 1000
        The most observations that the model uses. Of more, half are the best, a quarter the nearest to the best one, a quarter spread
        over the ranks of the rest.
    prior_strength : float, default 3
        The log density of the priors that the space's parameters have is added to the acquisition with the weight
        ``prior_strength`` / trials told.

    Notes
    -----
    Hyperparameters are the mode of their posterior, by L-BFGS-B with analytic gradients. They are fitted when an eighth more
    observations are there (at least one more, at most 128), from where the fit to half as many observations ended and, up to 200,
    from the prior's mode too, so that they are a function of the history alone; in between the Cholesky factor grows row by row.
    Pending trials are fantasies at their posterior mean. If the covariance cannot be factored even with jitter, points of the Sobol
    sequence are suggested; ``trial.info.reason`` says so, and when jitter was needed.

    The targets are learned from the trials that succeeded. A second process, fitted to all trials, estimates the probability of success; three times
    its logarithm is added to the acquisition, cut off at zero where success is as likely as usual. So a region of failures is avoided up to its edge,
    while isolated failures are not. Every tenth trial ignores it, since a few failures may be accidents.

    A second fit, which starts where that one ended, has inputs that are warped, by shapes that are fitted too. With ``input_warp="auto"`` it is used where
    its log density is larger by five (the log prior of the shapes being 0 at its mode, so that the two can be compared); beyond 64 successes it is made
    only where it had added two at half as many trials.

    In a space with conditions a search that stalls (in five trials the best value has improved by less than a tenth of its distance to
    the median) has an optimistic bound twice as wide for every second trial: what it polishes may be the wrong branch.

    Cost with n observations: O(n^2) for each of up to 192 of about 1,000 candidates, the most promising ones, and for each gradient
    step; O(n^3) for the fits.

    References
    ----------
    Rasmussen, Williams, "Gaussian processes for machine learning", 2006.
    Hvarfner, Hellsten, Nardi, "Vanilla Bayesian optimization performs great in high dimensions", ICML 2024 (the prior of the
    lengthscales; the default mean is the mode of theirs, the deviation narrower).
    Snoek et al., "Input warping for Bayesian optimization of non-stationary functions", ICML 2014 (the warp of the inputs).
    Gelbart, Snoek, Adams, "Bayesian optimization with unknown constraints", UAI 2014 (the chance of success).
    Ament et al., "Unexpected improvements to expected improvement for Bayesian optimization", NeurIPS 2023.
    Hvarfner et al., "piBO: augmenting acquisition functions with user beliefs for Bayesian optimization", ICLR 2022 (priors).
    Srinivas et al., "Gaussian process optimization in the bandit setting", ICML 2010 (a bound that grows with the logarithm of the rounds).
    Song et al., "The Vizier Gaussian process bandit algorithm", arXiv:2408.11527 (lcb with 1.8 deviations, half-rank warping).
    """

    name: ClassVar[str] = "gp"

    n_startup: int = 10
    kernel: str = "matern52"
    acquisition: str = "lcb"
    beta: float = 1.8
    beta_growth: float = 0.5
    warp: str = "half-rank"
    main_effects: bool = True
    input_warp: bool | str = "auto"
    length_prior: tuple[float, float] = (2**0.5 - 3, 1.0)
    noise_prior: tuple[float, float] = (-5.0, 1.0)
    max_observations: int = 1000
    prior_strength: float = 3.0

    def __post_init__(self) -> None:
        check_int("n_startup", self.n_startup, 0)
        check_int("max_observations", self.max_observations, 10)
        for name, choices in (("kernel", KERNELS), ("acquisition", ACQUISITIONS), ("warp", WARPS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}={getattr(self, name)!r} must be one of {', '.join(choices)}")
        object.__setattr__(self, "main_effects", check_flag("GP", "main_effects", self.main_effects))
        if not (isinstance(self.input_warp, str) and self.input_warp == "auto"):
            if not isinstance(self.input_warp, (bool, np.bool_)):
                raise TypeError(f'GP: input_warp={self.input_warp!r} must be True, False or "auto"')
            object.__setattr__(self, "input_warp", bool(self.input_warp))
        for name in ("beta", "beta_growth", "prior_strength"):
            object.__setattr__(self, name, check_number("GP", name, getattr(self, name)))
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)!r} must not be negative")
        for name in ("length_prior", "noise_prior"):
            prior = getattr(self, name)
            if not isinstance(prior, (tuple, list)) or len(prior) != 2 or not all(isinstance(v, (int, float, np.number)) for v in prior):
                raise TypeError(f"{name}={prior!r} must be two numbers: the mean and the deviation of a logarithm")
            if not (math.isfinite(prior[0]) and 0 < prior[1] < math.inf):
                raise ValueError(f"{name}={prior!r} must be finite, the deviation above 0")
            object.__setattr__(self, name, (float(prior[0]), float(prior[1])))

    def start(self, space: Space, seed: int, threads: int) -> GPEngine:
        return GPEngine(self, space, seed, threads)

    def options(self) -> dict[str, Any]:
        return asdict(self)


@functools.cache
def load_lapack() -> None:
    """Hand SciPy's LAPACK and BLAS to the core.

    Raises
    ------
    ImportError
        If SciPy is missing, or its LAPACK has 64-bit integers.
    """
    import ctypes
    import importlib.metadata

    from scipy.linalg import cython_blas, cython_lapack

    get = set_ = 0
    # SciPy's wheels bring an OpenBLAS of their own; where there is none its thread count is left alone.
    for file in importlib.metadata.files("scipy") or ():
        if "openblas" in file.name and file.parent.name in ("scipy.libs", ".dylibs"):
            library = ctypes.CDLL(str(file.locate()))
            if hasattr(library, "scipy_openblas_set_num_threads"):
                functions = (library.scipy_openblas_get_num_threads, library.scipy_openblas_set_num_threads)
                get, set_ = (ctypes.cast(f, ctypes.c_void_p).value or 0 for f in functions)
    _core.load_lapack(cython_lapack.__pyx_capi__, cython_blas.__pyx_capi__, get, set_)


def schedule(n: int) -> int:
    """The number of observations, at most `n`, at which hyperparameters were last fitted."""
    point = 1
    while (after := point + max(1, min(point // 8, _MAX_STEP))) <= n:
        point = after
    return point


def _thinned(index: np.ndarray, most: int) -> np.ndarray:
    """Every k-th, so that at most `most` are left."""
    return index[:: -(-len(index) // most)] if len(index) else index


class _Fits:
    """The hyperparameters of one process at points of the schedule. With warped inputs if `plain` is given: the fits of that process without them."""

    def __init__(self, core: _core.Gp, plain: _Fits | None = None) -> None:
        self._core, self._plain = core, plain
        self._at: dict[int, tuple[list[float], float]] = {}

    def at(self, point: int, data: Callable[[int], tuple[np.ndarray, np.ndarray]]) -> tuple[list[float], float]:
        """Theta fitted to data(point), rows (m, d) and targets (m,) of the first `point` observations, and its log density; 0 if the targets are
        equal. The search starts from the prior's mode, or with warped inputs from what is fitted without, and from where that at half as many ended;
        beyond 200 only from there."""
        load_lapack()
        if point not in self._at:
            # A cold start rarely wins once there is much evidence, and costs more than everything else.
            starts = [self._cold_start(point, data)] if point <= 200 else []
            if point >= 8:
                starts.append(self.at(schedule(point // 2), data)[0])
            rows, targets = data(point)
            self._at[point] = self._core.fit(rows, targets, starts)[:2] if targets.any() else (starts[0], 0.0)
        return self._at[point]

    def _cold_start(self, point: int, data: Callable[[int], tuple[np.ndarray, np.ndarray]]) -> list[float]:
        mode = self._core.prior_mode(self._plain is not None)
        if self._plain is None:
            return mode
        plain, _ = self._plain.at(point, data)
        return plain + mode[len(plain) :]


class GPEngine:
    """A Gaussian process at work on one space: see :class:`hpo_fast.samplers.Engine`."""

    def __init__(self, sampler: GP, space: Space, seed: int, threads: int) -> None:
        self._space = space
        self._is_conditional = any(p.condition is not None for p in space.parameters.values())
        self._sampler = sampler
        self._history = History(space)   # of targets
        self.is_flat = True   # nothing told differs from the rest
        self._startup = _core.SobolRows(space.box, seed)
        options = functools.partial(
            _core.GpOptions,
            smoothness=KERNELS.index(sampler.kernel),
            length_prior=sampler.length_prior,
            main_effects=bool(sampler.main_effects),
            acquire=ACQUISITIONS.index(sampler.acquisition),
            beta=float(sampler.beta),
            beta_growth=float(sampler.beta_growth),
            prior_strength=float(sampler.prior_strength),
        )
        self._core = _core.Gp(space.box, space.grid, options(noise_prior=sampler.noise_prior), seed, threads)
        self._plain_fits = _Fits(self._core)
        self._warped_fits = _Fits(self._core, self._plain_fits)
        self._gains: dict[int, float] = {}   # of warped inputs, by points of the schedule
        self._warps = sampler.input_warp and any(not isinstance(p, Categorical) for p in space.parameters.values())
        self._outcomes = _core.Gp(space.box, space.grid, options(noise_prior=_LABEL_NOISE), seed, threads)
        self._outcome_fits = _Fits(self._outcomes)
        self._skill = (0, 0.0)   # the last point of the schedule and the skill there
        self._selected = (0, np.arange(0))   # the same of what the model sees

    def tell(self, rows: np.ndarray, targets: np.ndarray) -> None:
        told = len(self._history)
        self._history.append(np.arange(told, told + len(rows)), rows, targets)
        self.is_flat = self.is_flat and bool((targets == self._history.values[:1]).all())

    def suggest(self, n: int, number: int, pending: np.ndarray, seen: _core.RowSet) -> tuple[np.ndarray, list[TrialInfo]]:
        told = len(self._history)
        if told < self._sampler.n_startup or self.is_flat:
            why = "all trials told are equally good" if np.isfinite(self._history.values[:1]).any() else "no trial has succeeded yet"
            return self._spread(n, number, seen, startup_info(told, self._sampler.n_startup, why))
        try:
            outcomes, (known, targets, theta, n_factored) = self._outcome_model(), self.model()
            rows, how = self._core.suggest(number, n, known, targets, theta, n_factored, pending, self._space.constraint, seen, self.stalls, outcomes)
        except _core.NotPositiveDefinite as error:
            return self._spread(n, number, seen, TrialInfo("sobol", told, None, f"no model: {error}"))
        model = "with warped inputs" if len(theta) > len(self._space) + 3 else ""
        return rows, [self._info(model, *each) for each in how]

    @property
    def stalls(self) -> bool:
        """Whether the search of a space with conditions stands still: what it polishes may be one branch of several."""
        if not self._is_conditional or len(self._history) <= self._sampler.n_startup + _STALL:
            return False
        values = 0.5 * self._history.values   # halved: differences must not overflow
        best, before = values.min(), values[:-_STALL].min()
        return bool(before - best < _STALL_GAIN * (np.median(values[np.isfinite(values)]) - best))

    def _spread(self, n: int, number: int, seen: _core.RowSet, info: TrialInfo) -> tuple[np.ndarray, list[TrialInfo]]:
        rows = self._startup.suggest(self._space.grid, number, n, self._space.constraint, seen)
        return rows, [info] * len(rows)

    def _info(self, model: str, is_gp: bool, value: float, is_daring: bool, is_wider: bool) -> TrialInfo:
        if not is_gp:
            return uniform_info(len(self._history))
        wider = "with twice the deviations since the search stalls" if is_wider and self._sampler.acquisition == "lcb" else ""
        daring = "as if no trial had failed" if is_daring else ""
        reason = ", ".join(filter(None, [f"largest {self._sampler.acquisition} found", model, daring, wider]))
        jitter = f"; the covariance needed a jitter of {self._core.jitter:.0e}" if self._core.jitter > 0 else ""
        return TrialInfo("gp", len(self._history), value, reason + jitter)

    def model(self) -> tuple[np.ndarray, np.ndarray, list[float], int]:
        """Rows (m, d) that succeeded, warped targets (m,), hyperparameters (d + 3,) or (3 d + 3,), and how many rows to factor before the rest is
        appended."""
        point = schedule(len(self._history))
        return *self._targets(self._successes(self.seen())), self._fit(point), len(self._successes(self._kept(point)))

    def _fitted(self, point: int) -> tuple[np.ndarray, np.ndarray]:
        return self._targets(_thinned(self._successes(self._kept(point)), _FIT_OBSERVATIONS))

    def _fit(self, point: int) -> list[float]:
        warps = self._warps and (self._sampler.input_warp != "auto" or self._gain_of_warping(point) > _WARP_EVIDENCE)
        return (self._warped_fits if warps else self._plain_fits).at(point, self._fitted)[0]

    def _gain_of_warping(self, point: int) -> float:
        """In log density; -inf where there is no hope, no reason for either where all targets are equal."""
        if point not in self._gains:
            gain = -math.inf
            if len(self._successes(self._kept(point))) <= _WARP_TRIALS or self._gain_of_warping(schedule(point // 2)) >= _WARP_HOPE:
                plain = self._plain_fits.at(point, self._fitted)[1]
                gain = self._warped_fits.at(point, self._fitted)[1] - plain if plain != 0 else _WARP_HOPE
            self._gains[point] = gain
        return self._gains[point]

    def _successes(self, index: np.ndarray) -> np.ndarray:
        successes: np.ndarray = index[np.isfinite(self._history.values[index])]
        return successes

    def _targets(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._history.rows[index], warp(self._history.values[index], self._sampler.warp)

    def _outcome_model(self) -> tuple[_core.Gp, np.ndarray, np.ndarray, list[float], int, float, float] | None:
        """The process of which trials succeed, and what it is conditioned on: None if all have."""
        index, point = self.seen(), schedule(len(self._history))
        if len(self._successes(index)) == len(index):
            return None
        rows, labels, mean, deviation = self._labels(index)
        return self._outcomes, rows, labels, self._outcome_fits.at(point, self._fitted_labels)[0], len(self._kept(point)), mean, deviation

    def _fitted_labels(self, point: int) -> tuple[np.ndarray, np.ndarray]:
        kept = self._kept(point)
        good = self._successes(kept)
        parts = [good, np.setdiff1d(kept, good, assume_unique=True)]
        share = min(_FIT_LABELS / len(kept), 1.0)
        return self._labels(np.concatenate([_thinned(part, math.ceil(share * len(part))) for part in parts]))[:2]

    def _labels(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, float]:
        """Rows (m, d), 1 where they succeeded and 0 where not, less their mean and over their deviation (m,), and both."""
        succeeded = np.isfinite(self._history.values[index])
        mean, deviation = float(succeeded.mean()), float(succeeded.std())
        return self._history.rows[index], (succeeded - mean) / (deviation or 1.0), mean, deviation

    def seen(self) -> np.ndarray:
        """Indices of the observations that the model is made of, failures among them: all up to `max_observations`."""
        point = schedule(len(self._history))
        return np.concatenate([self._kept(point), np.arange(point, len(self._history))])

    def skill(self) -> float:
        """How well the model of the last fit predicts each target from the others: R^2, at most 1; not above 0 if no better than their mean,
        0 if they are equal.

        Raises
        ------
        NotPositiveDefinite
            If the covariance cannot be factored.

        Notes
        -----
        Leave-one-out residuals are (y - mu) / (1 - var / noise), from the posterior at the observations themselves: Rasmussen, Williams,
        eq. (5.12). O(n^3), once a fit.
        """
        point = schedule(len(self._history))
        if self._skill[0] != point:
            (rows, targets), theta = self._targets(self._successes(self._kept(point))), self._fit(point)
            mean, variance = self._core.posterior(rows, targets, theta, len(rows), rows)
            noise = math.exp(theta[rows.shape[1] + 1])
            residuals = (targets - mean) / np.maximum(1.0 - variance / noise, 1e-9)   # what is known without an observation is never quite all
            self._skill = (point, 1.0 - float(np.mean(residuals**2)) if targets.any() else 0.0)   # targets have variance 1
        return self._skill[1]

    def _kept(self, point: int) -> np.ndarray:
        """Which of the first `point` observations the model sees, ascending; the last answer is remembered."""
        if self._selected[0] != point:
            self._selected = (point, self._select(point))
        return self._selected[1]

    def _select(self, point: int) -> np.ndarray:
        limit = self._sampler.max_observations
        if point <= limit:
            return np.arange(point)
        order = np.argsort(self._history.values[:point], kind="stable")
        # Half of them the best, a quarter those nearest to the best one, a quarter spread over the ranks of the others: without these, what
        # is known to be bad would look unexplored.
        best, rest = order[: limit // 2], order[limit // 2 :]
        rows, centre = self._history.rows[rest], self._history.rows[order[0]]
        apart = np.where(np.isnan(rows) | np.isnan(centre), np.isnan(rows) != np.isnan(centre), np.minimum(np.abs(rows - centre), 1.0))
        by_distance = np.argsort((apart**2).sum(axis=1), kind="stable")
        near, others = rest[by_distance[: limit // 4]], rest[np.sort(by_distance[limit // 4 :])]
        n_spread = limit - len(best) - len(near)
        return np.sort(np.concatenate([best, near, others[np.arange(n_spread) * len(others) // n_spread]]))
