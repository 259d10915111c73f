"""Categorical and Ordinal: exactness of the round trip, what equals a choice, errors."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import back, choice_lists, exact

import hpo_fast as hf
from hpo_fast.parameters import NO_DEFAULT


@settings(deadline=None, max_examples=200)
@given(choice_lists(), st.sampled_from([hf.Categorical, hf.Ordinal]))
@example([1, 1.0, True, "1", (1,), (1.0,), (True,)], hf.Categorical)
@example([0, 0.0, False, None, "", ()], hf.Ordinal)
@example([math.nan, 1.0, (math.nan, 1)], hf.Categorical)
def test_choices_come_back_exactly(choices, kind):
    decoded = back(kind(choices), *choices)
    assert all(exact(a, b) for a, b in zip(decoded, choices, strict=True))


def test_a_nan_made_elsewhere_is_the_nan_choice():
    assert math.isnan(back(hf.Categorical([1.0, math.nan]), float("nan"))[0])


def test_choices_take_equal_values_of_other_types_when_that_is_clear():
    assert exact(back(hf.Categorical([1, 2]), np.int64(2))[0], 2)
    assert exact(back(hf.Categorical([1, 2]), 2.0)[0], 2)
    assert exact(back(hf.Categorical(["a", "b"]), np.str_("b"))[0], "b")
    with pytest.raises(ValueError, match="equals several of the choices"):
        back(hf.Categorical([1, 1.0]), np.int64(1))


@pytest.mark.parametrize("value", ["c", None, 0, math.nan, ("a",)])
def test_other_choices_are_refused(value):
    with pytest.raises(ValueError, match=r"parameter 'x': .* is none of the choices \['a', 'b'\]"):
        back(hf.Categorical(["a", "b"]), value)


def test_unhashable_values_are_refused():
    with pytest.raises(TypeError, match=r"parameter 'x': \['a'\] is not hashable"):
        back(hf.Categorical(["a", "b"]), ["a"])


@pytest.mark.parametrize("kind", [hf.Categorical, hf.Ordinal])
@pytest.mark.parametrize(
    ("error", "words", "choices", "options"),
    [
        (ValueError, ["empty", "at least one"], [], {}),
        (ValueError, ["'a'", "twice", "0 and 2", "leave one out"], ["a", "b", "a"], {}),
        (ValueError, ["nan", "twice"], [math.nan, float("nan")], {}),
        (ValueError, ["default='c'", "none of"], ["a", "b"], {"default": "c"}),
        (ValueError, ["default=['a']", "hashable"], ["a", "b"], {"default": ["a"]}),
        (TypeError, ["[1]", "hashable", "tuple"], [[1], 2], {}),
        (TypeError, ["'abc'", "list"], "abc", {}),
        (TypeError, ["b'abc'", "list"], b"abc", {}),
        (TypeError, ["choices=5", "list"], 5, {}),
        (TypeError, ["choices=None", "list"], None, {}),
        (TypeError, ["order", "list"], {"a", "b"}, {}),
        (TypeError, ["order", "list"], frozenset({"a", "b"}), {}),
    ],
)
def test_choice_construction_errors(kind, error, words, choices, options):
    with pytest.raises(error) as caught:
        kind(choices, **options)
    assert all(word in str(caught.value) for word in [kind.__name__, *words]), caught.value


def test_choices_can_come_from_any_ordered_iterable():
    assert hf.Categorical(range(3)) == hf.Categorical([0, 1, 2])
    assert hf.Ordinal(str(i) for i in range(2)).choices == ("0", "1")
    assert hf.Ordinal(np.array([8, 16]).tolist()).choices == (8, 16)


@pytest.mark.parametrize("choices", [np.array([8, 16]), np.array([0.5, 1.5]), np.array(["a", "b"]), np.array([False, True]), [np.int8(1), np.float32(0.5)]])
def test_choices_of_numpy_are_those_of_python(choices):
    space = hf.Space({"c": hf.Ordinal(choices, default=choices[0]), "x": hf.Float(0, 1).when("c", choices[:1])}).require(lambda p: p.c == p.c).compile()
    again = hf.Space.from_dict(json.loads(json.dumps(space.to_dict())), requirements=[lambda p: True])
    assert again["c"] == space["c"] and again["x"] == space["x"] and again.defaults == {"c": choices[0]} and again.fingerprint == space.fingerprint
    for k, choice in enumerate(choices):
        assert exact(space["c"].choices[k], choice.item()) and space["c"].raw(choice) == k
    assert exact(again["x"].condition.values, (choices[0].item(),))


def test_none_can_be_the_default_choice():
    assert hf.Categorical([None, 1], default=None).default is None
    assert hf.Categorical([None, 1]).default is NO_DEFAULT
    assert hf.Float(0, 1, default=None).default is NO_DEFAULT
    assert hf.Int(0, 1, default=None).default is NO_DEFAULT


def test_values_are_choices_up_to_rounding():
    p = hf.Ordinal([0.1, 0.3, 0.7, 1e300])
    assert [p.raw(value) for value in (0.1, 3 * 0.1, 7 * 0.1, 1e300 * (1 + 2e-16))] == [0, 1, 2, 3]
    for value in (0.3000000001, 0.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="is none of the choices"):
            p.raw(value)
    close = hf.Categorical([0.3, 3 * 0.1, 3])
    assert [close.raw(value) for value in (0.3, 3 * 0.1, 3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="equals several of"):
        close.raw(np.nextafter(0.3, 0))


def test_a_tuple_may_have_been_through_json():
    space = hf.Space({"layers": hf.Categorical([(64, 64), (32, (16, 16)), None])})
    for params in ({"layers": (64, 64)}, {"layers": (32, (16, 16))}):
        assert space.validate(json.loads(json.dumps(params))) == params
    with pytest.raises(ValueError, match=r"parameter 'layers': \(64, 32\) is none of the choices"):
        space.encode([{"layers": [64, 32]}])
