"""Space: size, sampling, equality, errors. Rows are in test_encoding.py, parameters by themselves in test_parameters.py."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
from conditional_space import deep
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import enumerate_space, key, mixed_spaces, small_spaces

import hpo_fast as hf


def total(n=3):
    return hf.Space({"a": hf.Int(1, n), "b": hf.Int(1, n)}).derive("sum", lambda p: p.a + p.b).require(lambda p: p.sum <= n + 1)


def add(p):
    return p.a + p.b


def small(p):
    return p.sum <= 4


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
