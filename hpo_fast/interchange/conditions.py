"""Conditions of other libraries, formulas over several parents, as ours: one parent that has certain values.

A formula is in disjunctive form: it holds if one of its clauses does, and a clause if all of its atoms do. What ``.when`` has to say is
found out by trying every combination of values that the formula can tell apart: if it depends on one parent alone, that is the
condition. Parents that exist only with others need no mention, since ``.when`` implies them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from hpo_fast.parameters import Condition, Parameter, condition_levels

MOST_LEVELS = 100_000
"""The most values of a parent that a condition lists."""

_MOST_STATES = 20_000   # combinations of values that are tried


class Atom(NamedTuple):
    """Holds while `parent` has one of `levels`, and, if `inactive`, while it does not exist."""

    parent: str
    levels: Collection[int]
    inactive: bool = False


Formula = Sequence[Sequence[Atom]]


def with_conditions(parameters: Mapping[str, Parameter], formulas: Mapping[str, Formula], words: Mapping[str, str]) -> dict[str, Parameter]:
    """Parameters with the conditions under which they exist.

    Parameters
    ----------
    parameters : mapping of str to Parameter
        Without conditions.
    formulas : mapping of str to Formula
        When those exist that do not always.
    words : mapping of str to str
        The formulas as their library writes them, for errors.

    Returns
    -------
    dict of str to Parameter
        In the same order.

    Raises
    ------
    ValueError
        Naming the parameter and its condition, if ``.when`` cannot say it, or it can never hold.
    """
    done: dict[str, Parameter] = {}

    def add(name: str, path: tuple[str, ...]) -> None:
        if name in done:
            return
        if name in path:
            raise ValueError(f"parameter {name!r}: its conditions form a circle ({' -> '.join([*path, name])})")
        p = parameters[name]
        if name in formulas:
            for atom in chain.from_iterable(formulas[name]):
                add(atom.parent, (*path, name))
            try:
                p = replace(p, condition=_condition(formulas[name], done))   # type: ignore[type-var]  # the four kinds are dataclasses
            except ValueError as error:
                raise ValueError(f"parameter {name!r}: its condition {words[name]} {error}") from None
        done[name] = p

    for name in parameters:
        add(name, ())
    return {name: done[name] for name in parameters}


def _condition(formula: Formula, parameters: Mapping[str, Parameter]) -> Condition | None:
    """What ``.when`` says if the formula is to hold, None if it always does; ValueError with the end of a sentence about it."""
    involved: dict[str, Parameter] = {}

    def include(name: str) -> None:
        if (condition := parameters[name].condition) is not None:
            include(condition.parent)
        involved[name] = parameters[name]   # after its parent

    sets: dict[str, list[frozenset[int]]] = {}   # of levels, between which something may depend on a parameter
    for atom in chain.from_iterable(formula):
        include(atom.parent)
        sets.setdefault(atom.parent, []).append(frozenset(atom.levels))
    allowed: dict[str, frozenset[int]] = {}
    for name, p in involved.items():
        if p.condition is not None:
            allowed[name] = frozenset(condition_levels(involved[p.condition.parent], p.condition.values))
            sets.setdefault(p.condition.parent, []).append(allowed[name])

    samples = {name: _apart(p.levels, sets[name]) for name, p in involved.items()}
    states = list(islice(_states(involved, allowed, samples), _MOST_STATES + 1))
    truths = [any(all(_holds(atom, state[atom.parent]) for atom in clause) for clause in formula) for state in states]
    if len(states) <= _MOST_STATES:
        if all(truths):
            return None
        if not any(truths):
            raise ValueError("never holds: leave the parameter out")
        for name, p in involved.items():
            outcomes: dict[int | None, set[bool]] = {}
            for state, truth in zip(states, truths, strict=True):
                outcomes.setdefault(state[name], set()).add(truth)
            if all(len(seen) == 1 for seen in outcomes.values()) and outcomes.get(None) != {True}:
                return Condition(name, _values(p, sets[name], [level for level, seen in outcomes.items() if level is not None and True in seen]))
    raise ValueError("has no equivalent: .when() says that one other parameter has certain values; make it depend on one, or merge its parents into one")


def _holds(atom: Atom, level: int | None) -> bool:
    return atom.inactive if level is None else level in atom.levels


def _apart(levels: int, sets: Sequence[frozenset[int]]) -> list[int]:
    """One of the levels for each combination of the sets that it is in, or none of them."""
    listed = frozenset().union(*sets)
    other = [level for level in range(min(levels, len(listed) + 1)) if level not in listed]
    found: dict[tuple[bool, ...], int] = {}
    for level in [*sorted(listed), *other]:
        found.setdefault(_signature(level, sets), level)
    return list(found.values())


def _signature(level: int, sets: Sequence[frozenset[int]]) -> tuple[bool, ...]:
    return tuple(level in levels for levels in sets)


def _states(involved: Mapping[str, Parameter], allowed: Mapping[str, frozenset[int]], samples: Mapping[str, list[int]]) -> Iterator[dict[str, int | None]]:
    """Every combination of levels, None where a parameter does not exist."""
    names = list(involved)

    def extended(state: dict[str, int | None]) -> Iterator[dict[str, int | None]]:
        if len(state) == len(names):
            yield state
            return
        name = names[len(state)]
        condition = involved[name].condition
        exists = condition is None or state[condition.parent] in allowed[name]
        for level in samples[name] if exists else [None]:
            yield from extended({**state, name: level})

    return extended({})


def _values(p: Parameter, sets: Sequence[frozenset[int]], chosen: list[int]) -> tuple[Any, ...]:
    """The values of all levels that are in the same sets as one of those chosen."""
    signatures = {_signature(level, sets) for level in chosen}
    candidates = range(p.levels) if _signature(-1, sets) in signatures else sorted(frozenset().union(*sets))
    if len(candidates) > MOST_LEVELS:
        raise ValueError(f"lists up to {len(candidates)} values of a parent, more than {MOST_LEVELS}: make the parent an Ordinal of fewer")
    levels = [level for level in candidates if _signature(level, sets) in signatures]
    return tuple(p.values(np.array(levels, dtype=float)).tolist())
