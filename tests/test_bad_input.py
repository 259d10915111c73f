"""A walk through the public API with wrong types, shapes, NaN, huge and empty inputs.

Whatever comes in: it works, or it is a ValueError or TypeError that says something; never another exception, never a crash,
and an optimizer is as it was.
"""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import hpo_fast as hf

# NumPy before 2.4 has an index in np.True_.
pytestmark = pytest.mark.filterwarnings("ignore:In future, it will be an error for 'np.bool' scalars:DeprecationWarning")

JUNK = [
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    2**64,
    -(2**70),
    10**400,
    0.5,
    -0.0,
    math.nan,
    math.inf,
    -math.inf,
    5e-324,
    1e308,
    1j,
    "",
    "x",
    "\x00",
    "é" * 1000,
    b"",
    b"x",
    (),
    (1,),
    (None,),
    [],
    [None],
    [[]],
    [[[]]],
    {},
    {"x": None},
    {"x": math.nan},
    {1: 2},
    {"": 1},
    set(),
    frozenset(),
    range(0),
    object(),
    int,
    len,
    lambda: None,
    ...,
    np.array([]),
    np.array(1.0),
    np.array([np.nan]),
    np.zeros((0, 0)),
    np.zeros((0, 3)),
    np.zeros((3, 0)),
    np.zeros((2, 3)),
    np.full((2, 3), np.nan),
    np.full((2, 3), 1e300),
    np.zeros((2, 3, 4)),
    np.array(["a"]),
    np.array([None]),
    np.zeros(3, dtype=complex),
    np.datetime64("NaT", "s"),
    np.float32("nan"),
    np.int8(3),
    np.bool_(True),
    np.array([[0.5, 0.0, np.nan]]),
    [{"x": 0.5}, 3],
    {"x": 0.5, "c": "a", "y": [1]},
]

ALLOWED = (ValueError, TypeError, hf.Infeasible, hf.SpaceExhausted)


def attempt(call, *args, **kwargs):
    """Call; allowed errors must say something. Returns whether it went through."""
    try:
        call(*args, **kwargs)
    except KeyError as error:  # what looking up by name raises
        assert "getitem" in getattr(call, "__name__", "")
        assert str(error)
        return False
    except ALLOWED as error:
        assert str(error).strip(), (call, args, kwargs)
        return False
    return True


def space():
    return hf.Space({"x": hf.Float(0, 1), "c": hf.Categorical(["a", "b"]), "y": hf.Int(1, 3).when("c", "b")})


def optimizer():
    opt = hf.Optimizer(space(), seed=1)
    for _ in range(12):
        trial = opt.ask()
        opt.tell(trial, trial["x"])
    opt.ask(3)
    return opt


CONSTRUCTORS = {
    "Float": (hf.Float, {"low": 0.0, "high": 1.0, "log": False, "step": None, "default": None}),
    "Int": (hf.Int, {"low": 0, "high": 8, "log": False, "step": 1, "default": None}),
    "Categorical": (hf.Categorical, {"choices": [1, 2], "default": 1}),
    "Ordinal": (hf.Ordinal, {"choices": [1, 2], "default": 1}),
    "Space": (hf.Space, {"parameters": {"x": hf.Float(0, 1)}}),
    "History": (hf.History, {"space": space()}),
    "Optimizer": (hf.Optimizer, {"space": space(), "sampler": "tpe", "direction": "minimize", "seed": 0, "threads": 1}),
    "minimize": (
        hf.minimize,
        {
            "fn": lambda p: p["x"],
            "space": space(),
            "n_trials": 3,
            "sampler": "tpe",
            "seed": 0,
            "direction": "minimize",
            "n_jobs": 1,
            "timeout": 60,
            "callbacks": [],
            "catch": (),
        },
    ),
    "Grid": (hf.Grid, {"space": space(), "resolution": 3, "where": lambda p: p.x < 2}),
    "Uniform": (hf.Uniform, {"space": space(), "n": 5, "seed": 0}),
    "Sobol": (hf.Sobol, {"space": space(), "n": 5, "seed": 0}),
    "samplers.make": (hf.samplers.make, {"sampler": "tpe", "options": {}}),
    "suggest": (
        hf.suggest,
        {
            "space": space(), "X": space().sample(3, seed=0), "y": np.arange(3.0), "pending": space().sample(1, seed=9), "n": 1,
            "sampler": "tpe", "seed": 0, "direction": "minimize", "threads": 1,
        },
    ),
    "surrogate": (
        hf.surrogate,
        {"space": space(), "X": space().sample(3, seed=0), "y": np.arange(3.0), "sampler": None, "direction": "minimize", "threads": 1},
    ),
    "Normal": (hf.Normal, {"mean": 0.0, "std": 1.0}),
    "LogNormal": (hf.LogNormal, {"median": 1.0, "sigma": 0.5}),
    "Beta": (hf.Beta, {"alpha": 2.0, "beta": 3.0}),
    "scan": (
        hf.scan,
        {
            "stream": hf.Grid(space(), 3), "score": None, "on": "config", "where": None, "top": 2, "minimize": True, "threads": 1, "start": 0,
            "progress": None, "executor": None, "shards": None,
        },
    ),
    "count": (hf.count, {"stream": hf.Grid(space(), 3), "where": None, "threads": 1}),
    "feasible_fraction": (hf.feasible_fraction, {"space": space(), "n": 10, "seed": 0, "threads": 1}),
    "samplers.TPE": (hf.samplers.TPE, hf.samplers.TPE().options()),
    "samplers.GP": (hf.samplers.GP, hf.samplers.GP().options()),
    "samplers.Auto": (hf.samplers.Auto, hf.samplers.Auto().options()),
    "samplers.Random": (hf.samplers.Random, {}),
    "samplers.Sobol": (hf.samplers.Sobol, {}),
    "samplers.Grid": (hf.samplers.Grid, hf.samplers.Grid().options()),
    "samplers.names": (hf.samplers.names, {}),
}

