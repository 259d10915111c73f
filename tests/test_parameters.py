"""Float and Int: values, exactness of the round trip, errors. Of all four: conditions, being values."""

from __future__ import annotations

import copy
import math
import pickle
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import back, exact, float_ranges, int_ranges

import hpo_fast as hf
from hpo_fast.parameters import NO_DEFAULT
from hpo_fast.space_json import parameter_from_dict, parameter_to_dict

EPS = sys.float_info.epsilon


# -- integers -----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(int_ranges(), st.data())
def test_ints_come_back_exactly(p, data):
    levels = data.draw(st.lists(st.integers(0, p.levels - 1), min_size=1, max_size=8))
    values = [p.low + k * p.step for k in [*levels, 0, p.levels - 1]]
    decoded = back(p, *values)
    assert decoded == values
    assert {type(v) for v in decoded} == {int}


@pytest.mark.parametrize(
    "p",
    [
        hf.Int(0, 2**52 - 1),
        hf.Int(-(2**63), -(2**63) + 2**52 - 1),
        hf.Int(2**63 - 2**52, 2**63 - 1),
        hf.Int(-(2**51), 2**51 - 1),
        hf.Int(2**53 + 1, 2**53 + 2**52),
        hf.Int(-(2**63), 2**63 - 1 - (2**64 - 1) % 2**12, step=2**12),
    ],
    ids=repr,
)
def test_int_ranges_at_the_limit(p):
    levels = np.unique(np.concatenate([[0, 1, 2, p.levels - 3, p.levels - 2, p.levels - 1], np.arange(1, 1000) * (p.levels // 1000)]))
    values = [p.low + int(k) * p.step for k in levels]
    assert back(p, *values) == values
    columns = hf.Space({"x": p}).columns(hf.Space({"x": p}).encode([{"x": v} for v in values]))["x"]
    assert columns.dtype == np.int64
    assert columns.tolist() == values


@pytest.mark.parametrize("high", [2, 3, 100, 1000, 2**20, 2**30, 2**40, 2**44])
def test_log_ints_come_back_exactly(high):
    rng = np.random.default_rng(0)
    values = sorted({1, 2, high - 1, high, *rng.integers(1, high, 300, endpoint=True).tolist()} | set(range(1, min(high, 300))))
    assert back(hf.Int(1, high, log=True), *values) == values


@pytest.mark.parametrize("value", [3.0, np.float32(3), np.int8(3), np.uint64(3), np.float64(3)])
def test_int_takes_integral_numbers_of_any_type(value):
    (decoded,) = back(hf.Int(1, 8), value)
    assert exact(decoded, 3)


@pytest.mark.parametrize("value", [2.5, "3", None, True, np.True_, math.nan, math.inf, 1 + 0j, [3], b"3"])
def test_int_refuses_what_is_no_integer(value):
    with pytest.raises((TypeError, ValueError), match="parameter 'x'"):
        back(hf.Int(1, 8), value)


def test_int_names_the_nearest_value_on_the_grid():
    with pytest.raises(ValueError, match=r"parameter 'x': 6 is not on the grid 1 \+ k \* 3; the nearest below is 4"):
        back(hf.Int(1, 10, step=3), 6)
    with pytest.raises(ValueError, match=r"parameter 'x': 11 is outside \[1, 10\]"):
        back(hf.Int(1, 10, step=3), 11)


@pytest.mark.parametrize(
    ("error", "words", "arguments", "options"),
    [
        (ValueError, ["low=5", "high=2", "swap"], (5, 2), {}),
        (ValueError, ["log=True", "low=0", "raise low"], (0, 2), {"log": True}),
        (ValueError, ["step=3", "[0, 10]", "9"], (0, 10), {"step": 3}),
        (ValueError, ["step=0", "at least 1"], (0, 10), {"step": 0}),
        (ValueError, ["step=-1", "at least 1"], (0, 10), {"step": -1}),
        (ValueError, ["log=True", "step=2", "leave one out"], (1, 9), {"step": 2, "log": True}),
        (ValueError, ["64-bit", "Float"], (0, 2**63), {}),
        (ValueError, ["64-bit", "Float"], (-(2**63) - 1, 0), {}),
        (ValueError, ["64-bit"], (0, 10**400), {}),
        (ValueError, ["2^52", "larger step"], (0, 2**52), {}),
        (ValueError, ["2^45", "Float"], (1, 2**47), {"log": True}),
        (ValueError, ["step="], (-(2**63), 2**63 - 1), {"step": 2**64 - 1}),
        (ValueError, ["default=11", "outside"], (0, 10), {"default": 11}),
        (ValueError, ["default=3", "grid"], (0, 10), {"default": 3, "step": 2}),
        (TypeError, ["low=0.5", "Float"], (0.5, 3), {}),
        (TypeError, ["high='3'"], (0, "3"), {}),
        (TypeError, ["high=None"], (0, None), {}),
        (TypeError, ["low=True"], (True, 3), {}),
        (TypeError, ["low=nan"], (math.nan, 3), {}),
        (TypeError, ["high=inf"], (0, math.inf), {}),
        (TypeError, ["step=0.5"], (0, 3), {"step": 0.5}),
        (TypeError, ["step=None"], (0, 3), {"step": None}),
        (TypeError, ["default='a'"], (0, 3), {"default": "a"}),
        (TypeError, ["log='no'"], (1, 3), {"log": "no"}),
    ],
)
def test_int_construction_errors(error, words, arguments, options):
    with pytest.raises(error) as caught:
        hf.Int(*arguments, **options)
    assert all(word in str(caught.value) for word in ["Int", *words]), caught.value


# -- floats -------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=300)
@given(float_ranges(), st.lists(st.floats(0, 1), min_size=1, max_size=8))
@example(hf.Float(-1e300 / 2, 1e300 / 2), [0.5, 0.1])
@example(hf.Float(1e-300, 1e300), [0.0, 1e-5, 1.0])
@example(hf.Float(1e-300, 1e300, log=True), [0.0, 0.3, 0.5, 1.0])
@example(hf.Float(-1.0, 1e-300), [0.0, 0.3, 1.0])
@example(hf.Float(-1e-300, 2e-300), [0.0, 0.3, 1.0])
def test_floats_come_back_to_a_few_ulps_of_the_range(p, weights):
    values = [math.exp(math.log(p.low) * (1 - w) + math.log(p.high) * w) for w in weights] if p.log else [p.low + (p.high - p.low) * w for w in weights]
    values = [min(max(v, p.low), p.high) for v in values]
    for value, decoded in zip(values, back(p, *values), strict=True):
        assert type(decoded) is float
        assert p.low <= decoded <= p.high
        # Linear: ulps of the largest number in the range. Log: relative, times the magnitude of the logarithms.
        tolerance = (
            value * 8 * EPS * (1 + abs(math.log(p.low)) + abs(math.log(p.high))) if p.log else 4 * EPS * max(abs(p.low), abs(p.high))
        )
        assert abs(Fraction(decoded) - Fraction(value)) <= Fraction(tolerance)
    assert back(p, p.low, p.high) == [p.low, p.high]


@pytest.mark.parametrize("p", [hf.Float(1e-6, 1.0, log=True), hf.Float(1e-5, 5e-4, log=True), hf.Float(1e-10, 1e10, log=True)], ids=repr)
def test_floats_of_people_come_back_as_written_on_a_log_scale(p):
    written = [float(f"{m}e{e}") for e in range(-10, 10) for m in (1, 2, 2.5, 3, 1.25, 7.125, 9.99, 4.321)]
    values = [v for v in written if p.low <= v <= p.high]
    assert len(values) > 10
    assert back(p, *values) == values


def test_zero_is_not_negative_zero():
    (decoded,) = back(hf.Float(-1, 1), -0.0)
    assert math.copysign(1, decoded) == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -1e-9, 1.0000001])
def test_float_refuses_values_outside(value):
    with pytest.raises(ValueError, match=r"parameter 'x': .* is outside \[0.0, 1.0\]"):
        back(hf.Float(0, 1), value)


@pytest.mark.parametrize("value", ["0.5", None, True, b"1", [0.5], 1j])
def test_float_refuses_other_types(value):
    with pytest.raises(TypeError, match="parameter 'x'"):
        back(hf.Float(0, 1), value)


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), Fraction(1, 2), np.array(0.5)])
def test_float_takes_numbers_of_any_type(value):
    (decoded,) = back(hf.Float(0, 1), value)
    assert exact(decoded, 0.5)


