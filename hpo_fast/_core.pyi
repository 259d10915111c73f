"""The compiled core: ``cpp/``, bound in ``cpp/bind``.

Arrays are C-ordered float64 (others are converted on the way in, shapes are checked); n rows, d columns of a box, p pending.
Wrong shapes and values raise ValueError, wrong types TypeError. What runs without the GIL says so; a `feasible` that is not a
Constraint is called with it.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Array = NDArray[np.float64]
# rows (n, d) -> truth values (n,); None is no constraint.
_Feasible = Callable[[_Array], NDArray[np.bool_]] | None

class _pybind11_type(type):
    """The metaclass of pybind11's classes."""

class NotPositiveDefinite(RuntimeError):
    """A covariance matrix could not be factored, whatever was added to its diagonal."""

class SpaceExhausted(RuntimeError):
    """Every configuration of a finite space has been suggested, was told or is pending."""

class Infeasible(RuntimeError):
    """No configuration that satisfies the known constraints could be found."""

# -- base: the building blocks, for the tests against their oracles ---------------------------------------------------

def exp(x: ArrayLike) -> _Array: """e^x, (n,) -> (n,)."""
def log(x: ArrayLike) -> _Array: """Natural logarithm, (n,) -> (n,)."""
def ndtr(x: ArrayLike) -> _Array: """Standard normal distribution function, (n,) -> (n,)."""
def log_ndtr(x: ArrayLike) -> _Array: """Its logarithm, accurate in the lower tail, (n,) -> (n,)."""
def ndtri(p: ArrayLike) -> _Array: """Its inverse, (n,) in [0, 1] -> (n,)."""
def log_interval_mass(a: ArrayLike, b: ArrayLike) -> _Array: """log(ndtr(b) - ndtr(a)), accurate in both tails; (n,), (n,) -> (n,)."""
def philox(counter: Sequence[int], key: int) -> list[int]: """Philox 4x32-10: 4 words of 32 bits and a key of 64 -> 4 words."""
def uniform(seed: int, number: int, purpose: int, n: int, first: int = 0) -> _Array: """Uniforms of stream (seed, number, purpose) from block first on: (n,)."""
def uniform_columns(seed: int, number: int, purpose: int, n: int, first: int, blocks: int, d: int) -> _Array:
    """(d, n), where column i is uniform(seed, number, purpose, d, first + i blocks)."""


# -- space ------------------------------------------------------------------------------------------------------------

class Column(metaclass=_pybind11_type):
    """One parameter: its kind, range and condition (``cpp/space/box.h``)."""

    def __init__(
        self,
        *,
        kind: int,
        log: bool = False,
        low: float = 0.0,
        high: float = 1.0,
        levels: int = 0,
        first: float = 0.0,
        parent: int = -1,
        parent_levels: Sequence[int] = ...,
        prior: Sequence[float] = ...,
    ) -> None: ...

class Box(metaclass=_pybind11_type):
    """The compiled space: d columns, parents before children."""

    def __init__(self, columns: Sequence[Column]) -> None: ...
    @property
    def dims(self) -> int: """d."""
    def encode(self, raw: ArrayLike, threads: int = 1) -> _Array: """Raw numbers or levels (n, d) -> rows (n, d), without the GIL."""
    def decode(self, rows: ArrayLike, threads: int = 1) -> _Array: """Rows (n, d) -> raw numbers or levels (n, d), without the GIL."""
    def snap(self, rows: ArrayLike) -> _Array: """Rows (n, d) moved to the nearest valid rows (n, d), inactive columns NaN."""
    def recode(self, rows: ArrayLike) -> _Array: """Rows (n, d) -> the rows (n, d) that their configurations are encoded to."""
    def from_unit(self, points: ArrayLike) -> _Array: """Points of the unit cube (n, d) -> rows (n, d)."""
    def from_prior(self, points: ArrayLike) -> _Array: """Uniform points of the unit cube (n, d) -> rows (n, d) distributed as the priors say."""
    def log_prior(self, column: int, u: ArrayLike) -> tuple[_Array, _Array]:
        """Log density of the column's prior at encoded values (n,), relative to the uniform one, and its slope."""
    def active(self, rows: ArrayLike) -> NDArray[np.bool_]: """Which columns exist in each of rows (n, d): (n, d)."""

