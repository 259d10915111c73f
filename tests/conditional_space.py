"""A conditional space and configurations of it, for the tests of user functions in Python."""

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
