"""Markdown tables of the numbers in `aggregate`."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from . import aggregate, results
from .aggregate import CHECKPOINTS, Matrix

Rows = Iterable[Iterable[str]]


def table(head: Iterable[str], rows: Rows) -> str:
    """Format a Markdown table, numbers to the right."""
    head = list(head)
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def with_interval(value: tuple[float, float, float] | None, sign: str = "") -> str:
    """Format a number with its interval."""
    return "" if value is None else "{:{s}.3f} [{:{s}.3f}, {:{s}.3f}]".format(*value, s=sign)


def main_table(matrix: Matrix, checkpoints: list[int]) -> str:
    """One line per peer, best mean rank at the last checkpoint first."""
    means = {n: aggregate.means(matrix, n) for n in checkpoints}
    ranks = {n: aggregate.ranks(matrix, n) for n in checkpoints}
    factors = aggregate.factors(matrix)
    seconds = aggregate.suggestion_seconds(matrix)

    def order(peer: str) -> tuple:
        reached = [n for n in checkpoints if peer in ranks[n]]
        return (-max(reached, default=0), ranks[max(reached)][peer] if reached else 0)

    def line(peer: str) -> list[str]:
        cells = [f"`{peer}`"]
        cells += [with_interval(means[n].get(peer)) for n in checkpoints]
        cells += [f"{ranks[n][peer]:.2f}" if peer in ranks[n] else "" for n in checkpoints]
        f = factors.get(peer)
        cells.append(f"{f[0]:.2f}x ({f[1]}/{f[2]})" if f else "")
        cells.append(f"{1e3 * seconds[peer][0]:.3g}" if peer in seconds else "")
        return cells

    head = ["peer", *(f"regret@{n}" for n in checkpoints), *(f"rank@{n}" for n in checkpoints),
            "fewer evaluations", "ms per suggestion"]  # fmt: skip
    return table(head, map(line, sorted(matrix.peers, key=order)))


def matrix_table(columns: dict[str, dict[str, float]], peers: list[str], first: str) -> str:
    """One line per family, one column per peer; ``!`` marks what is worse than random."""

    def line(family: str, values: dict[str, float]) -> list[str]:
        bar = values.get("random", float("inf"))
        best = min(values.values())
        cells = [family]
        for peer in peers:
            v = values.get(peer)
            text = "" if v is None else f"{v:.3f}" + ("!" if v > bar + 5e-4 else "")
            cells.append(f"**{text}**" if v == best else text)
        return cells

    return table([first, *(f"`{p}`" for p in peers)], (line(f, v) for f, v in columns.items()))


def versions(runs: list[dict[str, Any]]) -> str:
    """Name the peers with the versions and numbers of their runs."""
    count: dict[tuple[str, str], int] = {}
    for run in runs:
        count[run["peer"], run["version"]] = count.get((run["peer"], run["version"]), 0) + 1
    return table(
        ["peer", "version", "runs", "seeds", "budget"],
        (
            [f"`{p}`", v, str(c),
             str(len({r["seed"] for r in runs if (r["peer"], r["version"]) == (p, v)})),
             str(max(r["budget"] for r in runs if (r["peer"], r["version"]) == (p, v)))]
            for (p, v), c in sorted(count.items())
        ),
    )  # fmt: skip


def sections(matrix: Matrix, runs: list[dict[str, Any]], half: str | None, baseline: str) -> list[str]:
    """Write the report's parts."""
    checkpoints = [n for n in CHECKPOINTS if matrix.common(n)[1]]
    if not checkpoints:
        checkpoints = [min(c.shape[1] for by in matrix.curves.values() for c in by.values())]
    grounds = ", ".join(f"{len(matrix.common(n)[1])} at {n}" for n in checkpoints)
    title = "# Search quality" + (f": the problems to {half} on" if half else "")
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    parts = [
        title,
        f"{now}, {platform.machine()}, Python {platform.python_version()}. Problems compared: {grounds}.\n\n"
        "Normalised regret: 0 = best known value, 1 = median of one random try; mean over problems of "
        "the mean over seeds, with the 95 % bootstrap interval over seeds. Rank: mean over problems. "
        "Fewer evaluations: 200 / the evaluations after which the median run is as good as random "
        "search's median run after 200, geometric mean (in brackets: problems where it got there at "
        "all; the others count as twice the evaluations it was given). Common claim for Bayesian "
        "optimization: 3x to 5x.",
        main_table(matrix, checkpoints),
    ]
    for n in checkpoints:
        found = aggregate.differences(matrix, n, baseline)
        if found and n in (50, 100, 200):
            parts.append(
                f"## Against `{baseline}` after {n} evaluations\n\nDifference of regret (negative: better), "
                "with the 95 % interval over problems and seeds.\n\n"
                + table(["peer", "difference"],
                        ([f"`{p}`", with_interval(v, "+")]
                         for p, v in sorted(found.items(), key=lambda item: item[1])))
            )  # fmt: skip
    by_family: Callable[[int], str] = lambda n: matrix_table(  # noqa: E731
        aggregate.family_means(matrix, n), matrix.common(n)[0], "family (problems)"
    )
    for n in checkpoints:
        parts.append(f"## Regret after {n} evaluations, by family\n\n`!`: worse than random.\n\n{by_family(n)}")
    parts.append("## Runs\n\n" + versions(runs))
    if matrix.notes:
        parts.append("Notes:\n\n" + "\n".join(f"- {note}" for note in matrix.notes))
    return parts


def write(
    paths: list[Path],
    out: Path | None,
    half: str | None = None,
    patterns: tuple[str, ...] | None = None,
    peers: tuple[str, ...] | None = None,
    plots: bool = True,
    baseline: str = "random",
) -> str:
    """Return the report, and write it with its plots to the folder ``out`` if given."""
    runs = results.gather(paths)
    matrix = aggregate.build(runs, half, patterns, peers)
    shown = {p.split(" @")[0] for p in matrix.peers}
    runs = [r for r in runs if r["peer"] in shown]
    parts = sections(matrix, runs, half, baseline)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        if plots:
            from . import plots as module

            names = module.draw(matrix, out, half)
            parts.append("\n".join(f"![{n}]({n})" for n in names))
        name = f"report-{half}.md" if half else "report.md"
        (out / name).write_text("\n\n".join(part.strip() for part in parts) + "\n")
    return "\n\n".join(part.strip() for part in parts)
