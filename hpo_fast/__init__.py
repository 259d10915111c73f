"""hpo_fast: what to try next, fast.

>>> import hpo_fast as hf
>>> space = hf.Space({"lr": hf.Float(1e-5, 1e-1, log=True), "layers": hf.Int(1, 8)})
>>> opt = hf.Optimizer(space, seed=0)
>>> trial = opt.ask()
>>> opt.tell(trial, 0.3)
"""

from hpo_fast import samplers
from hpo_fast._core import Infeasible, SpaceExhausted
from hpo_fast.functions import FunctionError
from hpo_fast.history import History
from hpo_fast.minimize import Result, minimize
from hpo_fast.optimizer import Optimizer
from hpo_fast.priors import Beta, LogNormal, Normal
from hpo_fast.samplers import TrialInfo
from hpo_fast.scan import ScanResult, count, feasible_fraction, scan
from hpo_fast.space import Categorical, Float, Int, Ordinal, Space
from hpo_fast.streams import Grid, Sobol, Uniform
from hpo_fast.suggest import suggest
from hpo_fast.surrogate import DensityRatio, Surrogate, surrogate
from hpo_fast.trial import Trial

__version__ = "0.1.0"

__all__ = [
    "Beta",
    "Categorical",
    "DensityRatio",
    "Float",
    "FunctionError",
    "Grid",
    "History",
    "Infeasible",
    "Int",
    "LogNormal",
    "Normal",
    "Optimizer",
    "Ordinal",
    "Result",
    "ScanResult",
    "Sobol",
    "Space",
    "SpaceExhausted",
    "Surrogate",
    "Trial",
    "TrialInfo",
    "Uniform",
    "count",
    "feasible_fraction",
    "minimize",
    "samplers",
    "scan",
    "suggest",
    "surrogate",
]
