"""Boxes for the tests: plain descriptions (``reference.Column``) that compile to ``_core.Box``, and strategies for them."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
from hypothesis import strategies as st
from reference import CATEGORICAL, ORDERED, REAL, Column

from hpo_fast import _core

CONTINUOUS = [Column(REAL, low=-3.0, high=5.0), Column(REAL, log=True, low=1e-6, high=1e2), Column(REAL)]
MIXED = [
    Column(REAL, low=-3.0, high=5.0),
    Column(REAL, log=True, low=1e-6, high=1e2),
    Column(ORDERED, levels=9),
    Column(ORDERED, log=True, levels=300, first=1.0),
    Column(CATEGORICAL, levels=3),
    Column(ORDERED, levels=100_001),
]
CONDITIONAL = [
    Column(REAL, parent=2, parent_levels=(0,)),
    Column(REAL, low=-1.0, high=1.0),
    Column(CATEGORICAL, levels=3),
    Column(ORDERED, levels=4, parent=2, parent_levels=(1, 2)),
    Column(REAL, log=True, low=1e-3, high=1.0, parent=3, parent_levels=(2, 3)),
    Column(CATEGORICAL, levels=5, parent=2, parent_levels=(0,)),
]
SPACES = {"continuous": CONTINUOUS, "mixed": MIXED, "conditional": CONDITIONAL}


def box_of(columns: list[Column]) -> _core.Box:
    return _core.Box([_core.Column(**{**asdict(c), "parent_levels": list(c.parent_levels)}) for c in columns])


def grid_of(columns: list[Column]) -> _core.Grid:
    return _core.Grid(box_of(columns))


def rows_of(columns: list[Column], n: int, seed: int, first: int = 0) -> np.ndarray:
    """n random rows."""
    return _core.uniform_rows(box_of(columns), seed, first, n)


def options(**changes: object) -> _core.TpeOptions:
    defaults = {
        "n_startup": 10, "n_candidates": 24, "candidates_per_pending": 4, "multivariate": True, "good_fraction": 0.1, "good_max": 25,
        "max_kernels": 2048, "prior_weight": 1.0, "min_bandwidth": 0.01, "recency": True, "rank_weights": True,
        "keep": 0.7, "exact": False,
    }
    assert changes.keys() <= defaults.keys()
    return _core.TpeOptions(**{**defaults, **changes})


def tpe_of(columns: list[Column], *, seed: int = 0, threads: int = 1, **changes: object) -> _core.Tpe:
    box = box_of(columns)
    return _core.Tpe(box, _core.Grid(box), options(**changes), seed, threads)


def none_pending(columns: list[Column]) -> np.ndarray:
    return np.empty((0, len(columns)))


def level_tuples(box: _core.Box, rows: np.ndarray) -> list[tuple[float | None, ...]]:
    """Rows as raw values, None where inactive: hashable and comparable, which NaN is not."""
    return [tuple(None if np.isnan(v) else float(v) for v in raw) for raw in box.decode(rows)]


# -- strategies ---------------------------------------------------------------------------------------------------------

reals = st.one_of(
    st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)).map(lambda t: Column(REAL, low=t[0], high=t[0] + t[1])),
    st.tuples(st.floats(-9, 9), st.floats(0.1, 12)).map(lambda t: Column(REAL, log=True, low=10.0 ** t[0], high=10.0 ** (t[0] + t[1]))),
)
fixed = st.floats(-10, 10).map(lambda v: Column(REAL, low=v, high=v))
ordereds = st.integers(1, 200).map(lambda m: Column(ORDERED, levels=m))
log_ints = st.tuples(st.integers(1, 50), st.integers(1, 200)).map(lambda t: Column(ORDERED, log=True, first=float(t[0]), levels=t[1]))
categoricals = st.integers(1, 20).map(lambda m: Column(CATEGORICAL, levels=m))
any_column = st.one_of(reals, fixed, ordereds, log_ints, categoricals)


@st.composite
def conditional_spaces(draw: st.DrawFn, column: st.SearchStrategy[Column], max_size: int = 5) -> list[Column]:
    """Columns with conditions to any depth, in any order (children may stand before their parents)."""
    plain = draw(st.lists(column, min_size=1, max_size=max_size))
    placed = draw(st.permutations(range(len(plain))))   # parents come earlier in this order
    columns = list(plain)
    for i, j in enumerate(placed):
        parents = [p for p in placed[:i] if plain[p].kind != REAL]
        if parents and draw(st.booleans()):
            p = draw(st.sampled_from(parents))
            levels = draw(st.sets(st.integers(0, plain[p].levels - 1), min_size=1, max_size=4))
            columns[j] = replace(plain[j], parent=p, parent_levels=tuple(sorted(levels)))
    return columns


small_discrete = st.one_of(
    st.integers(1, 4).map(lambda m: Column(ORDERED, levels=m)),
    st.tuples(st.integers(1, 9), st.integers(1, 4)).map(lambda t: Column(ORDERED, log=True, first=float(t[0]), levels=t[1])),
    st.integers(1, 4).map(lambda m: Column(CATEGORICAL, levels=m)),
    fixed,
)
