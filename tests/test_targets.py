"""Told values, and targets to be minimised."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from hpo_fast.targets import observed, targets


@pytest.mark.parametrize("value", [1, 1.0, True, np.float32(1), np.int8(1), np.array(1), Fraction(1), Decimal(1), np.True_])
def test_real_numbers(value):
    assert observed(value) == 1.0
    assert type(observed(value)) is float


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, 10**400, np.float32("nan"), Decimal("NaN"), np.array(np.inf)])
def test_failures(value):
    assert math.isnan(observed(value))


class Broken:
    def __float__(self):
        raise ValueError("no")


@pytest.mark.parametrize("value", ["1", b"1", 1j, np.array([1.0]), [1], (1,), {}, object(), Broken(), np.complex128(1), np.array("a")])
def test_what_is_no_number(value):
    with pytest.raises(TypeError, match="must be one real number, or None"):
        observed(value)


def test_targets():
    values = np.array([1.0, np.nan, -2.0])
    assert targets(values, "minimize").tolist() == [1, math.inf, -2]
    assert targets(values, "maximize").tolist() == [-1, math.inf, 2]
    assert targets(np.empty(0), "maximize").shape == (0,)
    assert values[0] == 1.0