PLAIN_RECORDS = {"Trial", "TrialInfo", "Result", "ScanResult", "Surrogate", "DensityRatio"}
"""What the package makes and people only read."""


def test_every_public_name_is_walked():
    public = {
        n
        for n in hf.__all__
        if callable(getattr(hf, n)) and not (isinstance(getattr(hf, n), type) and issubclass(getattr(hf, n), Exception))
    }
    assert public == {n for n in CONSTRUCTORS if "." not in n} | PLAIN_RECORDS
    protocols = {"Engine", "Sampler", "TrialInfo"}
    assert set(hf.samplers.__all__) == {n.split(".")[1] for n in CONSTRUCTORS if "." in n} | protocols


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_constructors_and_functions(name):
    call, good = CONSTRUCTORS[name]
    assert attempt(call, **good)
    with pytest.raises(TypeError):
        call(**good, no_such_argument=1)
    for argument in good:
        refused = 0
        for junk in JUNK:
            if (name, argument) in (("minimize", "n_trials"), ("feasible_fraction", "n")) and isinstance(junk, int) and junk > 1000:
                continue  # that many trials of a continuous space, or points, are a fair wish
            refused += not attempt(call, **{**good, argument: junk})
        assert refused > 0 or (name == "samplers.TPE" and argument in ("multivariate", "recency", "rank_weights")), argument


SPACE_METHODS = {
    "decode": 1,
    "columns": 1,
    "params": 0,
    "read": 0,
    "feasible": 1,
    "encode": 1,
    "encode_partial": 1,
    "validate": 1,
    "check_feasible": 0,
    "sample": 1,
    "derive": 2,
    "require": 1,
    "compile": 0,
    "native": 0,
    "to_dict": 0,
    "from_dict": 1,
    "from_optuna": 1,
    "to_optuna": 0,
    "from_configspace": 1,
    "to_configspace": 0,
    "from_hyperopt": 1,
    "to_hyperopt": 0,
    "to_hyperopt_point": 1,
}


def test_every_method_of_a_space_is_walked():
    methods = {n for n, m in inspect.getmembers(hf.Space) if not n.startswith("_") and callable(m)}
    assert methods == set(SPACE_METHODS)


@pytest.mark.parametrize("name", [n for n, arity in SPACE_METHODS.items() if arity])
def test_methods_of_a_space(name):
    s = space()
    before = (repr(s), s.fingerprint)
    refused = 0
    for junk in JUNK:
        if name == "sample" and isinstance(junk, int) and junk == 2**31:
            continue  # two thousand million rows: only memory is against it
        arguments = (junk, lambda p: 1) if name == "derive" else (junk,)
        refused += not attempt(getattr(s, name), *arguments)
        if name == "derive":
            refused += not attempt(s.derive, "new", junk)
        if name in ("derive", "require"):
            refused += not attempt(getattr(s, name), *("new", lambda p: 1)[name == "require" :], vectorized=junk)
        if name == "sample":
            for option in ("seed", "first", "threads"):
                refused += not attempt(s.sample, 3, **{option: junk})
        if name == "from_dict":
            for argument in ("derived", "requirements"):
                refused += not attempt(hf.Space.from_dict, s.to_dict(), **{argument: junk})
        if name in ("encode", "encode_partial", "validate", "to_hyperopt_point"):
            for parameter in ("x", "c", "y"):
                params = {"x": 0.5, "c": "b", "y": 2, parameter: junk}
                refused += not attempt(getattr(s, name), [params] if name == "encode" else params)
    assert refused > len(JUNK) / 2
    assert (repr(s), s.fingerprint) == before


