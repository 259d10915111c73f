"""The problems, by family; a family is one or several of a module of this folder.

Halves: inside each family, in the order of its listing, problems alternate between
"choose" (defaults are chosen on it) and "confirm" (they are checked on it). Odd-numbered
families start with "confirm", so that single-problem families do not all land in one half.
"""

from __future__ import annotations

import fnmatch
from functools import cache

from . import coco, llm, pools, scales, surrogates, synthetic, tables, training
from .problem import Loader, Problem, Unavailable

__all__ = ["Problem", "Unavailable", "half", "load", "names", "select"]

LOADERS: dict[str, Loader] = {
    name: loader for module in (tables, pools, surrogates, training, synthetic, coco, llm, scales) for name, loader in module.PROBLEMS.items()
}


def names() -> list[str]:
    """Every problem's name, in a fixed order, whether or not its data are here."""
    return list(LOADERS)


@cache
def load(name: str) -> Problem:
    """Return a problem; `Unavailable` when its data or packages are missing."""
    try:
        loader = LOADERS[name]
    except KeyError:
        raise ValueError(f"no problem named {name!r}; `python -m benchmarks.quality list` names them") from None
    try:
        problem = loader()
    except ImportError as error:
        raise Unavailable(f"{name} needs a package that is not installed: {error}") from error
    if problem.name != name:
        raise ValueError(f"problem {name!r} calls itself {problem.name!r}")
    return problem


def select(patterns: list[str]) -> list[str]:
    """Return the names matching any of the shell patterns, in the fixed order.

    Raises
    ------
    ValueError
        If a pattern matches nothing.
    """
    everything = names()
    for pattern in patterns:
        if not fnmatch.filter(everything, pattern):
            raise ValueError(f"no problem matches {pattern!r}; `python -m benchmarks.quality list` names them")
    return [n for n in everything if any(fnmatch.fnmatchcase(n, p) for p in patterns)]


def half(name: str) -> str:
    """Return "choose" or "confirm": see the rule above."""
    families = list(dict.fromkeys(n.split("/")[0] for n in LOADERS))
    family = name.split("/")[0]
    place = [n for n in LOADERS if n.split("/")[0] == family].index(name)
    return ("choose", "confirm")[(place + families.index(family)) % 2]
