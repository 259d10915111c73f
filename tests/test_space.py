"""Space: encoding, conditions, size, sampling, equality, errors. Parameters by themselves are in test_parameters.py."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import PARAMETERS, enumerate_space, identity, key, mixed_spaces, small_spaces

import hpo_fast as hf


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


def total(n=3):
    return hf.Space({"a": hf.Int(1, n), "b": hf.Int(1, n)}).derive("sum", lambda p: p.a + p.b).require(lambda p: p.sum <= n + 1)


def add(p):
    return p.a + p.b


def small(p):
    return p.sum <= 4


# -- encode and decode --------------------------------------------------------------------------------------------------


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


@settings(deadline=None, max_examples=60)
@given(small_spaces())
def test_size_and_grid_against_enumeration(space):
    configs = enumerate_space(space)
    assert space.size == len(configs) == space.grid.size
    rows = space.grid.rows(0, space.size)
    assert {key(c) for c in space.decode(rows)} == {key(c) for c in configs}


def test_sizes():
    assert hf.Space({"a": hf.Float(0, 1)}).size == math.inf
    assert hf.Space({"a": hf.Float(1, 1), "b": hf.Int(1, 3)}).size == 3
    assert hf.Space({"a": hf.Int(0, 2**52 - 1), "b": hf.Int(0, 2**52 - 1)}).size == 2**104
    assert hf.Space({"a": hf.Int(0, 3), "b": hf.Float(0, 1).when("a", 3)}).size == math.inf
    assert deep().size == math.inf
    wide = hf.Space(
        {
            "a": hf.Int(0, 2**52 - 1),
            "b": hf.Int(0, 1).when("a", [5, 7]),
            "c": hf.Int(0, 2).when("a", 7),
            "d": hf.Int(0, 4).when("c", [0, 2]),
        }
    )
    assert wide.size == 2**52 - 2 + 2 + 2 * (1 + 5 + 5)


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


# -- construction -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "words", "parameters"),
    [
        (TypeError, ["dict", "list"], [("a", hf.Int(0, 1))]),
        (TypeError, ["dict", "NoneType"], None),
        (ValueError, ["empty", "at least one"], {}),
        (TypeError, ["name", "1", "string"], {1: hf.Int(0, 1)}),
        (TypeError, ["name", "''", "string"], {"": hf.Int(0, 1)}),
        (TypeError, ["'a'", "(0, 1)", "Float, Int"], {"a": (0, 1)}),
        (TypeError, ["'a'", "Float, Int"], {"a": hf.Int}),
        (ValueError, ["'a'", "'b'", "not in the space"], {"a": hf.Int(0, 1).when("b", 1)}),
        (ValueError, ["'a'", "circle", "a -> a"], {"a": hf.Int(0, 1).when("a", 1)}),
        (ValueError, ["circle", "a -> b -> a"], {"a": hf.Int(0, 1).when("b", 1), "b": hf.Int(0, 1).when("a", 1)}),
        (ValueError, ["circle"], {"c": hf.Int(0, 1).when("a", 1), "a": hf.Int(0, 1).when("b", 1), "b": hf.Int(0, 1).when("a", 1)}),
        (ValueError, ["'a'", "'c'", "'z'", "['x', 'y']"], {"a": hf.Int(0, 1).when("c", "z"), "c": hf.Categorical(["x", "y"])}),
        (ValueError, ["'a'", "'b'", "5", "[0, 1]"], {"a": hf.Int(0, 1).when("b", [1, 5]), "b": hf.Int(0, 1)}),
        (ValueError, ["'a'", "'b'", "0.15", "grid"], {"a": hf.Int(0, 1).when("b", 0.15), "b": hf.Float(0, 1, step=0.1)}),
        (ValueError, ["'a'", "'b'", "continuous", "stepped"], {"a": hf.Int(0, 1).when("b", 0.5), "b": hf.Float(0, 1)}),
        (ValueError, ["'a'", "'b'", "'x'"], {"a": hf.Int(0, 1).when("b", "x"), "b": hf.Int(0, 1)}),
        (ValueError, ["'a'", "'b'", "equals several"], {"a": hf.Int(0, 1).when("b", np.int64(1)), "b": hf.Categorical([1, 1.0])}),
    ],
)
def test_construction_errors(error, words, parameters):
    with pytest.raises(error) as caught:
        hf.Space(parameters)
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_space_is_a_mapping_of_parameters():
    p = hf.Int(0, 1)
    given = {"a": p, "b": hf.Float(0, 1)}
    space = hf.Space(given)
    given["c"] = p
    assert space.names == ["a", "b"]
    assert len(space) == 2
    assert "a" in space
    assert "c" not in space
    assert space["a"] is p
    with pytest.raises(TypeError):
        space.parameters["c"] = p
    with pytest.raises(KeyError):
        space["c"]


def test_defaults_that_hold_together():
    space = hf.Space(
        {
            "child": hf.Int(0, 5, default=3).when("opt", "sgd"),
            "other": hf.Int(0, 5, default=4).when("opt", "adam"),
            "orphan": hf.Int(0, 5, default=1).when("free", "x"),
            "grand": hf.Int(0, 5, default=2).when("child", 3),
            "opt": hf.Categorical(["adam", "sgd"], default="sgd"),
            "free": hf.Categorical(["x", "y"]),
            "none": hf.Categorical([1, None], default=None),
        }
    )
    assert space.defaults == {"child": 3, "grand": 2, "opt": "sgd", "none": None}


# -- sampling -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [deep(), total()], ids=["deep", "required"])
def test_sample_is_a_pure_function_of_seed_and_index(space):
    rows = space.sample(5000, seed=7)
    assert rows.shape == (5000, len(space))
    np.testing.assert_array_equal(rows, space.sample(5000, seed=7, threads=2))
    np.testing.assert_array_equal(rows, space.sample(5000, 7, threads=5))
    np.testing.assert_array_equal(rows[123:200], space.sample(77, seed=7, first=123))
    np.testing.assert_array_equal(rows[4999:], space.sample(1, seed=7, first=4999))
    assert not np.array_equal(rows, space.sample(5000, seed=8), equal_nan=True)
    assert space.sample(0).shape == (0, len(space))


def test_sample_gives_each_value_its_share():
    space = hf.Space(
        {"i": hf.Int(1, 5), "c": hf.Categorical(["a", "b", "c"]), "s": hf.Float(0, 1, step=0.25), "l": hf.Float(1e-4, 1, log=True)}
    )
    columns = space.columns(space.sample(20000, seed=3))
    for name, k in (("i", 5), ("c", 3), ("s", 5)):
        _, counts = np.unique(columns[name].astype(str), return_counts=True)
        assert len(counts) == k
        assert np.abs(counts / 20000 - 1 / k).max() < 5 * math.sqrt(0.25 / 20000)
    assert abs(np.median(np.log10(columns["l"])) + 2) < 0.1


def test_sample_obeys_requirements():
    space = total(10)
    configs = space.decode(space.sample(500, seed=1))
    assert all(c["a"] + c["b"] <= 11 for c in configs)
    assert len({key(c) for c in configs}) > 40


def test_sample_of_nothing_feasible_is_an_error():
    with pytest.raises(hf.Infeasible, match="loosen a requirement"):
        hf.Space({"x": hf.Float(0, 1)}).require(lambda p: p.x > 2).sample(3)


# -- validate -----------------------------------------------------------------------------------------------------------


def test_validate_gives_the_canonical_form():
    space = total().derive("text", lambda p: f"{p.a}-{p.b}")
    valid = space.validate({"b": 1.0, "a": np.int64(2)})
    assert valid == {"a": 2, "b": 1, "sum": 3, "text": "2-1"}
    assert [type(v) for v in valid.values()] == [int, int, int, str]
    assert space.validate(valid) == valid
    with pytest.raises(ValueError, match=r"violates requirement 1 .*change it"):
        space.validate({"a": 3, "b": 3})
    with pytest.raises(ValueError, match=r"derived parameter 'sum' is 4 but its function gives 3: leave it out"):
        space.validate({"a": 2, "b": 1, "sum": 4})
    with pytest.raises(TypeError, match="configuration"):
        space.validate([("a", 2)])


# -- copies, equality, repr ---------------------------------------------------------------------------------------------


def test_pickle_and_copies():
    space = hf.Space({**deep().parameters, "a": hf.Int(1, 3), "b": hf.Int(1, 3)}).derive("sum", add).require(small)
    for again in (pickle.loads(pickle.dumps(space)), copy.copy(space), copy.deepcopy(space)):
        assert again == space
        assert hash(again) == hash(space)
        np.testing.assert_array_equal(again.sample(50, seed=2), space.sample(50, seed=2))
        assert again.decode(space.sample(5)) == space.decode(space.sample(5))


def test_equality_and_fingerprint():
    def make(**change):
        base = {"a": hf.Int(1, 3), "c": hf.Categorical(["x", "y", "z"]), "b": hf.Float(0, 1).when("c", ["x", "y"])}
        return hf.Space({**base, **change})

    different = [
        make(a=hf.Int(1, 4)),
        make(a=hf.Int(1, 3, log=True)),
        make(a=hf.Float(1, 3)),
        make(a=hf.Ordinal([1, 2, 3])),
        make(c=hf.Categorical(["x", "z", "y"])),
        make(c=hf.Ordinal(["x", "y", "z"])),
        make(b=hf.Float(0, 1)),
        make(b=hf.Float(0, 1).when("c", ["x", "z"])),
        make(b=hf.Float(0, 1).when("a", 1)),
        make(d=hf.Int(0, 1)),
        hf.Space(dict(reversed(make().parameters.items()))),
    ]
    assert make() == make()
    assert make() == make(b=hf.Float(0, 1).when("c", ["y", "x"]))
    assert make().fingerprint == make(b=hf.Float(0, 1).when("c", {"y", "x"})).fingerprint
    for other in different:
        assert make() != other
        assert make().fingerprint != other.fingerprint
    assert make().derive("s", add) != make()
    assert make().derive("s", add) == make().derive("s", add)
    assert make().require(small) != make().require(add)
    assert make() != "space"
    assert len({make(), make(), make().require(add)}) == 2
    one, real, yes = (hf.Space({"c": hf.Categorical([v, "x"])}) for v in (1, 1.0, True))
    assert one != real != yes != one
    assert len({one.fingerprint, real.fingerprint, yes.fingerprint}) == 3


def test_fingerprint_is_the_same_in_every_process(tmp_path):
    code = (
        "import hpo_fast as hf; print(hf.Space({'c': hf.Categorical(['a', 'b', 'c', 'd']), 'k': hf.Categorical([frozenset('abcdef'), 1]),"
        " 'x': hf.Int(0, 3).when('c', {'a', 'b', 'c'})}).fingerprint)"
    )
    seen = set()
    for seed in ("0", "1", "2"):
        done = subprocess.run(
            # From elsewhere, so that the package tested is the one imported.
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        )
        seen.add(done.stdout.strip())
    assert len(seen) == 1


def test_choices_without_a_repr_of_their_own_are_known_in_every_process(tmp_path):
    (tmp_path / "choices.py").write_text(
        "import functools, math, hpo_fast as hf\n"
        "class Act:\n    def run(self): return 1\n"
        "def relu(x): return x\n"
        "def gelu(x): return x\n"
        "make = lambda *choices: hf.Space({'c': hf.Categorical(choices)})\n"
        "space = make(relu, gelu, Act, Act(), Act().run, (max, gelu), [].append, math.sin, functools.partial(relu, 1), str.lower, object())\n"
        "different = [make(relu, gelu), make(gelu, relu), make(Act, relu), make(Act(), relu), make('at 0x1', relu), make('at 0x2', relu)]\n"
    )
    code = "from choices import *; print([s.fingerprint for s in [space, *different]])"
    seen = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path).stdout for _ in range(3)}
    assert len(seen) == 1
    assert len(set(eval(seen.pop()))) == 7


def test_repr_is_what_one_would_write():
    space = hf.Space(
        {
            "lr": hf.Float(1e-5, 0.1, log=True, default=1e-3),
            "drop": hf.Float(0, 0.5, step=0.1),
            "n": hf.Int(0, 10, step=2),
            "opt": hf.Categorical(["adam", "sgd"]),
            "mom": hf.Float(0, 1).when("opt", "sgd"),
            "size": hf.Ordinal([8, 16]).when("n", [2, 4]),
        }
    )
    text = repr(space)
    assert hf.Space(eval(text[len("Space(") : -1], {n: getattr(hf, n) for n in ("Float", "Int", "Categorical", "Ordinal")})) == space
    assert "'lr': Float(1e-05, 0.1, log=True, default=0.001)," in text
    assert "'n': Int(0, 10, step=2)," in text
    assert "'mom': Float(0.0, 1.0).when('opt', 'sgd')," in text
    assert "'size': Ordinal([8, 16]).when('n', [2, 4])," in text
    assert repr(total()).endswith("})\n  .derive('sum', ...)\n  .require(...)")


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
@given(st.one_of(mixed_spaces(), small_spaces()), st.integers(0, 99))
def test_repr_makes_an_equal_space(space, seed):
    config = space.decode(space.sample(1, seed=seed))[0]   # and every parameter that is there gets a default
    space = hf.Space({name: dataclasses.replace(p, default=config[name]) if name in config else p for name, p in space.parameters.items()})
    again = eval(repr(space), {**vars(hf), "nan": math.nan, "inf": math.inf})
    assert again == space
    assert repr(again) == repr(space)


def test_repr_says_steps_of_1_where_they_are_no_default():
    assert "Float(0.0, 3.0, step=1.0)," in repr(hf.Space({"x": hf.Float(0, 3, step=1)}))
    assert "Int(0, 3)," in repr(hf.Space({"x": hf.Int(0, 3, step=1)}))
    parent = hf.Categorical([frozenset({1}), range(3), (1,)])
    space = hf.Space({"c": parent, **{f"x{k}": hf.Int(0, 1).when("c", [choice]) for k, choice in enumerate(parent.choices)}})
    assert eval(repr(space), vars(hf).copy()) == space


def test_what_was_suggested_is_valid_with_its_derived_text():
    space = hf.Space({"x": hf.Float(-5, 10)}).derive("tag", lambda p: f"x={p.x}")
    for params in space.decode(space.sample(300, seed=0)):
        space.validate(params)
    with pytest.raises(ValueError, match="'tag' is 'x=1' but its function gives"):
        space.validate({"x": 2.0, "tag": "x=1"})


def test_encode_says_how_to_give_configurations():
    space = hf.Space({"x": hf.Float(0, 1), "c": hf.Categorical(["a", "b"]), "m": hf.Float(0, 1).when("c", "a")})
    for argument, words in (({"x": 0.5}, r"space.encode\(\[params\]\)"), (iter([]), r"space.encode\(list\(configs\)\)")):
        with pytest.raises(TypeError, match=words):
            space.encode(argument)
    with pytest.raises(ValueError, match=r"parameter 'm': nan is outside .*; leave an inactive parameter out"):
        space.encode([{"x": 0.5, "c": "b", "m": math.nan}])
