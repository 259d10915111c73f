"""A few functions of the bbob and bbob-mixint suites, through `coco-experiment`.

Source: Hansen et al., COCO (2021), BSD-3; Tusar et al., bbob-mixint (2019). In bbob-mixint, of
ten variables eight are whole numbers with 2, 2, 4, 4, 8, 8, 16 and 16 values. Values span
decades: scored on log(1 + gap to the best known value). Instances are shifted and rotated by the suite.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..space import Float, Int, Param, Space
from .problem import Loader, Problem, Unavailable, deterministic


def coco(name: str, suite: str, function: int, dimension: int) -> Problem:
    """Instance 1 of one function."""
    try:
        import cocoex
    except ImportError:
        raise Unavailable(f"{name} needs the package coco-experiment") from None
    selection = f"dimensions:{dimension} function_indices:{function} instance_indices:1"
    holder = cocoex.Suite(suite, "", selection)
    problem = holder.get_problem(0)
    low, high = problem.lower_bounds, problem.upper_bounds

    def parameter(i: int) -> Param:
        if i < problem.number_of_integer_variables:
            return Int(round(low[i]), round(high[i]))
        return Float(low[i], high[i])

    space = Space({f"x{i}": parameter(i) for i in range(dimension)})

    def value(params: dict[str, Any], suite_alive: Any = holder) -> float:
        return problem(np.array([params[f"x{i}"] for i in range(dimension)], dtype=float))

    return Problem(name, space, deterministic(value), "COCO (coco-experiment)", "BSD-3",
                   score="log1p")  # fmt: skip


PROBLEMS: dict[str, Loader] = {}
for _suite, _instances in (
    ("bbob", ((8, 5), (15, 5), (17, 10), (22, 5))),
    ("bbob-mixint", ((3, 10), (8, 10), (15, 10), (20, 10))),
):
    for _function, _dimension in _instances:
        _name = f"{_suite}/f{_function}-{_dimension}d"
        PROBLEMS[_name] = partial(coco, _name, _suite, _function, _dimension)
