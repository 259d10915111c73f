"""The benchmark's machinery: definitions, resumption, determinism, adapters. Not who wins."""

from __future__ import annotations

import importlib.util
import itertools
import json
import math

import numpy as np
import pytest

from benchmarks.quality import aggregate, peers, problems, regret, report, results, runner, worker
from benchmarks.quality.__main__ import main
from benchmarks.quality.problems.problem import Unavailable, pool
from benchmarks.quality.space import Categorical, Float, Int, Ordinal, Space
from benchmarks.quality.suites import SUITES, Block

TOY = Space(
    {
        "kind": Categorical(("a", "b", "c")),
        "lr": Float(1e-5, 1e-1, log=True),
        "share": Float(0.1, 1.0, step=0.1),
        "units": Int(8, 512, log=True),
        "batch": Ordinal((8, 16, 32)),
        "flag": Categorical((False, True)),
        "depth": Int(1, 9).when("kind", "a", "b"),
        "inner": Categorical(("x", "y")).when("kind", "b"),
        "leaf": Float(0.0, 1.0).when("inner", "y"),
    }
)
ADAPTERS = {
    "random": "numpy",
    "optuna:tpe": "optuna",
    "optuna:tpe-group": "optuna",
    "optuna:tpe-univariate": "optuna",
    "hyperopt:tpe": "hyperopt",
    "rustuna:tpe": "rustuna",
    "cmaes:box": "cmaes",
    "cmaes:catcmawm": "cmaes",
    "hpo_fast:random": "hpo_fast",
    "hpo_fast:sobol": "hpo_fast",
    "hpo_fast:tpe": "hpo_fast",
}
INSTALLED = [spec for spec, module in ADAPTERS.items() if importlib.util.find_spec(module)]


@pytest.fixture(scope="module", autouse=True)
def hosts():
    """Leave no process behind."""
    yield
    worker.close_hosts()


def toy_value(params):
    return math.log10(params["lr"]) ** 2 + params.get("depth", 5) + params.get("leaf", 0.5)


# --- spaces ---------------------------------------------------------------------------------


def test_every_sample_is_a_configuration_and_survives_encoding():
    rng = np.random.default_rng(0)
    for _ in range(300):
        params = TOY.sample(rng)
        TOY.check(params)
        assert ("depth" in params) == (params["kind"] != "c")
        assert ("leaf" in params) == (params.get("inner") == "y")
        row = TOY.encode(params)
        assert all(0.0 <= u <= 1.0 for u in row if not math.isnan(u))
        again = TOY.decode([0.5 if math.isnan(u) else u for u in row])
        assert again == pytest.approx(params) or again == {k: pytest.approx(v) if isinstance(v, float) else v for k, v in params.items()}


def test_finite_parameters_give_every_value_equal_mass():
    for param in (Float(0.1, 1.0, step=0.1), Int(0, 9), Ordinal(range(10)), Categorical(range(10))):
        values = [param.decode((i + 0.5) / 1000) for i in range(1000)]
        counts = np.unique(values, return_counts=True)[1]
        assert len(counts) == 10 and counts.min() >= 99 and counts.max() <= 101


def test_space_survives_json():
    assert Space.from_json(json.loads(json.dumps(TOY.to_json()))).params == TOY.params


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"x": Float(0, 1).when("y", 1)}, "parent 'y'"),
        ({"y": Categorical((1, 2)), "x": Float(0, 1).when("y", 3)}, "no value 3"),
    ],
)
def test_wrong_conditions_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        Space(params)


def test_check_names_what_does_not_exist():
    params = TOY.sample(np.random.default_rng(0))
    with pytest.raises(ValueError, match="outside its range"):
        TOY.check({**params, "lr": 2.0})
    with pytest.raises(ValueError, match="do not exist"):
        TOY.check({**params, "other": 1})


# --- regret ---------------------------------------------------------------------------------


def test_regret_is_zero_at_the_best_and_one_at_the_median():
    for score in ("linear", "log", "log1p"):
        reference = {"score": score, "best": 0.5, "median": 8.0}
        found = regret.normalised([0.5, 8.0, 0.1 if score != "log" else 0.4, 1e18, math.nan], reference)
        assert found == pytest.approx([0, 1, 0, 1, 1])
    linear = {"score": "linear", "best": 0.0, "median": 4.0}
    assert regret.normalised([1.0, 2.0], linear) == pytest.approx([0.25, 0.5])
    log = {"score": "log", "best": 1.0, "median": 100.0}
    assert regret.normalised([10.0], log) == pytest.approx([0.5])