@pytest.mark.parametrize("stream", [hf.Grid(space(), 3), hf.Uniform(space(), 9), hf.Sobol(space(), 9)], ids=repr)
def test_methods_of_a_stream(stream):
    calls = {
        "getitem": stream.__getitem__,
        "slice": lambda junk: stream[junk:junk:junk],
        "rows": stream.rows,
        "columns": stream.columns,
        "indices": stream.indices,
        "threads": lambda junk: stream.rows(threads=junk),
        "shuffled": stream.shuffled,
        "k": lambda junk: stream.shard(junk, 2),
        "of": lambda junk: stream.shard(0, junk),
    }
    if isinstance(stream, hf.Grid):
        calls["index"] = stream.index
    for name, call in calls.items():
        refused = 0
        for junk in JUNK:
            try:
                refused += not attempt(call, junk)
            except IndexError as error:
                assert str(error)
                refused += 1
        assert refused > len(JUNK) / 2, name


@pytest.mark.parametrize("name", ["x", "c", "y", "new"])
def test_conditions(name):
    for junk in JUNK:
        attempt(hf.Int(0, 1).when, "c", junk)
        attempt(hf.Int(0, 1).when, junk, 1)
        try:
            child = hf.Int(0, 1).when(name, junk)
        except ALLOWED:
            continue
        attempt(hf.Space, {**space().parameters, "child": child})


OPTIMIZER_METHODS = {"ask", "tell", "forget", "add", "enqueue", "to_bytes", "from_bytes"}


def test_every_method_of_an_optimizer_is_walked():
    methods = {n for n, m in inspect.getmembers(hf.Optimizer) if not n.startswith("_") and callable(m)}
    assert methods == OPTIMIZER_METHODS


@pytest.mark.parametrize("junk", JUNK, ids=lambda j: repr(j)[:25].replace("\x00", "0"))
def test_methods_of_an_optimizer(junk):
    opt = optimizer()
    pending = opt.pending
    params = {"x": 0.5, "c": "b", "y": 2}
    calls = [
        lambda: opt.ask(junk) if junk is not None and type(junk) is not np.int8 else junk._no,
        lambda: opt.tell(junk, 1.0),
        lambda: opt.tell([junk], [1.0]),
        lambda: opt.tell(pending, junk),
        lambda: opt.tell(pending, [1.0, 2.0, "bad"]),
        lambda: opt.tell([pending[0], junk], [1.0, 2.0]),
        lambda: opt.forget(junk),
        lambda: opt.add(junk, 1.0),
        lambda: opt.add({**params, "no": junk}, 1.0),
        lambda: opt.add({"c": "b", "y": 2}, junk),
        lambda: opt.enqueue(junk) if not (isinstance(junk, dict) and not junk) else junk._no,
        lambda: opt.enqueue({"no": junk}),
        lambda: hf.Optimizer.from_bytes(junk, opt.to_bytes()),
        lambda: hf.Optimizer.from_bytes(space(), junk),
    ]
    before = opt.to_bytes()
    for i, call in enumerate(calls):
        try:
            call()
        except AttributeError as error:
            assert "_no" in str(error), i
        except ALLOWED as error:
            assert str(error).strip(), i
            assert opt.to_bytes() == before, i
        else:
            raise AssertionError(f"call {i} took {junk!r}")
    for i, call in enumerate(
        [lambda: opt.tell(pending[0], junk), lambda: opt.add(params, junk), lambda: opt.add({**params, "x": junk}, 1.0)]
    ):
        before = opt.to_bytes()
        told = len(opt.history)
        assert attempt(call) == (len(opt.history) == told + 1), i
        assert (opt.to_bytes() == before) == (len(opt.history) == told), i
    opt.ask()


@pytest.mark.parametrize("junk", JUNK, ids=lambda j: repr(j)[:25].replace("\x00", "0"))
def test_samplers_of_an_optimizer_restored(junk):
    data = optimizer().to_bytes()
    if junk is None:
        hf.Optimizer.from_bytes(space(), data, sampler=None)
    else:
        assert not attempt(hf.Optimizer.from_bytes, space(), data, sampler=junk)


@pytest.mark.parametrize("method", ["tell", "log_ratio"])
def test_engines_refuse_wrong_shapes(method):
    engine = hf.samplers.TPE().start(space(), 0, 1)
    arguments = (np.zeros(2),) if method == "tell" else ()
    for rows in (np.zeros((2, 2)), np.zeros((2, 4)), np.zeros(3), np.zeros((2, 3, 1))):
        with pytest.raises((ValueError, TypeError), match="rows"):
            getattr(engine, method)(rows, *arguments)


def test_functions_that_return_or_raise_anything():
    for junk in JUNK:
        attempt(space().require(lambda p, junk=junk: junk).feasible, space().sample(2))
        attempt(space().derive("d", lambda p, junk=junk: junk).decode, space().sample(2))
        attempt(space().derive("d", lambda p, junk=junk: junk).columns, space().sample(3))
