"""A space with every kind of parameter, and functions of its configurations in Python and as native code: for the tests of these."""

from __future__ import annotations

import numpy as np

import hpo_fast as hf
from hpo_fast.functions import Function

WEIGHTS = np.array([0.5, -1.0, 2.0, 4.0, 8.0, 16.0, 32.0])


def space() -> hf.Space:
    return hf.Space(
        {
            "rank": hf.Int(1, 6),
            "shift": hf.Int(-7, 8, step=3),
            "wide": hf.Int(-(2**40), 2**40),
            "batch": hf.Ordinal([8, 16, 32]),
            "rate": hf.Ordinal([0.5, 0.25, 2.0]),
            "lr": hf.Float(1e-5, 1e-1, log=True),
            "decay": hf.Float(0, 0.3, step=0.1),
            "spread": hf.Float(0, 1, step=1 / 3),
            "name": hf.Categorical(["adam", "sgd", None, "lion"]),
            "other": hf.Categorical(["sgd", "rmsprop", "adam", None]),
            "layers": hf.Categorical([(1,), (2, 3), (4, 5, 6)]),
            "mixed": hf.Categorical(["auto", 1, 0.5, True]),
            "drop": hf.Categorical([None, 0.1, 0.5]),
            "flag": hf.Categorical([True, False]),
            "number": hf.Categorical([1, 0.5, True, 7]),
            "momentum": hf.Float(0.25, 0.75).when("name", "sgd"),
            "warmup": hf.Int(1, 3).when("name", "sgd"),
            "heads": hf.Ordinal([2, 4, 8]).when("rank", [3, 4, 5]),
            "mode": hf.Categorical(["x", "y"]).when("rank", [1, 2]),
            "nested": hf.Categorical([True, False]).when("mode", "x"),
            "stepped": hf.Float(0, 0.2, step=0.1).when("mode", "y"),
        }
    )


SPACE = space()
ROWS = SPACE.sample(400, seed=3)


def raw(s: hf.Space, rows: np.ndarray) -> np.ndarray:
    """The columns (d, n) that native code reads."""
    return np.ascontiguousarray(s.box.decode(rows).T)


def in_python(s: hf.Space, function: Function, rows: np.ndarray) -> list:
    """The oracle: the plain call, configuration by configuration."""
    functions = s._functions
    return [function.one(functions.config(functions.codec.params(rows[i : i + 1])[0], rows[i : i + 1])) for i in range(len(rows))]


def compiled(s: hf.Space, fn: object, rows: np.ndarray, kind: str = "truth") -> np.ndarray:
    """The results (n,) of native code."""
    return s.native(Function(fn, "function"), kind).blocks(raw(s, rows))


def even(x: int) -> bool:
    return x % 2 == 0