def test_the_incumbent_is_chosen_by_what_was_observed():
    observed = [None, 3.0, 2.0, 2.5, 1.0, None]
    true = [None, 2.0, 2.6, 0.1, 2.2, None]
    found = regret.incumbents(observed, true)
    assert math.isnan(found[0])
    assert found[1:].tolist() == [2.0, 2.6, 2.6, 2.2, 2.2]


def test_a_run_that_stopped_early_keeps_its_incumbent():
    reference = {"score": "linear", "best": 0.0, "median": 4.0}
    run = {"values": [None, 2.0, 1.0]}
    assert regret.curve(run, reference, 5).tolist() == [1.0, 0.5, 0.25, 0.25, 0.25]
    assert regret.curve({"values": []}, reference, 2).tolist() == [1.0, 1.0]


# --- problems -------------------------------------------------------------------------------


def available():
    out = []
    for name in problems.names():
        try:
            problems.load(name)
        except Unavailable:
            continue
        out.append(name)
    return out


def test_problems_that_need_nothing_are_always_here():
    assert {"synthetic/branin", "synthetic/mixed-levy", "llm/simulated-large"} <= set(available())


@pytest.mark.parametrize("name", [n for n in available() if not n.startswith("sklearn")])
def test_problems_are_deterministic(name):
    problem = problems.load(name)
    configurations = [problem.space.sample(np.random.default_rng(i)) for i in range(8)]

    def play(seed):
        objective = problem.start(seed)
        return np.array([objective(c) for c in configurations])

    first = play(3)
    np.testing.assert_array_equal(first, play(3))
    assert not np.all(np.isnan(first))
    assert problem.source and problem.licence


def test_training_is_deterministic_and_cached(tmp_path, monkeypatch):
    from benchmarks.quality.problems import training

    cache = training.Cache(tmp_path / "cache.sqlite")
    monkeypatch.setattr(training, "_cache", lambda: cache)
    problem = training.PROBLEMS["sklearn/learner-wine"]()
    params = problem.space.sample(np.random.default_rng(1))
    first = problem.start(0)(params)
    monkeypatch.setattr(training, "_cross_validate", lambda *args: pytest.fail("not cached"))
    assert problem.start(1)(params) == first
    cache.db.close()


def test_noise_depends_on_seed_and_evaluation_only():
    problem = problems.load("llm/simulated-small")
    params = problem.space.sample(np.random.default_rng(0))
    objective = problem.start(0)
    values = [objective(params) for _ in range(6)]
    seen = [v for v, _ in values if not math.isnan(v)]
    assert len(set(seen)) == len(seen) > 1
    assert problem.start(1)(params) != values[0]


def test_synthetic_optima_are_where_they_should_be():
    from benchmarks.quality.problems import synthetic

    for name, loader in synthetic.PROBLEMS.items():
        problem = loader()
        if problem.best is None:
            continue
        objective = problem.start(0)
        rng = np.random.default_rng(0)
        values = [objective(problem.space.sample(rng))[0] for _ in range(500)]
        assert problem.best < min(values), name
        arguments = loader.args
        _, optimum = synthetic.placed(name, *arguments[1:4])
        assert np.all(np.abs(optimum) >= 0.15) and np.all(np.abs(optimum) <= 0.7)
        at = dict(zip(problem.space.params, optimum.tolist(), strict=True))
        assert objective(at)[0] == pytest.approx(problem.best, abs=1e-9)


def test_a_pool_uses_every_point_once():
    space = Space({"x": Float(0.0, 1.0), "c": Categorical(("a", "b"))})
    rows = [{"x": x, "c": c} for x in (0.0, 0.5, 1.0) for c in ("a", "b")]
    start = pool(space, rows, np.arange(6.0))
    objective = start(0)
    asked = [objective({"x": 0.1, "c": "a"})[0] for _ in range(6)]
    assert asked == [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]
    assert start(0)({"x": 0.1, "c": "a"}) == (0.0, 0.0)


