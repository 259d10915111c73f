"""Encoding: configurations as rows and back, conditions, columns, and errors that name what is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conditional_space import deep
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import PARAMETERS, enumerate_space, identity, key, small_spaces

import hpo_fast as hf


@settings(deadline=None, max_examples=100)
@given(st.lists(PARAMETERS, min_size=1, max_size=6), st.integers(0, 2**63 - 1))
def test_samples_come_back_exactly(parameters, seed):
    space = hf.Space({f"p{i}": p for i, p in enumerate(parameters)})
    rows = space.sample(20, seed)
    configs = space.decode(rows)
    again = space.decode(space.encode(configs))
    for config, other in zip(configs, again, strict=True):
        for name, p in space.parameters.items():
            if isinstance(p, hf.Float):
                assert type(config[name]) is float
                eps = np.finfo(float).eps
                room = 16 * eps * config[name] * (1 + 2 * 700) if p.log else 8 * eps * max(abs(p.low), abs(p.high))
                assert abs(config[name] - other[name]) <= room
            else:
                assert identity(config[name]) == identity(other[name])


@settings(deadline=None, max_examples=60)
@given(small_spaces())
def test_every_configuration_of_a_conditional_space_comes_back_exactly(space):
    configs = enumerate_space(space)
    rows = space.encode(configs)
    decoded = space.decode(rows)
    assert [key(c) for c in decoded] == [key(c) for c in configs]
    assert len({row.tobytes() for row in rows}) == len(configs)
    columns = space.columns(rows)
    assert list(columns) == space.names
    for name, column in columns.items():
        assert column.shape == (len(configs),)
        for value, config in zip(column.tolist(), configs, strict=True):
            if name in config:
                assert value == config[name]
            else:
                assert value is None or math.isnan(value)


def test_rows_are_unit_numbers_indices_and_nan():
    space = hf.Space(
        {
            "f": hf.Float(0, 4),
            "l": hf.Float(1e-4, 1, log=True),
            "i": hf.Int(0, 3),
            "c": hf.Categorical(["a", "b", "c"]),
            "o": hf.Ordinal([1, 5]).when("c", "b"),
        }
    )
    rows = space.encode([{"f": 1, "l": 1e-2, "i": 1, "c": "c"}, {"f": 4, "l": 1, "i": 3, "c": "b", "o": 5}])
    np.testing.assert_allclose(rows, [[0.25, 0.5, 0.375, 2, np.nan], [1, 1, 0.875, 1, 0.75]], rtol=1e-14)
    assert rows.dtype == np.float64


def test_decode_takes_values_between_levels_to_their_level():
    space = hf.Space({"i": hf.Int(0, 3), "c": hf.Categorical(["a", "b"])})
    u = np.array([[0.0, 0], [0.24, 1], [0.26, 0], [0.74, 0], [0.76, 1], [1.0, 1]])
    assert [c["i"] for c in space.decode(u)] == [0, 0, 1, 2, 3, 3]
    assert [c["c"] for c in space.decode(u)] == ["a", "b", "a", "a", "b", "b"]


def test_decode_gives_the_order_of_declaration_and_takes_lists():
    space = deep()
    (config,) = space.decode(space.encode([{"lr": 1e-3, "optimizer": "adamw"}]).tolist())
    assert config == {"optimizer": "adamw", "lr": 1e-3}
    assert list(config) == ["optimizer", "lr"]
    assert space.decode(np.empty((0, 7))) == []
    assert space.encode([]).shape == (0, 7)
    assert space.decode(np.asfortranarray(space.sample(5))) == space.decode(space.sample(5))


def test_conditions_to_any_depth():
    space = deep()
    for config in space.decode(space.sample(2000, seed=1)):
        optimizer = config["optimizer"]
        assert ("momentum" in config) == (optimizer in ("sgd", "rmsprop"))
        assert ("nesterov" in config) == (optimizer == "sgd")
        assert ("warm" in config) == (config.get("nesterov") is True)
        assert ("shape" in config) == (config.get("warm", 0) >= 2)
        assert ("tail" in config) == (config.get("shape") in (0.25, 0.75))
    assert any("tail" in c for c in space.decode(space.sample(2000, seed=1)))


def test_a_long_chain_of_conditions():
    parameters = {"p0": hf.Categorical([0, 1])}
    parameters |= {f"p{i}": hf.Categorical([0, 1]).when(f"p{i - 1}", 1) for i in range(1, 60)}
    space = hf.Space(dict(reversed(parameters.items())))
    assert space.size == 61
    assert {len(c) for c in space.decode(space.grid.rows(0, 61))} == set(range(1, 61))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lr": None}, ["'lr'"]),
        ({"lr": 1}, ["'lr'", "1", "outside"]),
        ({"lrr": 1}, ["'lrr'", "not in the space", "optimizer"]),
        ({"momentum": 0.6}, ["'momentum'", "'optimizer'", "'adamw'", "leave it out"]),
        ({"warm": 2}, ["'warm'", "'nesterov'", "leave it out"]),
        ({"optimizer": "sgd"}, ["'momentum'", "missing"]),
        ({"optimizer": "sgd", "momentum": 0.6, "nesterov": True}, ["'warm'", "missing"]),
        ({"optimizer": "adam"}, ["'optimizer'", "'adam'", "adamw"]),
    ],
)
def test_wrong_configurations(change, words):
    good = {"optimizer": "adamw", "lr": 1e-3}
    space = deep()
    for call in (lambda c: space.encode([good, c]), space.validate, lambda c: hf.Optimizer(space).add(c, 1.0)):
        with pytest.raises((ValueError, TypeError)) as caught:
            call({**good, **change})
        assert all(w in str(caught.value) for w in words), caught.value


def test_missing_parameter():
    with pytest.raises(ValueError, match="'lr' is missing from configuration 1"):
        deep().encode([{"optimizer": "adamw", "lr": 1e-3}, {"optimizer": "adamw"}])


@pytest.mark.parametrize("configs", [None, 5, "abc", {"lr": 1}, [None], [5], ["abc"], [[("lr", 1)]], iter([])])
def test_encode_takes_lists_of_dicts(configs):
    with pytest.raises(TypeError, match="configuration"):
        deep().encode(configs)


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ([[0.5, 0]], ValueError, "shape"),
        ([0.5, 0, 0], ValueError, "shape"),
        ([[[0.5, 0, 0]]], ValueError, "shape"),
        (0.5, ValueError, "shape"),
        ("abc", TypeError, "rows"),
        (None, (TypeError, ValueError), "rows"),
        ([["a", "b", "c"]], TypeError, "rows"),
        ([[0.5], [0.5, 0]], TypeError, "rows"),
        ([[1.5, 0, np.nan]], ValueError, "'x'.*1.5"),
        ([[-0.1, 0, np.nan]], ValueError, "'x'.*-0.1"),
        ([[np.inf, 0, np.nan]], ValueError, "'x'.*inf"),
        ([[0.5, 2, np.nan]], ValueError, "'c'.*2"),
        ([[0.5, 0.5, np.nan]], ValueError, "'c'.*0.5"),
        ([[np.nan, 0, np.nan]], ValueError, "'x'.*NaN"),
        ([[0.5, np.nan, np.nan]], ValueError, "'c'.*NaN"),
        ([[0.5, 1, np.nan]], ValueError, "'y'.*NaN though it is active"),
        ([[0.5, 0, 0.5]], ValueError, "'y'.*inactive"),
    ],
)
def test_wrong_rows(rows, error, words):
    space = hf.Space({"x": hf.Float(0, 1), "c": hf.Categorical(["a", "b"]), "y": hf.Int(1, 3).when("c", "b")})
    for method in (space.decode, space.columns, space.feasible):
        with pytest.raises(error, match=words):
            method(rows)


# -- columns ------------------------------------------------------------------------------------------------------------


def test_types_of_columns():
    space = hf.Space(
        {
            "f": hf.Float(0, 1),
            "s": hf.Float(0, 1, step=0.1),
            "i": hf.Int(-(2**63), -(2**63) + 5),
            "ints": hf.Categorical([1, 2]),
            "floats": hf.Ordinal([1.0, 2.5]),
            "mixed": hf.Categorical([1, 2.5]),
            "bools": hf.Categorical([True, False]),
            "texts": hf.Categorical(["a", None]),
            "tuples": hf.Categorical([(1, 2), (3, 4)]),
            "huge": hf.Categorical([-1, 2**63]),
            "huger": hf.Categorical([1, 10**400]),
            "ci": hf.Int(1, 3).when("texts", "a"),
            "cf": hf.Float(1, 3).when("texts", "a"),
            "cc": hf.Categorical(["x"]).when("texts", "a"),
            "cn": hf.Categorical([1, 2]).when("texts", "a"),
        }
    )
    rows = space.sample(100, seed=0)
    columns = space.columns(rows)
    kinds = {name: column.dtype.str[1:] for name, column in columns.items()}
    assert kinds == {
        "f": "f8", "s": "f8", "i": "i8", "ints": "i8", "floats": "f8", "mixed": "O", "bools": "O", "texts": "O", "tuples": "O",
        "huge": "O", "huger": "O", "ci": "f8", "cf": "f8", "cc": "O", "cn": "f8",
    }  # fmt: skip
    for i, config in enumerate(space.decode(rows)):
        for name, column in columns.items():
            value = column[i] if column.dtype == object else column[i].item()
            if name in config:
                assert value == config[name]
                assert type(value) is type(config[name]) or name in ("ci", "cn")
            else:
                assert value is None or math.isnan(value)


def test_encode_says_how_to_give_configurations():
    space = hf.Space({"x": hf.Float(0, 1), "c": hf.Categorical(["a", "b"]), "m": hf.Float(0, 1).when("c", "a")})
    for argument, words in (({"x": 0.5}, r"space.encode\(\[params\]\)"), (iter([]), r"space.encode\(list\(configs\)\)")):
        with pytest.raises(TypeError, match=words):
            space.encode(argument)
    with pytest.raises(ValueError, match=r"parameter 'm': nan is outside .*; leave an inactive parameter out"):
        space.encode([{"x": 0.5, "c": "b", "m": math.nan}])