# -- steps --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "step", "places"),
    [
        (0, 1, 0.1, 1),
        (-1, 1, 0.1, 1),
        (0.05, 0.95, 0.05, 2),
        (-3, 7, 0.25, 2),
        (1e-4, 1e-2, 1e-4, 4),
        (100, 200, 0.7 - 0.2, 1),
        (0, 10, 1e-3, 3),
    ],
)
def test_steps_give_the_numbers_that_people_write(low, high, step, places):
    p = hf.Float(low, high, step=step)
    written = [float(f"{low + k * step:.{places}f}") for k in range(p.levels)]
    assert written[-1] == high
    space = hf.Space({"x": p})
    rows = space.encode([{"x": v} for v in written])
    assert [c["x"] for c in space.decode(rows)] == written
    assert space.columns(rows)["x"].tolist() == written
    assert all(type(c["x"]) is float for c in space.decode(rows))


def test_three_tenths():
    assert back(hf.Float(0, 1, step=0.1), 0.1 + 0.2) == [0.3]
    assert repr(back(hf.Float(0, 1, step=0.1), 0.30000000000000004)[0]) == "0.3"


@pytest.mark.parametrize(
    ("low", "high", "step"), [(0, 1, 1 / 3), (0, 100, 1 / 3), (-1, 1, 2 / 7), (0, math.pi, math.pi / 10), (1e-300, 5e-300, 1e-300)]
)
def test_steps_that_are_no_decimals_are_spread_evenly(low, high, step):
    p = hf.Float(low, high, step=step)
    space = hf.Space({"x": p})
    values = [low + (high - low) * k / (p.levels - 1) for k in range(p.levels)]
    decoded = back(p, *values)
    np.testing.assert_allclose(decoded, values, rtol=1e-14, atol=1e-15 * high)
    assert (decoded[0], decoded[-1]) == (low, high)
    assert back(p, *decoded) == decoded
    assert space.columns(space.encode([{"x": v} for v in decoded]))["x"].tolist() == decoded


