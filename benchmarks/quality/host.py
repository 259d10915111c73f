"""The process that hosts one peer: JSON lines in, JSON lines out.

Every peer runs in such a process, whatever environment it belongs to, so all are timed the
same way: with one BLAS thread, in a process that does nothing but suggest. Time is measured
here, around ``tell`` and ``ask`` only.

Requests: ``{"op": "version", "name": ...}``, ``{"op": "make", "spec", "space", "seed",
"budget"}`` and ``{"op": "ask", "params", "value"}``, which first tells the value of ``params``
where they are given (null: the evaluation failed). Answers carry ``error`` when a request failed.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
import traceback
from typing import Any, TextIO

from . import peers
from .space import Space


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer requests until the input ends."""
    peer: peers.Peer | None = None
    for line in requests:
        request: dict[str, Any] = json.loads(line)
        try:
            if request["op"] == "version":
                answer: dict[str, Any] = {"version": peers.version(request["name"])}
            elif request["op"] == "make":
                space = Space.from_json(request["space"])
                spec = peers.parse(request["spec"])
                peer = peers.make(spec, space, request["seed"], request["budget"])
                answer = {}
            else:
                answer = step(peer, request)
        except Exception as error:
            trace = "".join(traceback.format_exception(error)[-3:])
            answer = {"error": f"{type(error).__name__}: {error}", "trace": trace}
        answers.write(json.dumps(answer, default=lambda o: o.item()) + "\n")
        answers.flush()


def step(peer: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Tell the last value, ask for the next configuration, and time both."""
    params = request.get("params")
    start = time.perf_counter()
    if params is not None:
        value = request["value"]
        peer.tell(params, math.nan if value is None else value)
    asked = peer.ask()
    return {"params": asked, "seconds": time.perf_counter() - start}


if __name__ == "__main__":
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not reach the channel
    serve(sys.stdin, channel)
