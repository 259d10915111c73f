"""Derived parameters and requirements of a space: inactive parameters, what sees what, what is computed where, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conditional_space import CONFIGS, ROWS, space

import hpo_fast as hf


def test_choices_that_are_numbers_are_nan_where_they_do_not_exist():
    s = hf.Space({"use": hf.Categorical([True, False]), "rate": hf.Ordinal([0, 0.1, 0.5]).when("use", True)})
    expected = [{"use": True, "rate": 0}, {"use": True, "rate": 0.1}, {"use": False}]
    for fn in (lambda p: ~p.active("rate") | (p.rate < 0.3), lambda p: p.rate != p.rate or p.rate < 0.3):
        q = s.require(fn)
        assert list(hf.Grid(q)) == expected and hf.count(hf.Grid(q)) == 3
        assert hf.Optimizer(q, "tpe").ask().params in expected
    for fn, n in ((lambda p: p.rate is None, 0), (lambda p: p.rate != p.rate, 1), (lambda p: not p.rate, 1), (lambda p: bool(p.rate), 3)):
        q = s.require(fn)
        assert len(list(hf.Grid(q))) == hf.count(hf.Grid(q)) == n == sum(q.feasible(s.encode([c]))[0] for c in hf.Grid(s))
    assert list(hf.Grid(s.require(lambda c: ~c.active("rate") | (c.rate < 0.3), vectorized=True))) == expected
    np.testing.assert_array_equal(hf.Grid(s).columns()["rate"], [0, 0.1, 0.5, np.nan])


@pytest.mark.parametrize("vectorized", [False, True])
def test_a_requirement_guards_what_is_derived(vectorized):
    def inverse(p):
        if np.any(p.n == 0):
            raise ZeroDivisionError
        return 12 / p.n

    s = hf.Space({"n": hf.Int(0, 5), "m": hf.Int(0, 5)}).require(lambda p: p.n > 0)
    s = s.derive("inverse", inverse, vectorized=vectorized).derive("twice", lambda p: 2 * p.inverse)
    s = s.require(lambda p: p.m != 3).require(lambda p: p.twice + p.m < 18, vectorized=vectorized)
    expected = [
        {"n": n, "m": m, "inverse": 12 / n, "twice": 24 / n} for n in range(1, 6) for m in range(6) if m != 3 and 24 / n + m < 18
    ]
    grid = hf.Grid(s)
    assert list(grid) == expected
    assert grid.columns()["twice"].tolist() == [c["twice"] for c in expected]
    assert sorted(t["n"] for t in hf.Optimizer(s, "tpe", seed=1).ask(99)) == sorted(c["n"] for c in expected)
    best = hf.scan(grid, lambda c: c["twice"], on="columns", top=2)
    assert best.configs == sorted(expected, key=lambda c: c["twice"])[:2] and best.n_feasible == len(expected)


def test_what_no_function_reads_is_not_computed():
    s = hf.Space({"n": hf.Int(0, 5), "m": hf.Int(0, 5)}).derive("inverse", lambda p: 12 / p.n).derive("v", lambda c: 2 * c["m"], vectorized=True)
    s = s.require(lambda c: c["n"] > 0, vectorized=True).require(lambda p: p.active("inverse") and "inverse" in p and p.v < 6)
    rows = s.encode([{"n": n, "m": m} for n in range(1, 6) for m in range(3)])
    assert len(list(hf.Grid(s))) == len(rows) == 15
    assert all(s.feasible(rows[i : i + 1])[0] for i in range(15))
    assert hf.Optimizer(s, "random").ask()["n"] > 0


def test_errors_name_the_derived_parameter_that_failed():
    s = hf.Space({"n": hf.Int(0, 5)}).derive("inverse", lambda p: 12 / p.n).require(lambda p: p.inverse > 1)
    with pytest.raises(ValueError, match=r"^derived parameter 'inverse': the function failed with ZeroDivisionError") as caught:
        list(hf.Grid(s))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_inactive_parameters_look_absent():
    seen = []

    def fn(p):
        seen.append((p.momentum, p.warmup, p.mode, bool(p.active("momentum")), bool(p.active("mode")), bool(p.active("rank"))))
        return True

    s = space().require(fn)
    base = {"rank": 5, "batch": 8, "layers": (1,)}
    s.feasible(s.encode([{**base, "name": None}]))
    momentum, warmup, mode, *active = seen[-1]
    assert math.isnan(momentum)
    assert math.isnan(warmup)
    assert mode is None
    assert active == [False, False, True]
    s.feasible(s.encode([{**base, "rank": 1, "name": "sgd", "momentum": 0.5, "warmup": 2, "mode": "y"}]))
    assert seen[-1] == (0.5, 2, "y", True, True, True)


def test_active_as_a_column():
    assert space().require(lambda p: p.active("momentum")).feasible(ROWS).tolist() == ["momentum" in c for c in CONFIGS]


def test_derived_parameters_build_on_each_other_and_are_seen_by_requirements():
    s = space().derive("cost", lambda p: p.rank * p.batch).derive("double", lambda p: 2 * p.cost).require(lambda p: p.double <= 100)
    rows = s.sample(200, seed=1)
    for c in s.decode(rows):
        assert c["cost"] == c["rank"] * c["batch"]
        assert c["double"] == 2 * c["cost"] <= 100
        assert list(c)[-2:] == ["cost", "double"]
        assert type(c["double"]) is int
    assert s.derived == ["cost", "double"]
    assert "cost" not in s
    assert len(s) == 7


def test_derived_values_of_any_type():
    s = space().derive("pair", lambda p: (p.rank, p.batch)).derive("text", lambda p: f"{p.rank}").derive("none", lambda p: None)
    columns = s.columns(ROWS)
    configs = s.decode(ROWS)
    for name in ("pair", "text", "none"):
        assert columns[name].dtype == object
        assert columns[name].tolist() == [c[name] for c in configs]
    assert configs[0]["pair"] == (CONFIGS[0]["rank"], CONFIGS[0]["batch"])
    assert s.require(lambda p: len(p.text) == 1).feasible(ROWS).all()


@pytest.mark.parametrize("vectorized", [False, True])
def test_a_requirement_is_asked_only_where_those_before_it_hold(vectorized):
    table, asked = np.array([0.5, 1.5, 2.5]), []

    def known(p):
        asked.append(np.max(p.rank))
        return table[p.rank - 1] > 1

    s = space().require(lambda p: p.rank <= 3).require(known, vectorized=vectorized).require(lambda p: p.name == "sgd" if p.rank > 1 else 1 / 0)
    assert s.feasible(ROWS).tolist() == [1 < c["rank"] <= 3 and c["name"] == "sgd" for c in CONFIGS]
    assert max(asked) == 3
    asked.clear()
    assert not s.feasible(ROWS[[c["rank"] > 3 for c in CONFIGS]]).any()
    assert asked == []
    assert all(c["rank"] in (2, 3) for c in s.decode(s.sample(20, seed=3)))
    for c in (c for c in CONFIGS if c["rank"] > 3):
        with pytest.raises(ValueError, match="violates requirement 1"):
            s.check_feasible(space().encode([c]))


def test_a_failing_function_fails_suggestions_and_changes_nothing():
    s = hf.Space({"x": hf.Int(0, 9)}).require(lambda p: 1 / 0)
    for sampler in hf.samplers.names():
        opt = hf.Optimizer(s, sampler)
        before = opt.to_bytes()
        with pytest.raises(ValueError, match="requirement 1: the function failed with ZeroDivisionError"):
            opt.ask()
        assert opt.to_bytes() == before


def test_names_of_derived_parameters():
    with pytest.raises(ValueError, match=r"'rank'.*taken"):
        space().derive("rank", lambda p: 1)
    with pytest.raises(ValueError, match=r"'a'.*taken"):
        space().derive("a", lambda p: 1).derive("a", lambda p: 1)
    for name in (None, 3, ""):
        with pytest.raises(TypeError, match="non-empty string"):
            space().derive(name, lambda p: 1)


def test_derive_and_require_leave_the_space_as_it_was():
    s = space()
    s.derive("a", lambda p: 1)
    s.require(lambda p: False)
    assert s.derived == []
    assert s.constraint is None
    assert s.feasible(ROWS).all()
