"""The adapter in CONTRIBUTING.md does what the text around it says."""

from __future__ import annotations

import math
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import hpo_fast as hf

(BLOCK,) = re.findall(r"^```python\n(.*?)^```$", (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
SPACE = hf.Space({"x": hf.Float(-1, 1), "c": hf.Categorical(["a", "b"]), "k": hf.Int(0, 4).when("c", "b")})


@pytest.fixture(scope="module")
def adapter() -> Any:
    names: dict[str, Any] = {}
    exec(compile(BLOCK, "CONTRIBUTING.md", "exec"), names)
    return SimpleNamespace(**names)


def loss(params: dict[str, Any]) -> float | None:
    return None if params.get("k") == 4 else params["x"] ** 2 + params.get("k", 1)


def test_it_is_short() -> None:
    assert len(BLOCK.splitlines()) <= 60


def test_one_worker_searches_the_same_every_time(adapter: Any, tmp_path: Path) -> None:
    runs = []
    for name in "ab":
        tuner, seen = adapter.Tuner(SPACE, tmp_path / name, seed=3), []
        for job in "0123456789":
            seen.append(tuner.propose(job))
            tuner.report(job, loss(seen[-1]))
        runs.append(seen)
    assert runs[0] == runs[1]
    assert tuner.opt.n_failed == sum(loss(params) is None for params in seen)


def test_a_host_that_stops_goes_on_where_it_was(adapter: Any, tmp_path: Path) -> None:
    tuner = adapter.Tuner(SPACE, tmp_path / "search", sampler="tpe", seed=1)
    for i in range(15):
        params = tuner.propose(f"job {i}")
        if i % 4:   # the others are under way
            tuner.report(f"job {i}", loss(params))
    again = adapter.Tuner(SPACE, tmp_path / "search")
    assert again.jobs == tuner.jobs and len(again.opt.pending) == 4
    for each in (tuner, again):
        each.path = tmp_path / "other"
        each.lost("job 4")
        each.report("job 8", 0.5)
    assert [tuner.propose(f"new {i}") for i in range(5)] == [again.propose(f"new {i}") for i in range(5)]


def test_workers_on_threads(adapter: Any, tmp_path: Path) -> None:
    tuner = adapter.Tuner(SPACE, tmp_path / "search", sampler="tpe")

    def work(job: str) -> dict[str, Any]:
        params = tuner.propose(job)
        tuner.report(job, loss(params))
        return params   # type: ignore[no-any-return]

    with ThreadPoolExecutor(4) as pool:
        tried = list(pool.map(work, map(str, range(40))))
    assert len({tuple(params.items()) for params in tried}) == 40
    assert tuner.opt.n_trials == 40 and not tuner.jobs and not tuner.opt.pending
    assert adapter.Tuner(SPACE, tmp_path / "search").opt.best_value == tuner.opt.best_value == min(v for v in map(loss, tried) if v is not None)


def test_what_is_lost_comes_again_and_the_end_is_none(adapter: Any, tmp_path: Path) -> None:
    tuner = adapter.Tuner(hf.Space({"n": hf.Int(0, 2)}), tmp_path / "search")
    first = {job: tuner.propose(job)["n"] for job in "abc"}
    assert sorted(first.values()) == [0, 1, 2] and tuner.propose("d") is None
    tuner.lost("b")
    assert tuner.propose("d") == {"n": first["b"]}
    with pytest.raises(TypeError):
        tuner.report("d", "a string")
    tuner.report("d", math.nan)
    tuner.report("a", None)
    tuner.report("c", 1.0)
    assert tuner.opt.n_failed == 2 and tuner.propose("e") is None


def test_without_state_it_is_the_same(adapter: Any, tmp_path: Path) -> None:
    tuner = adapter.Tuner(SPACE, tmp_path / "search", seed=5)
    finished: list[tuple[dict[str, Any], float | None]] = []
    for i in range(12):
        (proposed,) = adapter.propose(SPACE, finished, [], 1, seed=5)
        params = tuner.propose(str(i))
        assert proposed == pytest.approx(params)   # a row that was decoded and encoded may differ in its last bit
        tuner.report(str(i), loss(params))
        finished.append((params, loss(params)))
    running = [tuner.propose("p"), tuner.propose("q")]
    for proposed, job in zip(adapter.propose(SPACE, finished, running, 2, seed=5), "rs", strict=True):
        assert proposed == pytest.approx(tuner.propose(job))
