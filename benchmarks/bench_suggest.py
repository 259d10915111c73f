"""Latency of ask and tell: hpo_fast against Optuna 5 and rustuna, side by side in one run.

    OMP_NUM_THREADS=1 taskset -c 0 pytest benchmarks/bench_suggest.py --benchmark-columns=median,iqr,rounds --benchmark-sort=name

One round is one ask on a history of n observations, followed, outside the clock, by telling its result. The ratios that
the README quotes are printed at the end: median of the peer over median of hpo_fast, same space and n.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

import hpo_fast as hf

MIXED = {
    "lr": hf.Float(1e-5, 1e-1, log=True),
    "units": hf.Int(8, 512, log=True),
    "layers": hf.Int(1, 8),
    "dropout": hf.Float(0.0, 0.5, step=0.05),
    "batch": hf.Int(3, 10),
    "activation": hf.Categorical(["relu", "gelu", "tanh"]),
    "optimizer": hf.Categorical(["adamw", "sgd"]),
    "momentum": hf.Float(0.5, 0.99).when("optimizer", "sgd"),
    "beta2": hf.Float(0.9, 0.9999).when("optimizer", "adamw"),
}
MEDIANS: dict[tuple[str, str, int], float] = {}


def space_of(name: str) -> hf.Space:
    """ "d=20" is 20 continuous parameters, "mixed" the space above."""
    if name == "mixed":
        return hf.Space(MIXED)
    return hf.Space({f"x{i}": hf.Float(0.0, 1.0) for i in range(int(name[2:]))})


def history(space: hf.Space, n: int) -> tuple[list[dict], np.ndarray]:
    """Distinct uniform configurations with values of a bowl plus noise."""
    rows = space.sample(n, seed=1)
    values = np.nansum((rows - 0.4) ** 2, axis=1) + 0.1 * np.random.default_rng(0).normal(size=n)
    return space.decode(rows), values


class Fast:
    """hpo_fast with `sampler`; of n trials told, about `failed` have failed."""

    def __init__(self, sampler: str, space: hf.Space, n: int, failed: float = 0.0) -> None:
        self.opt = hf.Optimizer(space, sampler)
        rows = space.sample(n, seed=1)
        values = np.nansum((rows - 0.4) ** 2, axis=1) + 0.1 * np.random.default_rng(0).normal(size=n)
        values[np.random.default_rng(1).random(n) < failed] = np.inf
        # As from_bytes loads a history: a million calls of add would take minutes.
        self.opt._engine.tell(rows, values)
        self.opt._history.append(np.arange(n), rows, values)
        self.opt._seen.insert(rows)
        self.opt._states = ["complete"] * n

    def ask(self):
        return self.opt.ask()

    def tell(self, trial) -> None:
        self.opt.tell(trial, 1.0)


class Study:
    """Optuna or rustuna: the suggestion is made in trial.suggest_*, so asking includes them."""

    def __init__(self, module, space: hf.Space, n: int) -> None:
        self.module, self.space = module, space
        params, values = history(space, n)
        if module.__name__ == "optuna":
            module.logging.set_verbosity(module.logging.ERROR)
            self.study = module.create_study(sampler=module.samplers.TPESampler(seed=0, group="optimizer" in space))
            distributions = {name: self.distribution(p) for name, p in space.parameters.items()}
            self.study.add_trials(
                [
                    module.trial.create_trial(params=p, distributions={k: distributions[k] for k in p}, value=float(v))
                    for p, v in zip(params, values, strict=True)
                ]
            )
        else:
            self.study = module.create_study(sampler=module.samplers.TPESampler(seed=0, multivariate=True))
            for p, v in zip(params, values, strict=True):
                self.study.enqueue_trial(p)
                self.study.tell(self.ask().number, float(v))

    def distribution(self, p: hf.Float | hf.Int | hf.Categorical):
        d = self.module.distributions
        if isinstance(p, hf.Float):
            return d.FloatDistribution(p.low, p.high, log=p.log, step=p.step)
        return d.IntDistribution(p.low, p.high, log=p.log) if isinstance(p, hf.Int) else d.CategoricalDistribution(p.choices)

    def ask(self):
        trial = self.study.ask()
        values = {}
        for name, p in self.space.parameters.items():
            if p.condition is not None and values[p.condition.parent] not in p.condition.values:
                continue
            if isinstance(p, hf.Float):
                values[name] = trial.suggest_float(name, p.low, p.high, log=p.log, step=p.step)
            elif isinstance(p, hf.Int):
                values[name] = trial.suggest_int(name, p.low, p.high, log=p.log)
            else:
                values[name] = trial.suggest_categorical(name, p.choices)
        return trial

    def tell(self, trial) -> None:
        self.study.tell(trial.number, 1.0)


def make(peer: str, space: hf.Space, n: int):
    if peer.startswith("hpo_fast"):
        return Fast(peer.split(":")[1], space, n)
    module = pytest.importorskip(peer.split(":")[0], reason="install the extra: pip install '.[bench]'")
    return Study(module, space, n)


CASES = [(f"d={d}", n) for d in (5, 20, 50) for n in (50, 200, 1000, 20_000)] + [("mixed", n) for n in (50, 200, 1000)] + [("d=20", 1_000_000)]


@pytest.mark.parametrize("peer", ["hpo_fast:tpe", "hpo_fast:random", "hpo_fast:sobol", "rustuna:tpe", "optuna:tpe"])
@pytest.mark.parametrize(("space", "n"), CASES)
def test_ask(benchmark, peer: str, space: str, n: int) -> None:
    """hpo_fast's other samplers do not look at the history, and the peers take minutes to hours to load a long one."""
    if n > 1000 and ("tpe" not in peer or peer == "rustuna:tpe" or (peer == "optuna:tpe" and (space, n) != ("d=20", 20_000))):
        pytest.skip("not part of the table")
    warnings.simplefilter("ignore")
    asker = make(peer, space_of(space), n)
    told = []

    def setup() -> None:
        if told:
            asker.tell(told.pop())

    benchmark.pedantic(lambda: told.append(asker.ask()), setup=setup, rounds=20 if "optuna" in peer else 100, warmup_rounds=2)
    MEDIANS[peer, space, n] = benchmark.stats.stats.median


