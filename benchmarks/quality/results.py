"""Finished runs, one JSON line each, appended as they finish."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DEFAULT = Path(__file__).parent / "results"
BLOCK = 10  # evaluations whose suggestion seconds are summed into one number

Key = tuple[str, str, str, str, int]


def key(run: dict[str, Any]) -> Key:
    """What identifies a run: problem and peer, both with their versions, and the seed."""
    return (run["problem"], run["problem_version"], run["peer"], run["version"], run["seed"])


def number(value: float) -> float | None:
    """Round to 6 significant digits; None where the evaluation failed."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def read(path: Path) -> list[dict[str, Any]]:
    """Read a results file; a last line cut short by a killed run is ignored.

    Raises
    ------
    ValueError
        If any other line is not a run.
    """
    if not path.exists():
        return []
    runs, lines = [], path.read_text().split("\n")
    for place, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            run = json.loads(line)
            key(run)
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            if place == len(lines) - 1:
                break
            raise ValueError(f"{path}, line {place + 1} is not a run ({error}); delete that line") from None
        runs.append(run)
    return runs


def append(path: Path, run: dict[str, Any]) -> None:
    """Append a run in one write, first completing a line that was cut short."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(run, separators=(",", ":")) + "\n"
    with open(path, "a+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        if size:
            stream.seek(size - 1)
            if stream.read(1) != b"\n":
                _drop_last_line(stream, size)
        stream.write(line.encode())


def _drop_last_line(stream: Any, size: int) -> None:
    stream.seek(0)
    stream.truncate(stream.read(size).rfind(b"\n") + 1)


def latest(runs: Iterable[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    """Keep one run per key: the one with the larger budget, then the later one."""
    out: dict[Key, dict[str, Any]] = {}
    for run in runs:
        k = key(run)
        if k not in out or run["budget"] >= out[k]["budget"]:
            out[k] = run
    return out


def gather(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Read result files, or every ``*.jsonl`` of folders, keeping one run per key.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    """
    runs: list[dict[str, Any]] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"no results at {path}: run `python -m benchmarks.quality run`")
        for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
            runs += read(file)
    return list(latest(runs).values())