class Codec(metaclass=_pybind11_type):
    """Rows to dicts of Python values. `values` says for each column what its raw value k is.

    None: the float itself; (first, stride): the int first + k stride; (first, stride, scale): the float
    (first + k stride) / scale; (low, high), floats: levels evenly from low to high; a list: its k-th entry.
    """

    def __init__(self, box: Box, names: Sequence[str], values: Sequence[object]) -> None: ...
    def params(self, rows: ArrayLike) -> list[dict[str, object]]: """Rows (n, d) -> n dicts by name, inactive parameters absent."""
    def arrays(self, rows: ArrayLike) -> list[_Array]:
        """Rows (n, d) -> the values of each column (n,): int64, float64 or objects; raw numbers of a column with a parent. Without the GIL."""
    def read(self, stream: Stream, first: int, n: int, threads: int = 1) -> list[_Array]: """The same of positions [first, first + n)."""

class Constraint(metaclass=_pybind11_type):
    """Compiled requirements as a `feasible`: that of each of `kernels` (``hpo_fast.native.NativeFunction``, by address).

    Rows at which one raises are left to `python`, rows (n, d) -> bool (n,).
    """

    def __init__(self, box: Box, kernels: Sequence[object], python: Callable[[_Array], NDArray[np.bool_]]) -> None: ...
    def __call__(self, rows: ArrayLike) -> NDArray[np.bool_]: """Which of rows (n, d) satisfy all: (n,), without the GIL."""

class RowSet(metaclass=_pybind11_type):
    """A multiset of rows of `dims` doubles, by hash; all NaN are one."""

    def __init__(self, dims: int) -> None: ...
    def __len__(self) -> int: """Number of different rows."""
    @property
    def erasures(self) -> int: """How often a row has left the set."""
    def insert(self, rows: ArrayLike) -> None: """Count each of rows (n, d) once more."""
    def erase(self, rows: ArrayLike) -> None: """Count each of rows (n, d) once less, down to not there."""
    def contains(self, rows: ArrayLike) -> NDArray[np.bool_]: """Which of rows (n, d) are there: (n,)."""

# -- enumerate --------------------------------------------------------------------------------------------------------

class Stream(metaclass=_pybind11_type):
    """A sequence of configurations of which any part is computed at once (``cpp/enumerate/stream.h``). Not to be created itself."""

    def __init__(self, *args: object, **kwargs: object) -> None: ...
    @property
    def size(self) -> int: """Number of positions, below 2^127."""
    def columns(self, first: int, n: int, encoded: bool = False, threads: int = 1) -> _Array:
        """Positions [first, first + n) as columns (d, n): raw numbers or levels, or what rows hold; NaN inactive. Without the GIL."""
    def fill(self, first: int, out: _Array, encoded: bool = False, threads: int = 1) -> None: """The same into out (d, n)."""
    def rows(self, first: int, n: int, threads: int = 1) -> _Array: """Positions [first, first + n) as rows (n, d), without the GIL."""

class Grid(Stream):
    """All configurations of a box by index; a real column has levels[j] values, 0: all. Its size is 0 if infinite, `too_many` if
    it is that or more; neither can be read.
    """

    def __init__(self, box: Box, levels: Sequence[int] = ...) -> None: ...
    too_many: int  # 2^127, a static property
    def rank(self, row: ArrayLike) -> tuple[int, int | None]: """The index of a row (d,), and the column that is not on the grid if there is one."""

class StreamView(Stream):
    """Another order or a part of a stream. Layers (start, step, size, seed, m), the topmost first: position p is position start + step p
    of the layer below, then permuted, if seed is not None, in [0, m).
    """

    def __init__(self, base: Stream, layers: Sequence[tuple[int, int, int, int | None, int]]) -> None: ...
    def find(self, position: int) -> int | None: """Where the view has a position of `base`; None if it is not there."""

class UniformStream(Stream):
    """Position i is row i of `uniform_rows`."""

    def __init__(self, box: Box, size: int, seed: int, feasible: _Feasible = None) -> None: ...

class SobolStream(Stream):
    """Position i is point i of the scrambled sequence, feasible or not; size is at most 2^32."""

    def __init__(self, box: Box, size: int, seed: int) -> None: ...

class Scan(metaclass=_pybind11_type):
    """What a scan has found so far: the `top` smallest (score, position), and how many positions were seen and feasible."""

    def __init__(self, top: int) -> None: ...
    @property
    def seen(self) -> int: """Positions."""
    @property
    def feasible(self) -> int: """Those at which everything held."""
    @property
    def best(self) -> list[tuple[float, int]]: """(score, position), ascending."""
    def add(self, best: Sequence[tuple[float, int]], seen: int, feasible: int) -> None: """What was found elsewhere."""
    def run(
        self, stream: Stream, first: int, n: int, where: list[object], score: object, in_python: Callable[[int, int], float], maximize: bool, threads: int
    ) -> None:
        """Positions [first, first + n), without the GIL; scores are negated if `maximize`. Kernels are objects with an `address`; a score of None
        counts. Where one raises, in_python(kernel, position) is its value; if that raises too, nothing is added."""

