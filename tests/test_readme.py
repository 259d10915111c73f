"""The README's scan of tile sizes runs as written and finds what NumPy finds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

import hpo_fast as hf

TEXT = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
(BLOCK,) = re.findall(r"^## Massive spaces\n.*?^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def test_the_scan_is_short_and_finds_the_best() -> None:
    assert len(BLOCK.splitlines()) <= 10
    names: dict[str, Any] = {"hf": hf}
    exec(compile(BLOCK, "README.md", "exec"), names)
    best, size = names["best"], names["space"].size
    assert size > 10**8
    assert f"{size:,} combinations, of which {best.n_feasible:,} fit" in TEXT

    # The same without a scan: what fits is a product of conditions on few parameters each.
    tile, depth, side, width, stages = np.arange(8, 257, 8), np.arange(4, 65, 4), np.arange(1, 33), np.array([1, 2, 4, 8]), np.arange(1, 6)
    warps = side[:, None] * side % 32 == 0
    m, n, rows, cols, w = (
        values[at]
        for values, at in zip(
            [tile, tile, side, side, width],
            np.nonzero(
                (tile[:, None] % side == 0)[:, None, :, None, None]
                & (tile[:, None, None] % (side[:, None] * width) == 0)[None, :, None]
                & warps[None, None, :, :, None]
            ),
            strict=True,
        )
    )
    fitting, least = 0, np.inf
    for k in depth:
        for s in stages:
            shared = 4 * s * (m + n) * k
            ok = shared <= 100_000
            threads = rows * cols
            occupancy = np.minimum(np.minimum(2048 // threads, 100_000 // shared), 16) * threads / 2048
            arithmetic = 2 * 4096**3 / 19.5e12 / (np.minimum(1, 0.35 + occupancy) * (1 - 0.1 / s))
            moving = 4 * 4096**3 * (1 / m + 1 / n) / 1.5e12 / (0.5 + 0.125 * w)
            fitting += int(ok.sum())
            least = min(least, float(1e3 * np.maximum(arithmetic, moving)[ok].min()))
    assert best.n_feasible == fitting
    assert best.complete
    assert len(best.configs) == 10
    np.testing.assert_allclose(best.scores[0], least, rtol=1e-12)


def test_the_best_of_a_noisy_objective_is_what_its_model_thinks_best() -> None:
    (block,) = re.findall(r"^## Noisy objectives\n.*?^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    rng, opt = np.random.default_rng(0), hf.Optimizer(hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)}))

    def true(p: dict[str, float]) -> float:
        return (p["x"] - 0.3) ** 2 + (p["y"] - 0.6) ** 2

    for _ in range(40):
        trial = opt.ask()
        opt.tell(trial, true(trial.params) + 0.1 * rng.normal())
    names: dict[str, Any] = {"hf": hf, "opt": opt}
    exec(compile(block, "README.md", "exec"), names)
    assert true(names["best"]) < true(opt.best_params)
