"""What a suite runs: blocks of peers x problems x seeds at a budget."""

from __future__ import annotations

from dataclasses import dataclass

OURS = ("hpo_fast:auto", "hpo_fast:gp", "hpo_fast:tpe")
FAST = ("random", "optuna:tpe", "optuna:tpe-univariate", "hyperopt", "cmaes", "rustuna")

SLOW = ("ax", "bayes_opt", "egobox", "hebo", "hoptimal", "skopt", "smac", "vizier")
# one or two problems of every family: slow peers need 30 to 300 seconds a run
SUBSET = (
    "mlp/hpobench-vehicle", "mlp/hpolib-protein_structure", "xgb/ijcnn1", "xgb48/10", "xgb48/24",
    "taskset/patch32_GRU64_avg_bs128", "taskset/patch32_LSTM128_bs128", "yahpo-xgboost/11", "yahpo-svm/14",
    "yahpo-super/11", "hss/cifar10", "sklearn/svc-breast_cancer", "sklearn/lightgbm-diabetes",
    "synthetic/hartmann6", "synthetic/mixed-levy", "bbob/f8-5d", "bbob-mixint/f15-10d", "llm/simulated-large",
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A rectangle of the matrix."""

    peers: tuple[str, ...]
    problems: tuple[str, ...]
    seeds: int
    budget: int


STANDARD = (
    "mlp/*", "xgb/*", "xgb48/*", "taskset/*", "deepar/*", "nmt/*", "yahpo-*", "hss/*", "sklearn/*", "synthetic/*", "bbob/*", "bbob-mixint/*", "llm/*",
)   # fmt: skip
SMOKE = ("synthetic/branin", "synthetic/mixed-*", "sklearn/learner-wine", "llm/simulated-small")

SUITES: dict[str, tuple[Block, ...]] = {
    "smoke": (Block((*OURS, "hpo_fast:random", "hpo_fast:sobol", "random"), SMOKE, 2, 30),),
    "standard": (
        Block((*OURS, *FAST), STANDARD, 10, 200),
        Block(("optuna:gp",), STANDARD, 5, 100),
    ),
    "scales": (Block((*OURS, "hpo_fast:gp?input_warp=False", *FAST), ("scales/*",), 10, 100),),
    "full": (
        Block((*OURS, *FAST), STANDARD, 20, 200),
        Block(("optuna:gp",), STANDARD, 5, 100),
        Block(SLOW, SUBSET, 3, 50),
    ),
}