@pytest.mark.parametrize("peer", ["hpo_fast:tpe", "rustuna:tpe", "optuna:tpe"])
def test_batch_of_100(benchmark, peer: str) -> None:
    """100 asks without a tell: 20 continuous parameters, 1,000 observations."""
    warnings.simplefilter("ignore")
    asker = make(peer, space_of("d=20"), 1000)

    def batch() -> None:
        if peer.startswith("hpo_fast"):
            asker.opt.ask(100)
        else:
            for _ in range(100):
                asker.ask()

    if peer.startswith("hpo_fast"):
        def setup() -> None:
            for trial in asker.opt.pending:
                asker.opt.forget(trial)
        benchmark.pedantic(batch, setup=setup, rounds=10, warmup_rounds=1)
    else:
        benchmark.pedantic(batch, rounds=1)
    MEDIANS[peer, "batch of 100, d=20", 1000] = benchmark.stats.stats.median


def test_import_time(benchmark) -> None:
    """What `import hpo_fast` adds to `import numpy`, in a fresh interpreter."""
    code = "import time, numpy; t = time.perf_counter(); import hpo_fast; print(time.perf_counter() - t)"
    # With bytecode, as pip installs it; the first run may have to write it.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    run = [sys.executable, "-c", code]
    times = [float(subprocess.run(run, capture_output=True, text=True, check=True, env=env).stdout) for _ in range(11)][1:]
    benchmark.pedantic(lambda: time.sleep(0), rounds=1)
    print(f"\nimport hpo_fast beyond numpy: median {np.median(times) * 1e3:.1f} ms of 10")


def test_memory_per_observation(benchmark) -> None:
    """Resident memory that 100,000 told trials of 20 parameters add, an observation."""
    space = space_of("d=20")
    opt = hf.Optimizer(space, "tpe")

    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    params = space.decode(space.sample(100_000, seed=1))
    before = resident()
    benchmark.pedantic(lambda: [opt.add(p, 1.0) for p in params], rounds=1)
    print(f"\nmemory per observation, d=20: {(resident() - before) / 1e5:.0f} bytes")


@pytest.fixture(scope="module", autouse=True)
def ratios():
    """Print the table of medians and ratios after the last test."""
    yield
    cases = list(dict.fromkeys((space, n) for _, space, n in MEDIANS))
    lines = [
        "",
        "| case | n | hpo_fast tpe, us | rustuna / hpo_fast | Optuna / hpo_fast | random, us | Sobol, us |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for space, n in cases:
        ours = MEDIANS.get(("hpo_fast:tpe", space, n))
        cells = [space, f"{n:,}", f"{ours * 1e6:.0f}" if ours else ""]
        for peer in ("rustuna:tpe", "optuna:tpe"):
            value = MEDIANS.get((peer, space, n))
            cells.append(f"{value / ours:.1f}x" if value and ours else "")
        for peer in ("hpo_fast:random", "hpo_fast:sobol"):
            value = MEDIANS.get((peer, space, n))
            cells.append(f"{value * 1e6:.0f}" if value else "")
        lines.append("| " + " | ".join(cells) + " |")
    print("\n".join(lines))
