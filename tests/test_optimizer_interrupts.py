"""Ctrl-C at every line of the optimizer and its sampler: what was told stays told, and nothing is lost or suggested twice."""

from __future__ import annotations

import dis
import functools
import linecache
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hpo_fast as hf

FILES = {str(path) for path in Path(hf.__file__).parent.rglob("*.py")}
SPACE = hf.Space({"x": hf.Int(0, 19), "c": hf.Categorical(["a", "b"])})
NO_SIGNALS = ("with ", "try:")   # where Python does not look for them: before __exit__, and at what does nothing
# At the end of each round of a comprehension Python 3.12 and 3.13 call no __exit__ for an exception of a trace function, as they do for a signal's.
NO_TRACE = {dis.opmap["JUMP_BACKWARD"]} if sys.version_info >= (3, 12) else set()
EVERYTHING = {(x, c) for x in range(20) for c in "ab"}


def interrupted(call: Callable[[], Any], at: int, again: int = 0) -> bool:
    """Whether call() came to its line or call with number `at`, where it was interrupted, and if wanted `again` so many later."""
    count, next_ = 0, at

    def in_frame(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count, next_
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        if event == "call" or (event == "line" and not line.startswith(NO_SIGNALS) and frame.f_code.co_code[frame.f_lasti] not in NO_TRACE):
            count += 1
            if count == next_:
                next_ = at + again
                raise KeyboardInterrupt
        return in_frame

    before = sys.gettrace()

    def trace(frame: Any, event: str, arg: Any) -> Any:
        return in_frame(frame, event, arg) if frame.f_code.co_filename in FILES else None

    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


@functools.cache
def begun(sampler: Any) -> bytes:
    """16 trials told, after which the history grows, one of them failed; two pending; an enqueued configuration that was tried, and two that wait."""
    opt = hf.Optimizer(SPACE, sampler, seed=1)
    opt.enqueue({"x": 17, "c": "a"})
    for k in range(18):
        trial = opt.ask()
        if k not in (0, 5):
            opt.tell(trial, None if k == 7 else (trial["x"] - 4) ** 2)
    opt.enqueue({"x": 19})
    opt.enqueue({"x": 18, "c": "a"})
    return opt.to_bytes()


CALLS: dict[str, Callable[[hf.Optimizer], Any]] = {
    "ask": lambda opt: opt.ask(4),
    "tell": lambda opt: opt.tell(opt.pending[0], 0.5),
    "tell several": lambda opt: opt.tell([*opt.ask(2)], [None, -1.0]),
    "add": lambda opt: opt.add({"x": 17, "c": "b"}, -2.0),
    "forget": lambda opt: opt.forget(0),
    "enqueue": lambda opt: opt.enqueue({"x": 16}),
}


def check(opt: hf.Optimizer) -> None:
    opt.tell(opt.ask(), 100.0)   # mends what a second interrupt has left
    again = hf.Optimizer.from_bytes(SPACE, opt.to_bytes())
    told = set(opt.history.numbers.tolist())
    assert len(told) == len(opt.history) == len(opt.history.rows) == len(opt.history.values) and not told & {trial.number for trial in opt.pending}
    assert {trial.number: trial.state for trial in opt.pending} == {trial.number: "pending" for trial in again.pending}
    assert opt.best_value == min(value for value in opt.history.values if value == value)
    for params in ({"x": 16}, {"x": 17, "c": "a"}):   # an answer that fits what is known; else it could not be tried any more
        assert opt.enqueue(params) == again.enqueue(params)
        assert not opt.enqueue(params)
    if 0 not in {trial.number for trial in opt.pending}:
        assert (17, "a") in {(trial["x"], trial["c"]) for trial in opt.ask(6)} | set(zip(opt.history["x"].tolist(), opt.history["c"].tolist(), strict=True))
        again.ask(6)
    rest, other = opt.ask(60), again.ask(60)   # to the end of the space
    assert [trial.params for trial in rest] == [trial.params for trial in other]
    configs = set(zip(opt.history["x"].tolist(), opt.history["c"].tolist(), strict=True))
    new = {(trial["x"], trial["c"]) for trial in rest}
    assert len(new) == len(rest) and not new & configs
    assert new | configs | {(trial["x"], trial["c"]) for trial in opt.pending} == EVERYTHING
    free: list[bool] = []
    thread = threading.Thread(target=lambda: free.append(opt._lock.acquire(timeout=1)))
    thread.start()
    thread.join()
    assert free == [True]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("sampler", ["random", "tpe", hf.samplers.Auto(n_startup=5)], ids=str)
def test_an_interrupted_call_leaves_the_optimizer_whole(sampler: Any, call: str) -> None:
    at = 1
    while True:
        opt = hf.Optimizer.from_bytes(SPACE, begun(sampler))
        if not interrupted(functools.partial(CALLS[call], opt), at):
            break
        check(opt)
        at += 1 if at < 90 else 17
    assert at > 5


@pytest.mark.parametrize("call", CALLS)
def test_a_second_interrupt_is_mended_too(call: str) -> None:
    for at in range(2, 40, 3):
        for again in range(1, 60, 4):
            opt = hf.Optimizer.from_bytes(SPACE, begun("tpe"))
            if interrupted(functools.partial(CALLS[call], opt), at, again):
                check(opt)
