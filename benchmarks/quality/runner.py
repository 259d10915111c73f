"""Fill the matrix: decide what is missing, run it, append it.

A killed run continues where it stopped, because a task whose record is in the results file
with at least the same budget is not run again. Tasks go seed by seed, so partial results
cover every problem and peer.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from . import peers, problems, results, worker
from .problems.problem import Unavailable
from .suites import Block


def fingerprint(root: Path = worker.ROOT) -> str:
    """Identify the code of hpo_fast: ``g<commit>`` when clean, else ``s<hash of its sources>``."""

    def git(*args: str) -> str:
        done = subprocess.run(["git", "-C", str(root), *args], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else "?"

    commit = git("rev-parse", "--short", "HEAD")
    if commit != "?" and git("status", "--porcelain", "--", "cpp", "hpo_fast", "setup.py") == "":
        return f"g{commit}"
    digest = hashlib.sha256()
    for folder in ("cpp", "hpo_fast"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".py", ".h", ".cpp") and path.is_file():
                digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return f"s{digest.hexdigest()[:8]}"


def peer_version(spec: peers.Spec, label: str | None) -> str:
    """Return what identifies a peer's results; ours change with our code."""
    version = worker.version(spec.name)
    return version if spec.name != "hpo_fast" else label or f"{version}+{fingerprint()}"


def plan(blocks: Iterable[Block], label: str | None, required: bool) -> list[worker.Task]:
    """List the tasks of some blocks, seed by seed, saying on stderr what is left out and why.

    Parameters
    ----------
    blocks : iterable of Block
    label : str, optional
        Replaces the fingerprint of hpo_fast.
    required : bool
        Whether a peer that is not installed is an error instead of being left out.

    Raises
    ------
    Unavailable
        If nothing is left, or a required peer is missing.
    """
    tasks: dict[tuple, worker.Task] = {}
    missing: dict[str, str] = {}
    for block in blocks:
        versions: dict[str, str] = {}
        for text in block.peers:
            spec = peers.parse(text)
            try:
                versions[str(spec)] = peer_version(spec, label)
            except (worker.HostError, Unavailable) as error:
                if required:
                    raise Unavailable(f"peer {text}: {error}") from None
                missing[text] = str(error)
        for name in problems.select(list(block.problems)):
            try:
                problem = problems.load(name)
            except Unavailable as error:
                missing[name] = str(error)
                continue
            for seed in range(block.seeds):
                for peer, version in versions.items():
                    task = worker.Task(name, problem.version, peer, version, seed, block.budget)
                    tasks.setdefault((seed, name, peer), task)
    for what, why in missing.items():
        print(f"left out: {what}: {why}", file=sys.stderr)
    if not tasks:
        raise Unavailable("nothing to run: every problem or every peer was left out (see above)")
    return sorted(tasks.values(), key=lambda task: task.seed)


def pending(tasks: list[worker.Task], path: Path, retry: bool) -> list[worker.Task]:
    """Drop the tasks already recorded; ``retry`` keeps those that failed or timed out."""
    done = results.latest(results.read(path))
    out = []
    for task in tasks:
        run = done.get(results.key(vars(task)))
        if run is None or run["budget"] < task.budget or (
            retry and run["status"] in ("error", "timeout")
        ):  # fmt: skip
            out.append(task)
    return out


def execute(tasks: list[worker.Task], path: Path, jobs: int = 1, time_limit: float = 900.0, quiet: bool = False) -> int:
    """Run tasks in ``jobs`` worker processes, appending each record to ``path``.

    Returns
    -------
    int
        How many runs failed or timed out.
    """
    from tqdm import tqdm

    os.environ.update(worker.ONE_THREAD)
    bad = 0
    with (
        ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool,
        tqdm(total=len(tasks), unit="run", disable=quiet, smoothing=0.02) as bar,
    ):
        futures = [pool.submit(worker.run, task, time_limit) for task in tasks]
        try:
            for future in as_completed(futures):
                run = future.result()
                results.append(path, run)
                bar.update()
                if run["status"] in ("error", "timeout"):
                    bad += 1
                    bar.write(
                        f"{run['peer']} on {run['problem']}, seed {run['seed']}: "
                        f"{run['status']} after {len(run['values'])}: {run.get('message', '')}",
                        file=sys.stderr,
                    )
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return bad
