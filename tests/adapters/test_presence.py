"""Groups and trees against their definitions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hpo_fast.adapters.presence import Presence, Tree

NAMES = "abcdef"
TRIALS = st.lists(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2), min_size=1), max_size=12)


def presence(trials: list[dict[str, int]]) -> Presence:
    seen = Presence()
    for trial in trials:
        seen.add(frozenset(trial), trial)
    return seen


@given(TRIALS)
def test_a_group_is_what_always_appears_together(trials: list[dict[str, int]]) -> None:
    groups = presence(trials).groups
    names = {name for trial in trials for name in trial}
    assert sorted(name for group in groups for name in group) == sorted(names)
    for a in names:
        for b in names:
            together = all((a in trial) == (b in trial) for trial in trials)
            assert together == any(a in group and b in group for group in groups)


@given(TRIALS, st.sets(st.sampled_from(NAMES)))
def test_trees_part_the_names_and_conditions_hold_in_every_trial(trials: list[dict[str, int]], wanted: set[str]) -> None:
    forest = presence(trials).forest(wanted)
    assert sorted(name for tree in forest for name in tree.names) == sorted(wanted)
    for tree in forest:
        for name, (parent, levels) in tree.conditions.items():
            assert name != parent and {name, parent} <= set(tree.names)
            assert all((name in trial) == (trial.get(parent) in levels) for trial in trials)
            assert any(name in trial for trial in trials)


@given(TRIALS, st.randoms())
def test_the_order_of_trials_does_not_matter(trials: list[dict[str, int]], random: object) -> None:
    before = presence(trials).forest(NAMES)
    random.shuffle(trials)
    assert sorted(presence(trials).forest(NAMES)) == sorted(before)


def test_chains_of_conditions_are_one_tree() -> None:
    seen = presence([{"model": 0, "lr": 7, "depth": 1}, {"model": 1, "lr": 7, "layers": 1}, {"model": 1, "lr": 8, "layers": 2, "units": 5}])
    conditions = {"depth": ("model", (0,)), "layers": ("model", (1,)), "units": ("layers", (2,))}
    assert seen.forest(["model", "lr", "depth", "layers", "units"]) == [Tree(("depth", "layers", "lr", "model", "units"), conditions)]


def test_of_several_explanations_the_one_with_fewest_levels() -> None:
    seen = presence([{"k": 0, "model": 0, "x": 0}, {"k": 1, "model": 0, "x": 1}, {"k": 2, "model": 1}])
    assert seen.forest(["k", "model", "x"])[0].conditions["x"] == ("model", (0,))


def test_a_contradicted_guess_is_given_up() -> None:
    seen = presence([{"model": 0, "x": 5}, {"model": 1}])
    assert len(seen.forest(["model", "x"])) == 1
    seen.add(frozenset({"model", "x"}), {"model": 1})
    assert seen.forest(["model", "x"]) == [Tree(("model",), {}), Tree(("x",), {})]


def test_without_its_parent_a_group_is_a_tree_of_its_own() -> None:
    seen = presence([{"model": 0, "x": 5}, {"model": 1}])
    assert seen.forest(["x", "new"]) == [Tree(("x",), {}), Tree(("new",), {})]


def test_forgotten_levels_explain_nothing() -> None:
    seen = presence([{"model": 0, "x": 5}, {"model": 1}])
    seen.forget("model")
    assert len(seen.forest(["model", "x"])) == 2
