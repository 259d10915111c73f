"""Ctrl-C at every line of the optimizer and its sampler: what was told stays told, and nothing is lost or suggested twice."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import hpo_fast as hf

FILES = {str(path) for path in Path(hf.__file__).parent.rglob("*.py")}
EVERYTHING = {(x, c) for x in range(20) for c in "ab"}
NOT_WITHIN = {"__enter__", "__exit__", "_mend", "_replay"}   # a second Ctrl-C while the first is mended


def interrupted(call: Any, at: int) -> bool:
    """Whether call() came to the line with number `at`, where it was interrupted."""
    lines = 0

    def in_frame(frame: Any, event: str, arg: Any) -> Any:
        nonlocal lines
        if event == "line" and frame.f_code.co_name not in NOT_WITHIN:
            lines += 1
            if lines == at:
                sys.settrace(None)
                raise KeyboardInterrupt
        return in_frame

    before = sys.gettrace()
    sys.settrace(lambda frame, event, arg: in_frame if frame.f_code.co_filename in FILES and frame.f_code.co_name not in NOT_WITHIN else None)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def searched(sampler: Any) -> hf.Optimizer:
    opt = hf.Optimizer(hf.Space({"x": hf.Int(0, 19), "c": hf.Categorical(["a", "b"])}), sampler, seed=1)
    for k in range(12):
        trial = opt.ask()
        if k != 5:
            opt.tell(trial, None if k == 7 else (trial["x"] - 4) ** 2)
    opt.enqueue({"x": 19})
    opt.enqueue({"x": 18, "c": "a"})
    return opt


CALLS = {
    "ask": lambda opt: opt.ask(4),
    "tell": lambda opt: opt.tell(opt.pending[0], 0.5),
    "tell several": lambda opt: opt.tell([*opt.ask(2)], [None, -1.0]),
    "add": lambda opt: opt.add({"x": 17, "c": "b"}, -2.0),
    "forget": lambda opt: opt.forget(opt.pending[0]),
    "enqueue": lambda opt: opt.enqueue({"x": 16}),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("sampler", ["random", "grid", "tpe", "gp", hf.samplers.Auto(n_startup=5)], ids=str)
def test_an_interrupted_call_leaves_the_optimizer_whole(sampler: Any, call: str) -> None:
    at = 1
    while True:
        opt = searched(sampler)
        if not interrupted(partial(CALLS[call], opt), at):
            break
        again = hf.Optimizer.from_bytes(opt.space, opt.to_bytes())
        told = set(opt.history.numbers.tolist())
        assert len(told) == len(opt.history) and not told & {trial.number for trial in opt.pending}
        assert {trial.number: trial.state for trial in opt.pending} == {trial.number: "pending" for trial in again.pending}
        assert opt.best_value == min(value for value in opt.history.values if value == value)
        rest, other = opt.ask(60), again.ask(60)   # to the end of the space
        assert [trial.params for trial in rest] == [trial.params for trial in other]
        configs = set(zip(opt.history["x"].tolist(), opt.history["c"].tolist(), strict=True))
        new = {(trial["x"], trial["c"]) for trial in rest}
        assert len(new) == len(rest) and not new & configs
        assert new | configs | {(trial["x"], trial["c"]) for trial in opt.pending} == EVERYTHING
        at += 1 if at < 30 else 11
    assert at > 5
