"""Formulas over several parents against every configuration of the parents."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import enumerate_space, identity, small_spaces, values_of

import hpo_fast as hf
from hpo_fast.interchange.conditions import Atom, Formula, with_conditions

PARENT = hf.Categorical(["a", "b", "c"])


@st.composite
def formulas(draw: st.DrawFn) -> tuple[hf.Space, Formula]:
    """Parents, some of them conditional themselves, and a formula over them."""
    space = draw(small_spaces(max_parameters=3).filter(lambda space: any(p.levels for p in space.parameters.values())))
    names = [name for name, p in space.parameters.items() if p.levels > 0]

    def atom(name: str) -> st.SearchStrategy[Atom]:
        return st.builds(Atom, st.just(name), st.frozensets(st.integers(0, space[name].levels - 1), min_size=1), st.booleans())

    clause = st.lists(st.sampled_from(names).flatmap(atom), min_size=1, max_size=3)
    return space, draw(st.lists(clause, min_size=1, max_size=3))


def holds(formula: Formula, space: hf.Space, config: dict) -> bool:
    def at(atom: Atom) -> bool:
        return space[atom.parent].raw(config[atom.parent]) in atom.levels if atom.parent in config else atom.inactive

    return any(all(map(at, clause)) for clause in formula)


def single_parent(formula: Formula, space: hf.Space) -> bool:
    """Whether one parent decides, the slow way: by every pair of configurations."""
    truths = [(config, holds(formula, space, config)) for config in enumerate_space(space)]
    if not any(truth for _, truth in truths):
        return False
    return all(truth for _, truth in truths) or any(
        all(name in config for config, truth in truths if truth)
        and all(
            truth == other_truth
            for config, truth in truths
            for other, other_truth in truths
            if name in config and name in other and identity(config[name]) == identity(other[name])
        )
        for name, p in space.parameters.items() if p.levels > 0
    )  # fmt: skip


@given(formulas())
def test_a_condition_holds_where_the_formula_does(case: tuple[hf.Space, Formula]) -> None:
    space, formula = case
    plain = {name: replace(p, condition=None) for name, p in space.parameters.items()}
    nested = {
        name: [[Atom(p.condition.parent, frozenset(int(space[p.condition.parent].raw(v)) for v in p.condition.values))]]
        for name, p in space.parameters.items() if p.condition is not None
    }  # fmt: skip
    words = dict.fromkeys([*plain, "child"], "(words)")
    try:
        made = with_conditions({"child": hf.Ordinal([1]), **plain}, {**nested, "child": formula}, words)
    except ValueError as error:
        assert not single_parent(formula, space)
        assert str(error).startswith("parameter 'child': its condition (words) ")
        return
    assert single_parent(formula, space)
    assert list(made) == ["child", *plain]
    for config in enumerate_space(hf.Space(made)):
        assert ("child" in config) == holds(formula, space, config), config


def test_values_that_are_not_mentioned() -> None:
    """An Int of a billion values: the levels of a condition that are named are listed, the others are not."""
    parents = {"n": hf.Int(0, 10**9), "q": PARENT}
    formulas = {"q": [[Atom("n", [7, 9])]], "c": [[Atom("q", [0, 1])], [Atom("q", [2])]]}
    made = with_conditions({**parents, "c": hf.Float(0, 1)}, formulas, dict.fromkeys("qc", ""))
    assert made["c"] == hf.Float(0, 1).when("n", [7, 9])
    outside = {"q": formulas["q"], "c": [[Atom("q", [], inactive=True)]]}   # n is none of the two
    with pytest.raises(ValueError, match=r"'c'.*1000000001 values of a parent, more than 100000"):
        with_conditions({**parents, "c": hf.Float(0, 1)}, outside, dict.fromkeys("qc", "is odd and"))


def test_what_cannot_be_said() -> None:
    parents = {"a": PARENT, "b": PARENT}
    both = [[Atom("a", [0]), Atom("b", [1])]]
    with pytest.raises(ValueError, match=r"parameter 'c': its condition a = 0 has no equivalent: .when\(\) says that one other"):
        with_conditions({**parents, "c": PARENT}, {"c": both}, {"c": "a = 0"})
    with pytest.raises(ValueError, match="parameter 'c': its condition x never holds"):
        with_conditions({**parents, "c": PARENT}, {"c": [[Atom("a", [0]), Atom("a", [1])]]}, {"c": "x"})
    with pytest.raises(ValueError, match=r"'c': its conditions form a circle \(c -> d -> c\)"):
        with_conditions({"c": PARENT, "d": PARENT}, {"c": [[Atom("d", [0])]], "d": [[Atom("c", [0])]]}, {"c": "", "d": ""})
    many = {f"p{i}": PARENT for i in range(30)}   # 2^30 combinations: given up
    with pytest.raises(ValueError, match=r"'c'.*has no equivalent"):
        with_conditions({**many, "c": PARENT}, {"c": [[Atom(name, [0]) for name in many]]}, {"c": "all"})


def test_values_keep_their_types() -> None:
    parents = {"choice": hf.Categorical([None, True, 1.5]), "step": hf.Float(0, 0.3, step=0.1), "int": hf.Int(-4, 4, step=2)}
    for name, p in parents.items():
        made = with_conditions({**parents, "c": PARENT}, {"c": [[Atom(name, range(1, p.levels))]]}, {"c": ""})
        assert made["c"] == PARENT.when(name, values_of(p)[1:])
        assert [type(v) for v in made["c"].condition.values] == [type(v) for v in values_of(p)[1:]]   # type: ignore[union-attr]
