"""Spaces as JSON and back: Space.to_dict, Space.from_dict, and descriptions that describe nothing."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import PARAMETERS, identity, small_spaces

import hpo_fast as hf
from hpo_fast.space_json import parameter_from_dict


def add(p):
    return p.a + p.b


def small(p):
    return p.sum <= 4


@settings(deadline=None, max_examples=60)
@given(small_spaces(), st.lists(PARAMETERS, max_size=3))
def test_to_dict_through_json(space, more):
    space = hf.Space({**space.parameters, **{f"q{i}": p for i, p in enumerate(more)}})
    choices = [c for p in more if not isinstance(p, (hf.Int, hf.Float)) for c in p.choices]
    if any(isinstance(c, frozenset) for c in choices):
        with pytest.raises(ValueError, match=r"parameter 'q\d': .*no JSON form"):
            space.to_dict()
        return
    again = hf.Space.from_dict(json.loads(json.dumps(space.to_dict(), allow_nan=False)))
    assert again == space
    assert again.fingerprint == space.fingerprint
    assert repr(again) == repr(space)
    np.testing.assert_array_equal(again.sample(5, seed=1), space.sample(5, seed=1))


def test_to_dict_with_functions():
    space = hf.Space({"a": hf.Int(1, 3), "b": hf.Int(1, 3)}).derive("sum", add).require(small)
    data = json.loads(json.dumps(space.to_dict()))
    again = hf.Space.from_dict(data, {"sum": add}, [small])
    assert again == space
    assert again.validate({"a": 1, "b": 2}) == {"a": 1, "b": 2, "sum": 3}
    for derived, requirements in [(None, [small]), ({"sum": add}, ()), ({"sum": add, "x": add}, [small]), ({"x": add}, [small])]:
        with pytest.raises(ValueError, match=r"derived|requirements"):
            hf.Space.from_dict(data, derived, requirements)


def test_to_dict_keeps_types_and_defaults():
    space = hf.Space(
        {
            "c": hf.Categorical([1, 1.0, True, "1", None, (1, (2.0, math.inf)), math.nan], default=True),
            "i": hf.Int(1, 4, default=2).when("c", [1.0, (1, (2.0, math.inf))]),
        }
    )
    again = hf.Space.from_dict(json.loads(json.dumps(space.to_dict(), allow_nan=False)))
    assert [identity(c) for c in again["c"].choices] == [identity(c) for c in space["c"].choices]
    assert again.defaults == {"c": True}
    assert again["i"].condition == space["i"].condition


@pytest.mark.parametrize(
    "data",
    [
        None,
        5,
        "x",
        [],
        {},
        {"format": 2, "parameters": {}, "derived": [], "requirements": 0},
        {"format": 1},
        {"format": 1, "parameters": [], "derived": [], "requirements": 0},
        {"format": 1, "parameters": {"a": 3}, "derived": [], "requirements": 0},
        {"format": 1, "parameters": {"a": {"type": "int"}}, "derived": [], "requirements": 0},
        {"format": 1, "parameters": {"a": {"type": "int", "low": 0, "high": 1, "when": 3}}, "derived": [], "requirements": 0},
        {"format": 1, "parameters": {"a": {"type": "categorical", "choices": [{"tuple": 3}]}}, "derived": [], "requirements": 0},
        {"format": 1, "parameters": {"a": {"type": "categorical", "choices": [{"x": 3}]}}, "derived": [], "requirements": 0},
        {"format": 1, "parameters": {"a": {"type": [], "low": 0}}, "derived": [], "requirements": 0},
        {"format": 1, "parameters": {}, "derived": [], "requirements": "many"},
    ],
)
def test_from_dict_of_something_else(data):
    with pytest.raises(ValueError, match=r"."):
        hf.Space.from_dict(data)


@pytest.mark.parametrize(
    "data", [{}, {"type": "x"}, {"type": "float"}, {"type": "int", "low": 3, "high": 1}, {"type": "float", "low": 0, "high": 1, "x": 1}]
)
def test_descriptions_that_describe_nothing(data):
    with pytest.raises(ValueError, match=r"parameter|Int"):
        parameter_from_dict(data)


@pytest.mark.parametrize("change", [{"requirements": math.inf}, {"derived": [[]]}, {"parameters": {"c": {"type": "categorical", "choices": "ab"}}},
                                    {"parameters": {"c": {"type": "categorical", "choices": [{"float": 10**400}, 1]}}}])  # fmt: skip
def test_what_describes_no_space(change):
    with pytest.raises(ValueError, match=r"describe|description"):
        hf.Space.from_dict({**hf.Space({"x": hf.Float(0, 1)}).to_dict(), **change})
