"""Fine-tuning of language models: few evaluations, failures, noise.

lora-fr-en
    Real LoRA fine-tunings of XGLM and BLOOMZ models (github Este1le/hpo_nmt, Zhang and Duh, AMTA
    2024, MIT): the complete grid of base model x rank x batch x learning rate, looked up exactly,
    -BLEU. Budgets stop at a quarter of the 162 points.

simulated-*
    A documented simulator, because no public table covers the usual fine-tuning space. Loss =
    floor + terms for a learning rate off its optimum (quadratic in log, steeper above), too little
    rank, under- and overfitting (passes over the data against dropout and weight decay), warm-up
    and schedule, with an optimum of the learning rate that moves with batch size, rank (alpha = 2
    x rank) and optimizer, as practitioners report. Too high an effective rate diverges with a
    probability that warm-up lowers: a failure (NaN), or a loss several times too high. Observed
    values carry the noise of seeds; runs are judged by the noiseless loss. Numbers were set by hand
    to give typical magnitudes (loss 1.0 to 1.6, noise 0.004, 10 to 25 % failures): it is not a
    measurement.
"""

from __future__ import annotations

import json
import math
from functools import partial
from typing import Any

from ..space import Categorical, Float, Int, Ordinal, Space
from .problem import Loader, Objective, Problem, data_folder, deterministic, noise


def lora(name: str) -> Problem:
    """-BLEU of LoRA fine-tunings, French to English."""
    file = data_folder("nmt_hpo") / "nmtlc_finetune_fr-en.json"
    table = {}
    for run in json.loads(file.read_text()):
        hp = run["hyperparams"]
        base = f"{run['basemodel']}-{hp['num_layers']}-{hp['model_size']}"
        table[base, hp["r"], hp["batch_size"], hp["initial_lr"]] = -run["bleu_optimal"]
    base, rank, batch, lr = (sorted(set(column)) for column in zip(*table, strict=True))
    space = Space({"base": Categorical(base), "rank": Ordinal(rank), "batch": Ordinal(batch),
                   "lr": Ordinal(lr)})  # fmt: skip
    start = deterministic(lambda p: table[p["base"], p["rank"], p["batch"], p["lr"]])
    return Problem(name, space, start, "github Este1le/hpo_nmt", "MIT",
                   best=min(table.values()), max_budget=len(table) // 4)  # fmt: skip


SPACE = Space({
    "lr": Float(1e-5, 5e-4, log=True),
    "rank": Int(4, 64, log=True),
    "batch": Ordinal((8, 16, 32, 64)),
    "epochs": Int(1, 5),
    "warmup": Float(0.0, 0.2, step=0.01),
    "dropout": Float(0.0, 0.2, step=0.05),
    "schedule": Categorical(("cosine", "linear", "constant")),
    "optimizer": Categorical(("adamw", "lion", "adafactor")),
    "weight_decay": Float(1e-4, 0.3, log=True),
    "layers": Categorical(("attention", "mlp", "all")),
    "beta2": Float(0.9, 0.999).when("optimizer", "adamw", "lion"),
})  # fmt: skip


def simulated(name: str, best_lr: float, data: float, fragility: float) -> Problem:
    """The simulator.

    Parameters
    ----------
    best_lr : float
        Best learning rate at batch 32, rank 16, AdamW.
    data : float
        Size of the data set relative to the model: small means early overfitting.
    fragility : float
        How easily training diverges.
    """

    def clean(p: dict[str, Any]) -> tuple[float, float]:
        """Return the noiseless loss and the probability of divergence."""
        reach = {"attention": 1.0, "mlp": 1.2, "all": 1.6}[p["layers"]]
        factor = {"adamw": 1.0, "lion": 0.3, "adafactor": 1.6}[p["optimizer"]]
        centre = best_lr * factor * (p["batch"] / 32) ** 0.4 * (p["rank"] / 16) ** -0.25
        off = math.log(p["lr"] / centre)
        if p["schedule"] == "constant":
            off += 0.35  # no decay acts like a higher rate
        loss = 1.0 + (0.045 if off < 0 else 0.11) * off**2
        loss += 0.12 / math.sqrt(p["rank"] * reach / 4)
        passes = p["epochs"] * math.exp(0.35 * min(off, 1.0)) / (3.0 * data)
        regular = 1.0 + 2.5 * p["dropout"] + 0.12 * math.log10(p["weight_decay"] / 1e-4)
        fit = math.log(passes / regular)
        loss += (0.05 if fit < 0 else 0.09 * math.sqrt(reach)) * fit**2
        loss += 0.3 * max(p["dropout"] - 0.1, 0.0) + 0.03 * max(math.log10(p["weight_decay"] / 0.1), 0.0)
        loss += 4.0 * (p["warmup"] - 0.05 - 0.03 * max(off, 0.0)) ** 2
        loss += {"cosine": 0.0, "linear": 0.006, "constant": 0.02}[p["schedule"]]
        loss += {"adamw": 0.0, "lion": 0.012, "adafactor": 0.018}[p["optimizer"]]
        if "beta2" in p:
            loss += 0.01 * (math.log10((1 - p["beta2"]) / 0.01)) ** 2
        stress = off - 0.9 + 6.0 * max(0.06 - p["warmup"], 0.0) + 0.25 * math.log(reach)
        return loss, 1.0 / (1.0 + math.exp(-(stress * 4.0 + fragility)))

    def start(seed: int) -> Objective:
        count = iter(range(10**9))

        def objective(p: dict[str, Any]) -> tuple[float, float]:
            rng = noise(name, seed, next(count))
            loss, risk = clean(p)
            fate, spread = rng.random(), rng.standard_normal()
            if fate < 0.7 * risk:
                return math.nan, math.nan
            if fate < risk:
                return loss * 3.0 + abs(spread), loss * 3.0
            return loss + 0.004 * spread, loss

        return objective

    return Problem(name, SPACE, start, "simulator written for this benchmark", "as the project")


PROBLEMS: dict[str, Loader] = {
    "llm/lora-fr-en": partial(lora, "llm/lora-fr-en"),
    "llm/simulated-large": partial(simulated, "llm/simulated-large", 6e-5, 0.6, -1.2),
    "llm/simulated-small": partial(simulated, "llm/simulated-small", 1.5e-4, 1.6, -2.2),
}
