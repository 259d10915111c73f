"""Lists of choices as hosts give them."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import hpo_fast as hf
from hpo_fast.adapters.choices import Wrapped, parameter_of, unwrapped, weighted, wrapped


@pytest.mark.parametrize("value", [[1, 2], {"a": {"b": 1}}, {1, 2}, np.arange(3)])
def test_unhashable_values_are_wrapped(value: Any) -> None:
    assert isinstance(wrapped(value), Wrapped) and hash(wrapped(value)) == hash(wrapped(value))
    assert unwrapped(wrapped(value)) is value
    assert wrapped(value) == wrapped(value)
    assert repr(wrapped(value)) == repr(value)


@pytest.mark.parametrize("value", [None, 1, "a", (1, 2), frozenset({1})])
def test_hashable_values_are_not(value: Any) -> None:
    assert wrapped(value) is value and unwrapped(value) is value


def test_wrapped_values_are_equal_by_value() -> None:
    assert wrapped({"a": 1, "b": 2}) == wrapped({"b": 2, "a": 1})
    assert wrapped([1]) != wrapped([2])
    assert wrapped(np.arange(3)) != wrapped(np.arange(3))   # which has no single answer
    assert pickle.loads(pickle.dumps(wrapped([1]))) == wrapped([1])


@pytest.mark.parametrize(
    ("choices", "parameter"),
    [
        ([1, 2.5, 3], hf.Ordinal([1, 2.5, 3])),
        (np.array([1, 2]), hf.Ordinal([1, 2])),
        ((2, 1), hf.Categorical([2, 1])),
        ([1], hf.Categorical([1])),
        ([False, True], hf.Categorical([False, True])),
        ([1, "a"], hf.Categorical([1, "a"])),
        ([[1], [2]], hf.Categorical([wrapped([1]), wrapped([2])])),
    ],
)
def test_numbers_that_ascend_are_ordered(choices: Any, parameter: Any) -> None:
    assert parameter_of(choices) == parameter
    assert parameter_of([3, 4], prior=[1, 2]) == hf.Ordinal([3, 4], prior=[1, 2])


@pytest.mark.parametrize(
    ("choices", "weights", "expected"),
    [
        (["a", "b"], None, (["a", "b"], None)),
        (["a", "b", "a"], None, (["a", "b"], [2.0, 1.0])),
        (["a", "b", "a"], [1, 2, 3], (["a", "b"], [4.0, 2.0])),
        ([1, True, 1.0], None, ([1, True, 1.0], None)),
        ([[1], [2], [1]], None, ([[1], [2]], [2.0, 1.0])),
    ],
)
def test_what_is_listed_twice_is_twice_as_likely(choices: Any, weights: Any, expected: Any) -> None:
    merged, weight = weighted(choices, weights)
    assert (merged, weight) == expected and list(map(type, merged)) == list(map(type, expected[0]))