class Permutation(metaclass=_pybind11_type):
    """A random order of [0, n), 1 <= n <= 2^127, without a table."""

    def __init__(self, n: int, seed: int) -> None: ...
    def __call__(self, i: int) -> int: """Element i."""
    def inverse(self, element: int) -> int: """The place of an element."""

class Sobol(metaclass=_pybind11_type):
    """The Sobol sequence in `dims` dimensions, scrambled unless told otherwise."""

    def __init__(self, dims: int, seed: int, scramble: bool = True) -> None: ...
    def points(self, first: int, n: int) -> _Array: """Points (n, dims) number [first, first + n) in [0, 1)."""

class SobolRows(metaclass=_pybind11_type):
    """The scrambled Sobol sequence as rows of a box."""

    def __init__(self, box: Box, seed: int) -> None: ...
    def suggest(self, grid: Grid, number: int, n: int, feasible: _Feasible, seen: RowSet) -> _Array:
        """Distinct rows (at most n, d) for trials `number`, ..., added to `seen`; without the GIL. Raises SpaceExhausted, Infeasible."""

def suggest_uniform(box: Box, grid: Grid, seed: int, number: int, n: int, feasible: _Feasible, seen: RowSet) -> _Array:
    """Distinct uniform rows (at most n, d), added to `seen`; without the GIL. Raises SpaceExhausted, Infeasible."""

def complete_row(
    box: Box, partial: ArrayLike, base: ArrayLike, seed: int, number: int, feasible: _Feasible, seen: RowSet
) -> _Array:
    """The row (1, d) that agrees with `partial` (d,) where not NaN, else with `base` (d,) where it fits, else is drawn.

    Not in `seen`. Raises SpaceExhausted, Infeasible.
    """

def uniform_rows(box: Box, seed: int, first: int, n: int, feasible: _Feasible = None, threads: int = 1) -> _Array:
    """Uniform rows (n, d) number [first, first + n) of a stream, repeats possible; without the GIL. Raises Infeasible."""

# -- tpe --------------------------------------------------------------------------------------------------------------

class TpeOptions(metaclass=_pybind11_type):
    """See ``hpo_fast.samplers.TPE``; `exact` is Optuna's model, rebuilt at every suggestion."""

    def __init__(
        self,
        *,
        n_startup: int,
        n_candidates: int,
        candidates_per_pending: int,
        multivariate: bool,
        good_fraction: float,
        good_max: int,
        max_kernels: int,
        prior_weight: float,
        min_bandwidth: float,
        recency: bool,
        rank_weights: bool,
        keep: float,
        exact: bool,
    ) -> None: ...

class Tpe(metaclass=_pybind11_type):
    """The tree-structured Parzen estimator at work on one box."""

    def __init__(self, box: Box, grid: Grid, options: TpeOptions, seed: int, threads: int) -> None: ...
    @property
    def n_told(self) -> int: """Observations so far."""
    def tell(self, rows: ArrayLike, y: ArrayLike) -> None:
        """Learn rows (n, d) and targets (n,) to be minimised, +inf for failed; without the GIL."""

    def suggest(
        self, number: int, n: int, pending: ArrayLike, feasible: _Feasible, seen: RowSet
    ) -> tuple[_Array, list[tuple[int, float]]]:
        """Distinct rows (at most n, d), added to `seen`, and for each its path (0 start-up, 1 model, 2 uniform) and score.

        `pending` (p, d) counts as bad; without the GIL. Raises SpaceExhausted, Infeasible.
        """
    def log_ratio(self, rows: ArrayLike, pending: ArrayLike) -> _Array:
        """log l - log g of rows (n, d) given pending rows (p, d): (n,); without the GIL."""

# -- linalg, optim ----------------------------------------------------------------------------------------------------

def load_lapack(lapack: dict[str, object], blas: dict[str, object], get_threads: int, set_threads: int) -> None:
    """Take LAPACK and BLAS from the ``__pyx_capi__`` of SciPy's cython_lapack and cython_blas, and the addresses of the functions
    that get and set the library's thread count, or 0. Raises ImportError if a signature is not the expected one.
    """

class Cholesky(metaclass=_pybind11_type):
    """The factor L of a symmetric positive definite matrix (n, n)."""

    def __init__(self) -> None: ...
    def __len__(self) -> int: ...
    @property
    def jitter(self) -> float: """What was added to the diagonal."""
    @property
    def log_determinant(self) -> float: """Of the matrix."""
    def factor(self, k: ArrayLike) -> None: """Factor the lower triangle of k (n, n). Raises NotPositiveDefinite if that needs too much jitter."""
    def append(self, k: ArrayLike, variance: float, floor: float) -> None:
        """One more row: covariances k (n,) and its variance; its squared pivot is at least `floor`."""

    def append_block(self, k: ArrayLike, floor: float) -> None:
        """m more rows: k (m, n + m), the lower triangle of their covariances; squared pivots are at least `floor`."""

    def truncate(self, n: int) -> None: """Keep the first n rows."""
    def solve_lower(self, b: ArrayLike) -> _Array: """L^-1 of each row of b (m, n)."""
    def solve_upper(self, b: ArrayLike) -> _Array: """L^-T of each row of b (m, n)."""
    def inverse(self) -> _Array: """The lower triangle of the inverse (n, n), 0 above."""

