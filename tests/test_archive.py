"""Saved optimizers: that they continue bit for bit, and that bytes which are no saved optimizer are refused."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from searches import SAMPLERS, asked, loss, mixed, run

import hpo_fast as hf


def odd(p):
    return p.a % 2 == 1


@pytest.mark.parametrize(
    "restore", [lambda o: hf.Optimizer.from_bytes(o.space, o.to_bytes()), lambda o: pickle.loads(pickle.dumps(o))], ids=["bytes", "pickle"]
)
@pytest.mark.parametrize("sampler", [*SAMPLERS, hf.samplers.TPE(multivariate=False, n_startup=3)], ids=[*SAMPLERS, "independent"])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_restored_optimizers_continue_bit_for_bit(restore, sampler, direction):
    space = hf.Space({**mixed().parameters, "a": hf.Int(0, 9, default=3)}).require(odd)
    opt = hf.Optimizer(space, sampler, direction, seed=11)
    rng = np.random.default_rng(0)
    for step in range(40):
        if step % 3 == 0:
            twin = restore(opt)
            assert twin.to_bytes() == opt.to_bytes()
            assert asked(twin.pending) == asked(opt.pending)
            assert (twin.n_trials, twin.n_failed, twin.seed, twin.direction) == (opt.n_trials, opt.n_failed, opt.seed, opt.direction)
            assert asked(twin.ask(3)) == asked(opt.ask(3))
            opt = restore(opt) if step % 2 else opt
        if step % 7 == 0:
            opt.enqueue({"n": 1 + step})
        if step % 9 == 0:
            opt.add({"x": 0.1, "lr": 1e-3, "n": 7, "c": "a", "a": 2}, float(step))
        pending = opt.pending
        if step % 5 == 0 and pending:
            opt.forget(pending[-1])
        for trial in pending[: rng.integers(0, 3)]:
            opt.tell(trial, None if rng.random() < 0.2 else loss(trial.params))
        opt.ask()
    assert len(opt.history) > 20


def test_restored_optimizers_keep_enqueued_configurations():
    opt = hf.Optimizer(mixed())
    opt.enqueue({"n": 3})
    opt.enqueue({"n": 4})
    opt.ask()
    twin = hf.Optimizer.from_bytes(mixed(), opt.to_bytes())
    assert not twin.enqueue({"n": 3})
    assert not twin.enqueue({"n": 4})
    assert twin.ask()["n"] == 4


def test_restore_with_another_sampler():
    opt = run(hf.Optimizer(mixed(), "random"), 12)
    assert hf.Optimizer.from_bytes(mixed(), opt.to_bytes(), sampler="tpe").ask().info.model == "tpe"
    assert hf.Optimizer.from_bytes(mixed(), bytearray(opt.to_bytes())).sampler == hf.samplers.Random()


def test_bytes_of_other_spaces():
    data = run(hf.Optimizer(mixed()), 3).to_bytes()
    parameters = dict(mixed().parameters)
    for change in (
        {"x": hf.Float(-1, 2)},
        {"c": hf.Categorical(["a", None, "b"])},
        {"z": hf.Int(0, 1)},
        {"k": hf.Int(0, 4).when("c", "b")},
    ):
        with pytest.raises(ValueError, match="another space"):
            hf.Optimizer.from_bytes(hf.Space({**parameters, **change}), data)
    with pytest.raises(ValueError, match="another space"):
        hf.Optimizer.from_bytes(hf.Space(dict(reversed(parameters.items()))), data)


def test_damaged_bytes_are_a_value_error_or_harmless():
    opt = run(hf.Optimizer(mixed(), seed=5), 12)
    opt.ask(2)
    opt.enqueue({"n": 4})
    data = opt.to_bytes()
    rng = np.random.default_rng(0)
    damaged = [b"", b"x", b"PK", data[:100], data[:-1], data[: len(data) // 2], data[100:], pickle.dumps(3)]
    for position in rng.integers(0, len(data), 400):
        flipped = bytearray(data)
        flipped[position] ^= 1 << rng.integers(0, 8)
        damaged.append(bytes(flipped))
    refused = 0
    for d in damaged:
        try:
            twin = hf.Optimizer.from_bytes(mixed(), d)
        except ValueError:
            refused += 1
        else:  # a bit that means nothing, such as a date in the archive
            assert twin.to_bytes() == data
    assert refused > len(damaged) / 2


@pytest.mark.parametrize(
    "missing", ["meta", "states", "numbers", "rows", "values", "pending_numbers", "pending_rows", "queue", "enqueued", "enqueued_numbers"]
)
def test_bytes_without_an_array(missing, tmp_path):
    data = run(hf.Optimizer(mixed()), 3).to_bytes()
    path = tmp_path / "saved.npz"
    path.write_bytes(data)
    with np.load(path) as archive:
        np.savez(path.with_name("less.npz"), **{name: archive[name] for name in archive.files if name != missing})
    with pytest.raises(ValueError, match="to_bytes"):
        hf.Optimizer.from_bytes(mixed(), path.with_name("less.npz").read_bytes())


@pytest.mark.parametrize(("name", "change"), [
    ("rows", lambda a: a + 1e9), ("rows", lambda a: -a - 1), ("rows", lambda a: a[:3]), ("pending_rows", lambda a: a + 5), ("queue", lambda a: a + 9),
    ("states", lambda a: a + 0.5), ("states", lambda a: a * 0), ("numbers", lambda a: a + 500), ("pending_numbers", lambda a: a * 0),
    ("values", lambda a: a[:3]), ("enqueued_numbers", lambda a: a.astype(str)[:, None]),
])  # fmt: skip
def test_arrays_that_no_optimizer_has(name, change):   # the core would read beyond its tables
    opt = run(hf.Optimizer(mixed(), seed=5), 12)
    opt.enqueue({"n": 3})
    opt.ask(2)
    opt.enqueue({"n": 4})
    with np.load(io.BytesIO(opt.to_bytes())) as file:
        arrays = {key: file[key] for key in file.files}
    again = io.BytesIO()
    np.savez(again, **{**arrays, name: change(arrays[name])})
    with pytest.raises(ValueError, match="not what to_bytes"):
        hf.Optimizer.from_bytes(mixed(), again.getvalue())


@pytest.mark.parametrize("data", [None, 3, "text", [1, 2]])
def test_bytes_of_wrong_types(data):
    with pytest.raises(TypeError, match="bytes"):
        hf.Optimizer.from_bytes(mixed(), data)
    with pytest.raises(TypeError, match="Space"):
        hf.Optimizer.from_bytes(None, b"")


class Plain:
    """Has the repr and the equality of object."""


def test_optimizers_over_plain_objects_pickle():
    opt = hf.Optimizer(hf.Space({"c": hf.Categorical([Plain(), Plain(), Plain])}), "grid")
    again = pickle.loads(pickle.dumps(opt))
    assert [again.ask()["c"] for _ in range(3)] == list(again.space["c"].choices)


def test_the_error_does_not_advise_to_unpickle():
    with pytest.raises(ValueError, match="not what to_bytes") as caught:
        hf.Optimizer.from_bytes(mixed(), pickle.dumps(3))
    assert "pickle" not in str(caught.value)