@settings(deadline=None, max_examples=100)
@given(st.sampled_from([(1e-3, 3, 10**6), (1e-3, 3, 10**12), (0.25, 2, 2**48), (1e-9, 9, 10**5)]), st.data())
def test_steps_on_long_ranges(case, data):
    step, _, high = case
    p = hf.Float(-high, high, step=step)
    per_unit = round(1 / step)
    assert p.levels == 2 * high * per_unit + 1
    ticks = data.draw(st.lists(st.integers(-high * per_unit, high * per_unit), min_size=1, max_size=8))
    values = [k / per_unit for k in ticks]
    assert back(p, *values) == values


@settings(deadline=None, max_examples=100)
@given(st.integers(2, 2**50), st.data())
def test_steps_of_any_length_come_back_exactly(last, data):
    p = hf.Float(0, last / 3, step=1 / 3)
    space = hf.Space({"x": p})
    rows = (np.array(data.draw(st.lists(st.integers(0, p.levels - 1), min_size=1, max_size=5)), dtype=float)[:, None] + 0.5) / p.levels
    values = space.decode(rows)
    assert space.decode(space.encode(values)) == values


def test_steps_take_what_arithmetic_makes_of_their_ends():
    p = hf.Float(-0.3, 0.3, step=0.1)
    assert 0.1 + 0.2 > 0.3 and p.raw(0.1 + 0.2) == 6 and p.raw(-0.1 - 0.2) == 0
    fine = hf.Float(1.0, 1.5, step=2.0**-52)   # a step is half the rounding error of a few operations
    assert fine.raw(1.5 + 2.0**-52) == fine.levels - 1 and fine.raw(1.0 - 2.0**-53) == 0
    for value in (0.300001, -0.300001, math.inf, -math.inf, math.nan):
        with pytest.raises(ValueError, match="is outside"):
            p.raw(value)


