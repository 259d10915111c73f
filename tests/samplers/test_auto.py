"""The table of Auto: which model when."""

import numpy as np
import pytest

import hpo_fast
import hpo_fast as hf
import hpo_fast.samplers.gp
from hpo_fast.samplers import GP, TPE, Auto

SPACE = hf.Space({"x": hf.Float(-1, 1), "c": hf.Categorical(["a", "b"])})


def fn(p):
    return sum(v == "a" if isinstance(v, str) else v**2 for v in p.values())


def run(n, sampler, batch=1, space=SPACE):
    opt = hf.Optimizer(space, sampler, seed=2)
    while len(opt.history) < n:
        trials = opt.ask(batch)
        opt.tell(trials, [fn(t.params) for t in trials])
    return opt


WIDE = hf.Space({f"x{i}": hf.Float(-1, 1) for i in range(81)})


def models(values, n=60, space=SPACE):
    """Which model proposes each of n trials."""
    opt = hf.Optimizer(space, Auto(n_startup=5, gp_until=40), seed=0)
    out = []
    for i in range(n):
        t = opt.ask()
        out.append(t.info.model)
        opt.tell(t, values(i, t.params))
    return out


@pytest.mark.parametrize("skill", [0.9, 0.2, 0.19, -3.0])
def test_the_table(monkeypatch, skill):
    monkeypatch.setattr(hpo_fast.samplers.gp.GPEngine, "skill", lambda self: skill)
    out = models(lambda i, p: fn(p))
    assert out[:10] == ["sobol"] * 5 + ["gp"] * 5
    assert out[10:41] == ["gp" if skill >= 0.2 else "tpe"] * 31
    assert out[41:] == ["tpe"] * 19


def test_tpe_has_every_third_trial_of_wide_spaces(monkeypatch):
    monkeypatch.setattr(hpo_fast.samplers.gp.GPEngine, "skill", lambda self: 0.9)
    out = models(lambda i, p: sum(v**2 for v in p.values()), 42, WIDE)
    assert out == ["sobol"] * 5 + ["tpe" if i % 3 == 2 else "gp" for i in range(5, 41)] + ["tpe"]


def test_the_gp_has_what_it_predicts_and_tpe_what_it_does_not():
    rng = np.random.default_rng(0)
    smooth, rough = models(lambda i, p: fn(p), 25), models(lambda i, p: rng.random(), 25)
    assert smooth[5:] == ["gp"] * 20
    assert rough[10:].count("tpe") >= 10


def test_where_the_gp_cannot_be_factored_tpe_is_asked(monkeypatch):
    def fails(self):
        raise hpo_fast._core.NotPositiveDefinite("no")

    monkeypatch.setattr(hpo_fast.samplers.gp.GPEngine, "skill", fails)
    opt = run(12, Auto(n_startup=5))
    info = opt.ask().info
    assert info.model == "tpe" and info.reason.endswith("no Gaussian process: no")
    monkeypatch.setattr(hpo_fast.samplers.gp.GPEngine, "skill", lambda self: 0.123)
    assert run(12, Auto(n_startup=5)).ask().info.reason.endswith("the Gaussian process predicts 0.12 of the variance")


def test_a_plateau_is_searched_evenly_and_one_with_failures_by_tpe():
    for value in (0.0, None):
        assert set(models(lambda i, p: value, n=60)) == {"sobol"}   # noqa: B023 (called at once)
        assert set(models(lambda i, p: value, n=20, space=WIDE)) == {"sobol"}   # noqa: B023
    assert set(models(lambda i, p: 0.0 if p["x"] < 0 else None, n=39)[10:]) == {"tpe"}


def test_it_asks_what_its_models_would():
    for n, other in ((15, GP()), (1005, TPE())):
        X = SPACE.sample(n, seed=1)
        y = X[:, 0]
        np.testing.assert_array_equal(hf.suggest(SPACE, X, y, sampler="auto"), hf.suggest(SPACE, X, y, sampler=other))


@pytest.mark.parametrize("space", [SPACE, WIDE])
@pytest.mark.parametrize("batch", [2, 5])
def test_a_batch_is_what_single_asks_give(batch, space):
    opt, other = run(60, "auto", space=space), run(60, "auto", space=space)
    together = opt.ask(batch)
    single = [other.ask() for _ in range(batch)]
    assert [t.params for t in together] == [t.params for t in single]
    assert [t.info for t in together] == [t.info for t in single]


@pytest.mark.parametrize("n_constants", [0, 80])   # a narrow space and a wide one
def test_a_batch_beyond_the_end_of_the_space_gives_what_is_left(n_constants):
    space = hf.Space({"n": hf.Int(0, 35)} | {f"c{i}": hf.Categorical(["only"]) for i in range(n_constants)})
    opt = hf.Optimizer(space, Auto(n_startup=5), seed=0)
    for _ in range(33):
        t = opt.ask()
        opt.tell(t, t["n"])
    assert len(opt.ask(10)) == 3
    with pytest.raises(hf.SpaceExhausted):
        opt.ask()


def test_a_batch_of_which_a_part_is_infeasible_gives_the_other(monkeypatch):
    monkeypatch.setattr(hpo_fast.samplers.gp.GPEngine, "skill", lambda self: 0.9)
    opt, other = (run(21, Auto(n_startup=5), space=WIDE) for _ in range(2))
    suggest = hpo_fast.samplers.tpe.TPEEngine.suggest

    def fails(self, n, number, pending, seen):
        if number > 23:
            raise hf.Infeasible("no more")
        return suggest(self, n, number, pending, seen)

    monkeypatch.setattr(hpo_fast.samplers.tpe.TPEEngine, "suggest", fails)
    made = opt.ask(9)
    assert [t.params for t in made] == [other.ask().params for _ in range(5)] and len(opt.pending) == 5


def test_wrong_options():
    with pytest.raises(ValueError, match="gp_until=-1"):
        Auto(gp_until=-1)
    with pytest.raises(TypeError, match="n_startup='a'"):
        Auto(n_startup="a")
