"""Which parameters of a define-by-run objective appear together, and what decides it.

Such an objective has no declared space: what there is to know is which parameters each of its trials had. Parameters that always
appear together form a group. A group that is not in every trial is conditional; if in all trials so far it was there exactly when
some discrete parameter had certain levels, that parameter is taken for its parent, and the groups are searched as one tree.
A group without such a parent is a tree of its own. A wrong guess lasts until the first trial that contradicts it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

Names = frozenset[str]


class Tree(NamedTuple):
    """Parameters to be searched jointly.

    Attributes
    ----------
    names : tuple of str
        Sorted.
    conditions : dict of str to (str, tuple of int)
        For the conditional ones: the parent, and its levels with which the parameter was there.
    """

    names: tuple[str, ...]
    conditions: dict[str, tuple[str, tuple[int, ...]]]


class Presence:
    """What was there in the trials so far.

    Attributes
    ----------
    groups : list of frozenset of str
        The parameters by which of the trials they appeared in.
    """

    def __init__(self) -> None:
        self.groups: list[Names] = []
        self._kinds: set[Names] = set()   # of trials: the different sets of parameters seen
        self._seen: dict[str, dict[int, set[Names]]] = {}   # by parameter and level, the kinds of the trials that had it
        self._forest: dict[tuple[str, ...], list[Tree]] = {}

    def add(self, names: Names, levels: Mapping[str, int]) -> None:
        """A trial: its parameters, and the levels of those that could be parents. O(levels) unless there is something new."""
        if names not in self._kinds:
            self._kinds.add(names)
            rest, groups = names, []
            for group in self.groups:
                groups += [group & rest, group - rest]
                rest -= group
            self.groups = [group for group in (*groups, rest) if group]
            self._forest.clear()
        for name, level in levels.items():
            kinds = self._seen.setdefault(name, {}).setdefault(level, set())
            if names not in kinds:
                kinds.add(names)
                self._forest.clear()

    def forget(self, name: str) -> None:
        """The levels of a parameter mean something else from now on."""
        if self._seen.pop(name, None) is not None:
            self._forest.clear()

    def forest(self, names: Collection[str]) -> list[Tree]:
        """The trees of `names`; those that no trial had form one by themselves."""
        key = tuple(sorted(names))
        if key not in self._forest:
            self._forest[key] = self._grow(frozenset(names))
        return self._forest[key]

    def _grow(self, names: Names) -> list[Tree]:
        groups = [group & names for group in self.groups if group & names]
        unknown = names.difference(*groups)
        home = {name: group for group in groups for name in group}
        parents = {group: parent for group in groups if (parent := self._parent(group, names))}
        trees: dict[Names, list[Names]] = {}
        for group in (*groups, *([unknown] if unknown else [])):
            root = group
            while root in parents:   # ends: a parent is in every trial that has the child, and in others
                root = home[parents[root][0]]
            trees.setdefault(root, []).append(group)
        return [
            Tree(tuple(sorted(frozenset().union(*tree))), {name: parents[group] for group in tree if group in parents for name in group})
            for tree in trees.values()
        ]

    def _parent(self, group: Names, names: Names) -> tuple[str, tuple[int, ...]] | None:
        """The parameter whose levels decide whether the group is there, and at which it is; of several the one with fewest levels."""
        having = [kind for kind in self._kinds if group <= kind]
        if len(having) == len(self._kinds):
            return None
        candidates = (name for name in frozenset.intersection(*having) & names & self._seen.keys() if name not in group)
        for name in sorted(candidates, key=lambda name: (len(self._seen[name]), name)):
            answers = {level: {group <= kind for kind in kinds} for level, kinds in self._seen[name].items()}
            there = tuple(sorted(level for level, answer in answers.items() if True in answer))
            if there and all(len(answer) == 1 for answer in answers.values()):
                return name, there
        return None