def lbfgsb(
    fn: Callable[[list[float]], tuple[float, Sequence[float]]],
    x0: Sequence[float],
    lower: Sequence[float],
    upper: Sequence[float],
    memory: int = 10,
    max_evaluations: int = 200,
    gradient_tolerance: float = 1e-6,
    value_tolerance: float = 1e-10,
) -> tuple[list[float], float, int]:
    """Minimise fn(x) -> (value, gradient) in a box: x, value, evaluations."""

# -- gp, acquisition --------------------------------------------------------------------------------------------------

def acquisition(kind: int, mean: ArrayLike, variance: ArrayLike, best: float, beta: float) -> tuple[_Array, _Array, _Array]:
    """Values (q,) of 0 lcb, 1 log_ei, 2 log_pi, 3 thompson (that is lcb) and their derivatives by mean and variance."""

class GpOptions(metaclass=_pybind11_type):
    """See ``hpo_fast.samplers.GP``; priors are (mean, deviation)."""

    def __init__(
        self,
        *,
        smoothness: int,
        length_prior: tuple[float, float],
        noise_prior: tuple[float, float],
        main_effects: bool,
        acquire: int,
        beta: float,
        beta_growth: float,
        prior_strength: float,
    ) -> None: ...

class Gp(metaclass=_pybind11_type):
    """A Gaussian process over one box. rows (n, d) and y (n,) are the observations; theta (d + 3,) the logarithms of the weights of the
    columns (inverse squared lengthscales), of the variances of signal, noise and main effects, with warped inputs (3 d + 3,) also of a and b of
    the columns; the factor is made of the first n_factored rows, the others are appended. What takes long runs without the GIL. Raises
    NotPositiveDefinite if the covariance cannot be factored.
    """

    def __init__(self, box: Box, grid: Grid, options: GpOptions, seed: int, threads: int) -> None: ...
    def prior_mode(self, warped: bool) -> list[float]:
        """Theta before any observation, of inputs that are warped or are not."""
    @property
    def jitter(self) -> float: """What the last factor needed on its diagonal."""
    def fit(self, rows: ArrayLike, y: ArrayLike, starts: Sequence[Sequence[float]]) -> tuple[list[float], float, int]:
        """The best mode of the posterior of theta found from `starts`, all of one size: theta, log density (the log prior of shapes is 0 at its
        mode), evaluations."""

    def log_posterior(self, rows: ArrayLike, y: ArrayLike, theta: Sequence[float]) -> tuple[float, _Array]:
        """log p(y, theta) and its gradient, of the size of theta."""

    def posterior(self, rows: ArrayLike, y: ArrayLike, theta: Sequence[float], n_factored: int, queries: ArrayLike) -> tuple[_Array, _Array]:
        """Mean and variance (q,) at queries (q, d), without noise."""

    def mean(self, rows: ArrayLike, y: ArrayLike, theta: Sequence[float], n_factored: int, queries: ArrayLike) -> _Array:
        """The mean (q,) alone."""

    def joint(self, rows: ArrayLike, y: ArrayLike, theta: Sequence[float], n_factored: int, queries: ArrayLike) -> tuple[_Array, _Array]:
        """Mean (q,) and the lower triangle of the covariance (q, q)."""

    def suggest(
        self,
        number: int,
        n: int,
        rows: ArrayLike,
        y: ArrayLike,
        theta: Sequence[float],
        n_factored: int,
        pending: ArrayLike,
        feasible: _Feasible,
        seen: RowSet,
        stalls: bool = False,
        outcomes: tuple[Gp, ArrayLike, ArrayLike, Sequence[float], int, float, float] | None = None,
    ) -> tuple[_Array, list[tuple[bool, float, bool, bool]]]:
        """Distinct rows (at most n, d), added to `seen`; for each whether the model proposed it, its acquisition value, whether it was proposed as
        if no trial had failed, and whether by a wider bound.

        Where the search `stalls`, trials of even numbers have a bound that is twice as wide. `outcomes` are the process of which trials
        succeed, its rows (m, d), labels (m,), theta and n_factored, and the mean and deviation that were taken out of the labels.

        Raises SpaceExhausted, Infeasible.
        """