def test_values_off_the_grid_are_refused():
    with pytest.raises(ValueError, match=r"parameter 'x': 0.35 is not on the grid 0.0 \+ k \* 0.1; the nearest value is 0\.[34]"):
        back(hf.Float(0, 1, step=0.1), 0.35)
    with pytest.raises(ValueError, match="is not on the grid"):
        back(hf.Float(0, 1e10, step=1e-3), 1e9 + 0.0004)


@pytest.mark.parametrize(
    ("error", "words", "arguments", "options"),
    [
        (ValueError, ["low=2.0", "high=1.0", "swap"], (2, 1), {}),
        (ValueError, ["log=True", "low=0.0", "raise low"], (0, 1), {"log": True}),
        (ValueError, ["log=True", "low=-1.0", "raise low"], (-1, 1), {"log": True}),
        (ValueError, ["step=0.3", "[0.0, 1.0]", "0.9"], (0, 1), {"step": 0.3}),
        (ValueError, ["step=2.0", "does not fit"], (0, 1), {"step": 2}),
        (ValueError, ["step=1.0", "does not fit"], (0, 1e9 + 0.5), {"step": 1}),
        (ValueError, ["step=0.0", "positive"], (0, 1), {"step": 0}),
        (ValueError, ["step=-0.1", "positive"], (0, 1), {"step": -0.1}),
        (ValueError, ["step=nan", "finite"], (0, 1), {"step": math.nan}),
        (ValueError, ["step=inf", "finite"], (0, 1), {"step": math.inf}),
        (ValueError, ["step=1e-16", "2^52"], (0, 1), {"step": 1e-16}),
        (ValueError, ["step=0.5", "larger step"], (1e16, 1e16 + 2), {"step": 0.5}),
        (ValueError, ["log=True", "step=0.1", "leave one out"], (0.1, 1), {"step": 0.1, "log": True}),
        (ValueError, ["low=nan", "finite"], (math.nan, 1), {}),
        (ValueError, ["high=nan", "finite"], (0, math.nan), {}),
        (ValueError, ["high=inf", "finite"], (0, math.inf), {}),
        (ValueError, ["low=-inf", "finite"], (-math.inf, 0), {}),
        (ValueError, ["overflows", "-1e+308", "narrow"], (-1e308, 1e308), {}),
        (ValueError, ["underflows", "rescale"], (0, 5e-324), {}),
        (ValueError, ["low=1000", "fits a double"], (10**400, 10**401), {}),
        (ValueError, ["default=2.0", "outside"], (0, 1), {"default": 2}),
        (ValueError, ["default=nan"], (0, 1), {"default": math.nan}),
        (ValueError, ["default=0.15", "grid"], (0, 1), {"default": 0.15, "step": 0.1}),
        (TypeError, ["low='0'"], ("0", 1), {}),
        (TypeError, ["high=None"], (0, None), {}),
        (TypeError, ["high=True"], (0, True), {}),
        (TypeError, ["high=[1]"], (0, [1]), {}),
        (TypeError, ["low=1j"], (1j, 2), {}),
        (TypeError, ["step='a'"], (0, 1), {"step": "a"}),
        (TypeError, ["default='a'"], (0, 1), {"default": "a"}),
        (TypeError, ["log='no'"], (1, 3), {"log": "no"}),
    ],
)
def test_float_construction_errors(error, words, arguments, options):
    with pytest.raises(error) as caught:
        hf.Float(*arguments, **options)
    assert all(word in str(caught.value) for word in ["Float", *words]), caught.value


