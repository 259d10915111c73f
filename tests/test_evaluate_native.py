"""Requirements as native code: compiled when it pays, with the answers of Python."""

from __future__ import annotations

import gc
import math
import pickle
import weakref

import pytest
from native_space import ROWS, SPACE, WEIGHTS, space

import hpo_fast as hf
from hpo_fast.evaluate import COMPILE_AFTER, Functions


def required():
    return space().require(lambda p: p.rank * p.batch <= 64).require(lambda p: p.name != "sgd" or p.momentum < 0.5)


def test_compiled_requirements_give_the_same_suggestions():
    plain, fast = required(), required().compile()
    rows = plain.sample(3000, seed=1)
    assert fast.sample(3000, seed=1).tobytes() == rows.tobytes()
    assert (fast.feasible(ROWS) == plain.feasible(ROWS)).all()
    for name in hf.samplers.names():
        sampler = hf.samplers.Grid(resolution=5) if name == "grid" else name
        asked = []
        for s in (plain, fast):
            opt = hf.Optimizer(s, sampler, seed=2)
            opt.add(s.decode(rows[:1])[0], 0.0)
            for k in range(12):
                opt.tell(opt.ask(), k % 5)
            asked.append(opt.ask(4))
        assert [t.params for t in asked[0]] == [t.params for t in asked[1]]


def test_compiled_requirements_run_without_python(monkeypatch):
    s = required().compile()
    rows = SPACE.sample(3000, seed=9)   # three blocks
    expected = required().feasible(rows)
    monkeypatch.setattr(Functions, "_evaluate", None)
    assert (s.feasible(rows) == expected).all()
    assert (s.constraint(rows[:1]) == expected[:1]).all()
    assert s.constraint(rows[:0]).shape == (0,)
    with pytest.raises(ValueError, match=r"rows must have shape"):
        s.constraint(rows[:, 1:])


def test_a_compiled_requirement_that_raises_is_asked_again_in_python():
    s = space().require(lambda p: p.rank > 1).require(lambda p: WEIGHTS[p.rank + 2] > 0).compile()
    low = ROWS[SPACE.columns(ROWS)["rank"] <= 4]
    assert s.feasible(low).any()
    for rows in (ROWS, ROWS[SPACE.columns(ROWS)["rank"] == 5][:1]):
        with pytest.raises(ValueError, match="requirement 2: the function failed with IndexError"):
            s.feasible(rows)
    with pytest.raises(ValueError, match="requirement 2: the function failed with IndexError"):
        s.sample(2000)
    # Compiled code has no len of a choice that is None, Python has an answer.
    t = space().require(lambda p: p.drop > 0 if p.flag else True).compile()
    fine = ROWS[[not (f and d is None) for f, d in zip(*(SPACE.columns(ROWS)[n] for n in ("flag", "drop")), strict=True)]]
    assert t.feasible(fine).all()


def test_requirements_are_compiled_when_it_pays():
    asked = []

    class Fine:
        def __call__(self, p):
            asked.append(1)
            return p.rank > 1

    s = space().require(lambda p: p.rank > 1)
    rows = SPACE.sample(COMPILE_AFTER // 2, seed=0)
    expected = SPACE.columns(rows)["rank"] > 1
    for _ in range(2):
        assert (s.feasible(rows) == expected).all()
        assert s.constraint == s._functions._ask
    assert (s.feasible(rows[:1]) == expected[:1]).all()
    assert s.constraint != s._functions._ask
    assert (s.feasible(rows) == expected).all()

    s = space().require(Fine())   # no plain function: in Python for ever, and tried once
    for _ in range(4):
        assert (s.feasible(rows) == expected).all()
    assert s.constraint == s._functions._ask
    assert s._functions._asked == -math.inf
    with pytest.raises(hf.FunctionError, match="requirement 1 cannot be compiled"):
        s.compile()
    assert asked


def positive(p):
    return p.n > 1


def test_native_code_is_no_part_of_a_space():
    def make():
        return hf.Space({"n": hf.Int(0, 5)}).require(positive)

    s = make().compile()
    assert s == make()
    assert hash(s) == hash(make())
    again = pickle.loads(pickle.dumps(s))
    assert again == s
    assert again.constraint != s.constraint
    assert s.compile() is s
    assert hf.Space({"n": hf.Int(0, 5)}).compile().constraint is None
    assert s.require(lambda p: p.n < 3).feasible(s.sample(20)).tolist() == [n < 3 for n in s.columns(s.sample(20))["n"]]


def test_a_compiled_space_goes_when_it_is_no_longer_used():
    s = required().compile()
    constraint, alive = s.constraint, weakref.ref(s._functions)
    del s
    gc.collect()
    assert alive() is None
    assert constraint(ROWS).tolist() == required().feasible(ROWS).tolist()   # which keeps what it needs
