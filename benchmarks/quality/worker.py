"""One run: a problem evaluated here, a peer suggesting in its host process."""

from __future__ import annotations

import atexit
import json
import math
import os
import selectors
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from . import environments, peers, problems
from .problems.problem import run_seed
from .results import BLOCK, number

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"), "1"
)


class HostError(Exception):
    """The peer raised, died or answered with something that is no configuration."""


class Host:
    """A host process (see `host`) and the pipe to it."""

    def __init__(self, python: str) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  closed by close()
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.quality.host"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, bufsize=0,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": path}, cwd=tempfile.gettempdir(),
        )  # fmt: skip
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.buffer = b""

    def call(self, deadline: float = math.inf, **request: Any) -> dict[str, Any]:
        """Send one request and wait for its answer.

        Raises
        ------
        TimeoutError
            When ``deadline`` (of `time.monotonic`) passes first; the host is then killed.
        HostError
            When the peer failed.
        """
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            while b"\n" not in self.buffer:
                left = deadline - time.monotonic()
                if left <= 0 or not self.selector.select(None if left == math.inf else left):
                    self.close()
                    raise TimeoutError
                chunk = os.read(self.process.stdout.fileno(), 1 << 16)
                if not chunk:
                    raise BrokenPipeError
                self.buffer += chunk
        except BrokenPipeError:
            self.process.wait()
            self.log.seek(0)
            tail = self.log.read().decode(errors="replace")[-500:]
            self.close()
            raise HostError(f"the host process died: {tail.strip()}") from None
        line, _, self.buffer = self.buffer.partition(b"\n")
        answer = json.loads(line)
        if "error" in answer:
            raise HostError(answer["error"])
        return answer

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        """End the process and free what belongs to it."""
        self.process.kill()
        self.process.wait()
        self.selector.close()
        for stream in (self.process.stdin, self.process.stdout, self.log):
            stream.close()


_hosts: dict[str, Host] = {}


@atexit.register
def close_hosts() -> None:
    """End every host of this process."""
    while _hosts:
        _, ended = _hosts.popitem()
        ended.close()


def host(peer: str) -> Host:
    """Return this process's host for the environment of a peer, starting it when needed."""
    python = environments.python(peers.PEERS[peer])
    if python not in _hosts or not _hosts[python].alive:
        _hosts[python] = Host(python)
    return _hosts[python]


@cache
def version(peer: str) -> str:
    """Ask the peer's environment for the peer's version; HostError when it is not there."""
    return host(peer).call(op="version", name=peer)["version"]


@dataclass(frozen=True)
class Task:
    """One cell of the matrix."""

    problem: str
    problem_version: str
    peer: str
    version: str
    seed: int
    budget: int


def run(task: Task, time_limit: float) -> dict[str, Any]:
    """Run a task and return its record.

    The record's ``status`` is "ok", "exhausted" (the peer had nothing left to suggest),
    "timeout" or "error" (see ``message``); the values found until then are kept.
    """
    problem = problems.load(task.problem)
    budget = min(task.budget, problem.max_budget or task.budget)
    seed = run_seed(task.problem, task.seed)
    objective = problem.start(task.seed)
    observed: list[float] = []
    true: list[float] = []
    seconds: list[float] = []
    status, message = "ok", ""
    deadline = time.monotonic() + time_limit
    name = peers.parse(task.peer).name
    try:
        peer = host(name)
        peer.call(deadline, op="make", spec=task.peer, space=problem.space.to_json(),
                  seed=seed, budget=budget)  # fmt: skip
        last: dict[str, Any] = {}
        while len(observed) < budget:
            answer = peer.call(deadline, op="ask", **last)
            params = answer["params"]
            problem.space.check(params)
            value, truth = objective(params)
            observed.append(value)
            true.append(truth)
            seconds.append(answer["seconds"])
            last = {"params": params, "value": value if math.isfinite(value) else None}
    except TimeoutError:
        status, message = "timeout", f"over {time_limit:g} s"
    except HostError as error:
        status, message = "error", str(error)
        if "SpaceExhausted" in message:
            status = "exhausted"
    except ValueError as error:
        status, message = "error", f"not a configuration: {error}"
    record: dict[str, Any] = {
        "problem": task.problem, "problem_version": task.problem_version, "peer": task.peer,
        "version": task.version, "seed": task.seed, "budget": task.budget,
        "status": status, "values": [number(v) for v in observed],
        "seconds": [float(f"{sum(seconds[i : i + BLOCK]):.3g}")
                    for i in range(0, len(seconds), BLOCK)],
    }  # fmt: skip
    if true != observed and any(a != b for a, b in zip(true, observed, strict=True) if a == a):
        record["true"] = [number(v) for v in true]
    if message:
        record["message"] = message[:500]
    return record