def test_values_of_one_value():
    assert back(hf.Float(0.3, 0.3), 0.3) == [0.3]
    assert back(hf.Float(0.3, 0.3, log=True), 0.3) == [0.3]
    assert back(hf.Float(0.3, 0.3, step=0.1), 0.3) == [0.3]
    assert back(hf.Int(7, 7), 7) == [7]
    assert back(hf.Int(7, 7, log=True), 7) == [7]
    assert back(hf.Categorical([None]), None) == [None]
    assert back(hf.Ordinal(["a"]), "a") == ["a"]


# -- conditions ---------------------------------------------------------------------------------------------------------


def test_when_gives_a_copy_of_the_same_type():
    p = hf.Int(1, 3, default=2)
    child = p.when("a", "x")
    assert p.condition is None
    assert type(child) is hf.Int
    assert (child.low, child.high, child.default) == (1, 3, 2)
    assert (child.condition.parent, child.condition.values) == ("a", ("x",))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("x", ("x",)),
        (["x", "y"], ("x", "y")),
        ((1, 2), ((1, 2),)),
        (range(2), (0, 1)),
        (None, (None,)),
        ({"x"}, ("x",)),
        (frozenset({"x"}), ("x",)),
    ],
)
def test_when_takes_a_value_or_several(values, expected):
    assert hf.Float(0, 1).when("a", values).condition.values == expected


def test_when_takes_arrays():
    assert [int(v) for v in hf.Float(0, 1).when("a", np.array([1, 2])).condition.values] == [1, 2]


def test_when_errors():
    with pytest.raises(TypeError, match=r"parent=3.*string"):
        hf.Float(0, 1).when(3, 1)
    with pytest.raises(ValueError, match=r"'a', \[\].*could never exist"):
        hf.Float(0, 1).when("a", [])
    with pytest.raises(ValueError, match=r"already depends on 'a'.*'b'"):
        hf.Float(0, 1).when("a", 1).when("b", 1)


# -- being values -------------------------------------------------------------------------------------------------------

SOME = [
    hf.Float(0, 1),
    hf.Float(1e-5, 1, log=True, default=1e-3),
    hf.Float(0, 1, step=0.1),
    hf.Float(0, 1, default=0.5).when("a", [1, 2]),
    hf.Int(-3, 9, step=3, default=0),
    hf.Int(1, 100, log=True),
    hf.Categorical(["a", None, True, 1, 1.0, (1, ("b", 2.5))], default=None),
    hf.Ordinal([8, 16, 32], default=16).when("a", ("t", 1)),
    hf.Categorical([math.inf, -math.inf, 0.1]),
]


@pytest.mark.parametrize("p", SOME, ids=repr)
def test_parameters_are_values(p):
    assert p == copy.deepcopy(p)
    assert hash(p) == hash(copy.deepcopy(p))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(p, protocol))
        assert again == p
        assert (again.default is NO_DEFAULT) == (p.default is NO_DEFAULT)
    assert parameter_from_dict(parameter_to_dict(p)) == p
    with pytest.raises(AttributeError):
        p.default = 3
    assert type(p).__name__ in repr(p)


def test_one_level_with_a_step_that_its_decimals_make_huge():
    space = hf.Space({"x": hf.Float(6.549626692389045e-07, 6.549626692389045e-07, step=1.0)})
    assert space.decode(space.sample(1)) == [{"x": 6.549626692389045e-07}]


@pytest.mark.parametrize("value", [0.0, 1.0, 1e100])
@pytest.mark.parametrize("step", [1 / 3, 1e100])
def test_one_value_whatever_the_step(value, step):
    space = hf.Space({"x": hf.Float(value, value, step=step, default=value)})
    assert space.params(space.encode([{"x": value}])) == [{"x": value}]
