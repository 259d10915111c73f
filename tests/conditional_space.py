"""Conditional spaces: one with configurations, for the tests of user functions in Python, and a deep one."""

from __future__ import annotations

import hpo_fast as hf


def space() -> hf.Space:
    return hf.Space(
        {
            "rank": hf.Int(1, 6),
            "batch": hf.Ordinal([8, 16, 32]),
            "name": hf.Categorical(["adam", "sgd", None]),
            "layers": hf.Categorical([(1,), (2, 3), (4, 5, 6)]),
            "momentum": hf.Float(0.25, 0.75).when("name", "sgd"),
            "warmup": hf.Int(1, 3).when("name", "sgd"),
            "mode": hf.Categorical(["x", "y"]).when("rank", [1, 2]),
        }
    )


ROWS = space().sample(300, seed=5)
CONFIGS = space().decode(ROWS)


def deep():
    """Children of children, several children of a parent, children declared before their parents."""
    return hf.Space(
        {
            "momentum": hf.Float(0.5, 0.99).when("optimizer", ["sgd", "rmsprop"]),
            "nesterov": hf.Categorical([True, False]).when("optimizer", "sgd"),
            "warm": hf.Int(1, 3).when("nesterov", True),
            "shape": hf.Float(0, 1, step=0.25).when("warm", range(2, 4)),
            "tail": hf.Ordinal(["a", "b"]).when("shape", [0.25, 0.75]),
            "optimizer": hf.Categorical(["adamw", "sgd", "rmsprop"]),
            "lr": hf.Float(1e-5, 1e-1, log=True),
        }
    )