def test_halves_alternate_inside_families():
    for family in {n.split("/")[0] for n in problems.names()}:
        halves = [problems.half(n) for n in problems.names() if n.split("/")[0] == family]
        assert all(a != b for a, b in itertools.pairwise(halves))
    counts = [sum(problems.half(n) == h for n in problems.names()) for h in ("choose", "confirm")]
    assert abs(counts[0] - counts[1]) <= 4


def test_missing_data_are_explained(monkeypatch, tmp_path):
    monkeypatch.setenv("HPO_FAST_BENCH_DATA", str(tmp_path))
    with pytest.raises(Unavailable, match="HPO_FAST_BENCH_DATA"):
        problems.LOADERS["taskset/patch32_LSTM128_bs128"]()


def test_every_kept_reference_is_of_a_problem():
    kept = regret.load()
    assert set(kept) <= set(problems.names())
    for name, reference in kept.items():
        low, high = regret.scaled([reference["best"], reference["median"]], reference["score"], reference["best"])
        assert low < high, name


# --- peers ----------------------------------------------------------------------------------


def test_the_peers_of_the_test_environment_are_covered():
    assert {"random", "optuna:tpe", "optuna:tpe-univariate"} <= set(INSTALLED)


@pytest.mark.parametrize("spec", INSTALLED)
def test_a_peer_suggests_configurations_of_a_conditional_space(spec):
    peer = peers.make(peers.parse(spec), TOY, 1, 8)
    seen = []
    for i in range(8):
        params = json.loads(json.dumps(peer.ask(), default=lambda o: o.item()))
        TOY.check(params)
        seen.append(json.dumps(params))
        peer.tell(params, math.nan if i == 1 else toy_value(params))
    again = peers.make(peers.parse(spec), TOY, 1, 8)
    assert json.dumps(again.ask(), default=lambda o: o.item()) == seen[0]
    assert len(set(seen)) > 4


def test_specifications_are_parsed_and_canonical():
    spec = peers.parse("hpo_fast:tpe?prior_weight=1.5&n_startup=20&mode=abc")
    assert spec.options == {"prior_weight": 1.5, "n_startup": 20, "mode": "abc"}
    assert str(spec) == "hpo_fast:tpe?mode=abc&n_startup=20&prior_weight=1.5"
    assert peers.parse(str(spec)) == spec
    assert str(peers.parse("optuna")) == "optuna:tpe"
    for wrong, message in (
        ("nobody", "no peer named"),
        ("optuna:bad", "no variant"),
        ("optuna:tpe?x", "needs a value"),
    ):
        with pytest.raises(ValueError, match=message):
            peers.parse(wrong)


# --- running --------------------------------------------------------------------------------


def smoke(folder, *more):
    return main(
        ["run", "--suite", "smoke", "--peers", "random,optuna:tpe", "--problems", "synthetic/branin",
         "--seeds", "2", "--budget", "12", "--results", str(folder), "--quiet", *more]
    )  # fmt: skip


def test_a_killed_run_continues(tmp_path, capsys):
    file = tmp_path / "smoke.jsonl"
    assert smoke(tmp_path) == 0
    whole = results.read(file)
    assert len(whole) == 4 and all(r["status"] == "ok" and len(r["values"]) == 12 for r in whole)
    assert all(len(r["seconds"]) == 2 and min(r["seconds"]) > 0 for r in whole)

    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:2]) + lines[2][:40])  # killed while writing
    assert len(results.read(file)) == 2
    assert smoke(tmp_path) == 0
    assert "2 already in" in capsys.readouterr().err
    again = results.read(file)
    assert len(again) == 4

    def values(runs):
        return sorted((r["peer"], r["seed"], r["values"]) for r in runs)

    assert values(again) == values(whole)
    assert smoke(tmp_path) == 0
    assert "4 already in" in capsys.readouterr().err

    text = report.write([tmp_path], tmp_path / "out", plots=False)
    assert "`optuna:tpe`" in text and (tmp_path / "out" / "report.md").exists()


def test_a_larger_budget_runs_again(tmp_path):
    task = worker.Task("synthetic/branin", "1", "random", "1", 0, 5)
    results.append(tmp_path / "r.jsonl", {**vars(task), "status": "ok", "values": [1.0] * 5, "seconds": []})
    longer = worker.Task("synthetic/branin", "1", "random", "1", 0, 6)
    assert runner.pending([task], tmp_path / "r.jsonl", False) == []
    assert runner.pending([longer], tmp_path / "r.jsonl", False) == [longer]


