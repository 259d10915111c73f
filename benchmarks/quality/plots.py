"""PNG plots of the numbers in `aggregate`; needs matplotlib, imported only here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import aggregate
from .aggregate import CHECKPOINTS, Matrix
from .problems.problem import Unavailable

DOTS = 110  # dots per inch: small files


def draw(matrix: Matrix, folder: Path, half: str | None = None) -> list[str]:
    """Draw every plot into a folder and return the file names.

    Raises
    ------
    Unavailable
        If matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise Unavailable("plots need matplotlib: install it, or pass --no-plots") from None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
                         "axes.grid": True, "grid.alpha": 0.3, "legend.frameon": False})  # fmt: skip
    colours = {p: f"C{i % 10}" if i < 10 else str(0.3 + 0.05 * i) for i, p in enumerate(matrix.peers)}
    suffix = f"-{half}" if half else ""
    names = []
    for what, make in (
        ("regret", regret), ("families", families), ("ranks", ranks), ("seconds", seconds)
    ):  # fmt: skip
        figure = make(plt, matrix, colours)
        if figure is not None:
            names.append(f"{what}{suffix}.png")
            figure.savefig(folder / names[-1], dpi=DOTS, bbox_inches="tight")
            plt.close(figure)
    return names


def _curves(axes: Any, matrix: Matrix, colours: dict[str, str], names: list[str] | None) -> None:
    """Mean regret against evaluations with 95 % bands over seeds, one line per peer.

    A peer's line ends at its budget. All lines are over the problems every peer has; a problem
    ends at its own cap and then keeps its last regret, so lines are means over one fixed set.
    """
    shared = set.intersection(*(set(by) for by in matrix.curves.values()))
    shown = [q for q in (names or sorted(shared)) if q in shared]
    rng = np.random.default_rng(0)
    for peer, by in matrix.curves.items():
        length = max((by[q].shape[1] for q in shown), default=0)
        if not length:
            continue
        curves = [np.pad(by[q], ((0, 0), (0, length - by[q].shape[1])), mode="edge") for q in shown]
        mean = np.mean([c.mean(axis=0) for c in curves], axis=0)
        low, high = aggregate.interval(aggregate.resample(curves, rng).mean(axis=0))
        x = np.arange(1, length + 1)
        axes.plot(x, mean, color=colours[peer], label=peer, lw=1.4)
        axes.fill_between(x, low, high, color=colours[peer], alpha=0.15, lw=0)
    axes.set_yscale("log")
    axes.set_xlim(1, None)


def regret(plt: Any, matrix: Matrix, colours: dict[str, str]) -> Any:
    """Mean regret over all problems."""
    figure, axes = plt.subplots(figsize=(7, 4.5))
    _curves(axes, matrix, colours, None)
    axes.set(xlabel="evaluations", ylabel="mean normalised regret (log scale)")
    axes.legend(ncols=2, fontsize=8)
    return figure


def families(plt: Any, matrix: Matrix, colours: dict[str, str]) -> Any:
    """Mean regret in each family."""
    groups: dict[str, list[str]] = {}
    shared = set.intersection(*(set(by) for by in matrix.curves.values()))
    for name in (q for q in aggregate.problems.names() if q in shared):
        groups.setdefault(name.split("/")[0], []).append(name)
    if len(groups) < 2:
        return None
    columns = 4
    height = -(-len(groups) // columns)
    figure, grid = plt.subplots(height, columns, figsize=(12, 2.6 * height), squeeze=False)
    for axes, (family, names) in zip(grid.flat, groups.items(), strict=False):
        _curves(axes, matrix, colours, names)
        axes.set_title(f"{family} ({len(names)})", fontsize=9)
    for axes in grid.flat[len(groups) :]:
        axes.axis("off")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=5, bbox_to_anchor=(0.5, -0.04))
    figure.tight_layout()
    return figure


def ranks(plt: Any, matrix: Matrix, colours: dict[str, str]) -> Any:
    """Critical-difference diagrams of mean ranks (Demsar 2006).

    A bar joins peers whose mean ranks differ by less than Nemenyi's critical difference.
    """
    points = [n for n in CHECKPOINTS if len(matrix.common(n)[0]) > 1 and len(matrix.common(n)[1]) > 1]
    if not points:
        return None
    figure, grid = plt.subplots(len(points), 1, figsize=(8, len(points) * (0.9 + 0.11 * len(matrix.peers))), squeeze=False)
    for axes, n in zip(grid[:, 0], points, strict=True):
        found = sorted(aggregate.ranks(matrix, n).items(), key=lambda item: item[1])
        width = aggregate.critical_difference(len(found), len(matrix.common(n)[1]))
        _diagram(axes, found, width, colours)
        axes.set_title(f"mean rank after {n} evaluations (critical difference {width:.2f})", fontsize=9)
    figure.tight_layout()
    return figure


def _diagram(axes: Any, found: list[tuple[str, float]], width: float, colours: dict[str, str]) -> None:
    count = len(found)
    half = (count + 1) // 2
    axes.set(xlim=(0.2, count + 0.8), ylim=(-half - 1.2, 0.6))
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_yticks([])
    axes.xaxis.tick_top()
    axes.set_xticks(range(1, count + 1))
    axes.axhline(0, color="black", lw=1)
    for i, (peer, rank) in enumerate(found):
        left = i < half
        y = -1.2 - (i if left else count - 1 - i)
        edge = 0.6 if left else count + 0.4
        axes.plot([rank, rank, edge], [0, y, y], color=colours[peer], lw=1.2)
        axes.text(edge, y, f"{peer} {rank:.2f}", ha="right" if left else "left", va="center",
                  fontsize=8, clip_on=False)  # fmt: skip
    level, last = -0.3, -1
    for i, (_, rank) in enumerate(found):
        end = max(j for j, (_, r) in enumerate(found) if r - rank < width)
        if end > i and end > last:
            axes.plot([rank - 0.03, found[end][1] + 0.03], [level, level], color="black", lw=3)
            level, last = level - 0.25, end


def seconds(plt: Any, matrix: Matrix, colours: dict[str, str]) -> Any:
    """Median time of a suggestion against the number of evaluations made."""
    figure, axes = plt.subplots(figsize=(7, 4))
    for peer, rows in matrix.seconds.items():
        x = 10 * np.arange(rows.shape[1]) + 5
        axes.plot(x, 1e3 * np.nanmedian(rows, axis=0) / 10, color=colours[peer], label=peer)
    axes.set(xlabel="evaluations", ylabel="milliseconds per suggestion", yscale="log")
    axes.legend(ncols=2, fontsize=8)
    return figure
