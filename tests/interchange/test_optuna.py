"""Spaces as Optuna's distributions."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from strategies import float_ranges, int_ranges

import hpo_fast as hf

DISTRIBUTIONS = {
    "float": FloatDistribution(-1.5, 2),
    "log": FloatDistribution(1e-5, 1, log=True),
    "step": FloatDistribution(-10.2, 10.2, step=0.1),
    "single": FloatDistribution(1, 1, step=1),
    "int": IntDistribution(-3, 9, step=2),
    "intlog": IntDistribution(1, 100, log=True),
    "choice": CategoricalDistribution([None, True, 1, 1.5, "a"]),
}


def test_from_optuna() -> None:
    space = hf.Space.from_optuna(DISTRIBUTIONS)
    assert space == hf.Space({
        "float": hf.Float(-1.5, 2.0),
        "log": hf.Float(1e-5, 1.0, log=True),
        "step": hf.Float(-10.2, 10.2, step=0.1),
        "single": hf.Float(1.0, 1.0, step=1.0),
        "int": hf.Int(-3, 9, step=2),
        "intlog": hf.Int(1, 100, log=True),
        "choice": hf.Categorical([None, True, 1, 1.5, "a"]),
    })
    assert space.to_optuna() == DISTRIBUTIONS


@given(st.sampled_from(list(DISTRIBUTIONS.values())), st.integers(0, 1000))
def test_values_are_values_of_the_distribution(distribution: BaseDistribution, seed: int) -> None:
    space = hf.Space.from_optuna({"x": distribution})
    for params in space.decode(space.sample(20, seed)):
        assert distribution._contains(distribution.to_internal_repr(params["x"]))


@given(st.one_of(int_ranges(), float_ranges()))
def test_round_trip(parameter: hf.Int | hf.Float) -> None:
    space = hf.Space({"x": parameter})
    assert hf.Space.from_optuna(space.to_optuna()) == space


@pytest.mark.filterwarnings("ignore:The distribution is specified by:UserWarning")
@given(st.floats(-100, 100), st.floats(0, 100), st.floats(1e-3, 10))
def test_any_step_of_optuna_is_one_of_ours(low: float, width: float, step: float) -> None:
    distribution = FloatDistribution(low, low + width, step=step)
    space = hf.Space.from_optuna({"x": distribution})
    for params in space.decode(space.sample(5)):
        assert distribution._contains(params["x"])


def test_an_ordinal_becomes_a_categorical() -> None:
    assert hf.Space({"batch": hf.Ordinal([8, 16, 32])}).to_optuna() == {"batch": CategoricalDistribution([8, 16, 32])}


def test_what_has_no_equivalent_is_refused() -> None:
    with pytest.raises(TypeError, match=re.escape("parameter 'x': 3 must be a Float-, Int- or CategoricalDistribution")):
        hf.Space.from_optuna({"x": 3})
    with pytest.raises(ValueError, match=r"parameter 'x': Int: .* more than the encoding can tell apart"):
        hf.Space.from_optuna({"x": IntDistribution(0, 2**60)})
    space = hf.Space({"x": hf.Categorical(["a", "b"]), "y": hf.Float(0, 1)})
    for other in (space.derive("z", lambda p: p.y), space.require(lambda p: p.y > 0)):
        with pytest.raises(ValueError, match="derived parameters and requirements"):
            other.to_optuna()
    with pytest.raises(ValueError, match="parameter 'y' is conditional"):
        hf.Space({"x": hf.Categorical(["a", "b"]), "y": hf.Float(0, 1).when("x", "a")}).to_optuna()