def test_failures_are_recorded_and_retried_on_request(tmp_path):
    task = worker.Task("synthetic/branin", "1", "optuna:tpe?nonsense=1", "5", 0, 5)
    run = worker.run(task, 60)
    assert run["status"] == "error" and "nonsense" in run["message"]
    results.append(tmp_path / "r.jsonl", run)
    assert runner.pending([task], tmp_path / "r.jsonl", False) == []
    assert runner.pending([task], tmp_path / "r.jsonl", True) == [task]


def test_the_time_limit_ends_a_run_and_keeps_its_values():
    task = worker.Task("synthetic/branin", "1", "optuna:tpe", "5", 0, 10_000)
    run = worker.run(task, 1.5)
    assert run["status"] == "timeout" and 0 < len(run["values"]) < 10_000
    assert worker.run(worker.Task("synthetic/branin", "1", "random", "1", 0, 3), 60)["status"] == "ok"


def test_a_broken_line_is_named(tmp_path):
    file = tmp_path / "r.jsonl"
    file.write_text('{"oops": 1}\n{"oops": 2}\n')
    with pytest.raises(ValueError, match="line 1"):
        results.read(file)


def test_missing_peers_and_problems_are_explained(tmp_path, capsys):
    assert main(["run", "--peers", "nobody", "--results", str(tmp_path)]) == 2
    assert "no peer named 'nobody'" in capsys.readouterr().err
    assert main(["run", "--problems", "nothing/*", "--results", str(tmp_path)]) == 2
    assert "no problem matches" in capsys.readouterr().err
    assert main(["report", "--results", str(tmp_path / "absent")]) == 2
    assert "no results at" in capsys.readouterr().err


def test_suites_name_problems_and_peers_that_exist():
    for blocks in SUITES.values():
        for block in blocks:
            assert problems.select(list(block.problems))
            assert all(peers.parse(p) for p in block.peers)
    assert len(problems.select(list(SUITES["standard"][0].problems))) >= 30


def test_plans_go_seed_by_seed():
    tasks = runner.plan([Block(("random",), ("synthetic/*",), 3, 10)], None, required=True)
    assert [t.seed for t in tasks] == sorted(t.seed for t in tasks)
    assert len({results.key(vars(t)) for t in tasks}) == len(tasks)


# --- aggregation ----------------------------------------------------------------------------


def fake(peer, problem, seed, value, budget=200):
    return {"problem": problem, "problem_version": regret.load()[problem]["version"], "peer": peer,
            "version": "1", "seed": seed, "budget": budget, "status": "ok",
            "values": [value] * budget, "seconds": [0.01] * (budget // 10)}  # fmt: skip


def test_ranks_means_and_factors_of_known_runs():
    kept = regret.load()
    names = ["synthetic/branin", "synthetic/hartmann6"]
    runs = []
    for name in names:
        best, median = kept[name]["best"], kept[name]["median"]
        for seed in range(3):
            runs.append(fake("random", name, seed, median))
            runs.append(fake("cmaes:box", name, seed, best))
    matrix = aggregate.build(runs)
    assert aggregate.ranks(matrix, 100) == {"random": 2.0, "cmaes:box": 1.0}
    assert aggregate.means(matrix, 50)["cmaes:box"] == pytest.approx((0, 0, 0), abs=1e-9)
    assert aggregate.means(matrix, 50)["random"] == pytest.approx((1, 1, 1))
    assert aggregate.differences(matrix, 50, "random")["cmaes:box"] == pytest.approx((-1, -1, -1))
    assert aggregate.factors(matrix)["cmaes:box"] == (pytest.approx(200), 2, 2)
    assert aggregate.suggestion_seconds(matrix)["random"][0] == pytest.approx(0.001)
    # a peer with a smaller budget is compared where it was run, and not beyond
    matrix = aggregate.build([*runs, fake("rustuna:tpe", names[0], 0, kept[names[0]]["best"], 100)])
    assert matrix.common(100) == (["random", "cmaes:box", "rustuna:tpe"], [names[0]])
    assert matrix.common(200) == (["random", "cmaes:box"], names)
