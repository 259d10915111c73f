"""Scans on processes, a Dask cluster and a Ray runtime on this machine: the bits of one thread, whatever dies.

Functions are made within functions, so that Dask and Ray send them by value: their workers need not find this file.
"""

import os
import pickle
import shutil
import signal
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import cloudpickle
import distributed
import numpy as np
import pytest

import hpo_fast as hf
from hpo_fast.scan import _Job

BLOCK = 2**14   # positions that a function of blocks gets at a time
SHARD = 4 * BLOCK
WAIT = 120      # seconds for other processes, on a machine that is busy


@pytest.fixture(scope="module")
def dask_client(tmp_path_factory):
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def ray_module():
    folder = tempfile.mkdtemp(prefix="ray_")   # pytest's is too long for sockets
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(folder)   # workers import from where they were started, and the sources there have no extension
        environment.setenv("RAY_AUTH_MODE", "disabled")
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("RAY_memory_monitor_refresh_ms", "0")   # kills nothing
        import ray

        ray.init(
            num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=80 * 2**20, _node_ip_address="127.0.0.1", _temp_dir=folder,
        )
        yield ray
        ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["dask", "ray"])
def engine(request):
    return request.getfixturevalue("dask_client" if request.param == "dask" else "ray_module")


def same(result, expected):
    assert result.indices.tolist() == expected.indices.tolist() and result.scores.tolist() == expected.scores.tolist()
    assert result.configs == expected.configs
    assert (result.n_seen, result.n_feasible, result.next, result.complete) == (expected.n_seen, expected.n_feasible, expected.next, True)


def small_grid():
    space = hf.Space({
        "a": hf.Int(1, 12), "b": hf.Ordinal([1, 2, 4, 8, 16]), "kind": hf.Categorical(["row", "col", "tile"]),
        "c": hf.Int(1, 9).when("kind", "tile"), "x": hf.Float(0, 1),
    })
    return hf.Grid(space.derive("area", lambda p: p.a * p.b).require(lambda p: p.area <= 64), 5)


def test_lambdas_a_derived_parameter_and_a_requirement(engine):
    grid, weight = small_grid(), 2.5
    functions = {"score": lambda p: abs(p.area - 20) + weight * p.x + (p.c if p.active("c") else 3.5), "where": lambda p: p.kind != "col"}
    expected = hf.scan(grid, **functions)
    assert 0 < expected.n_feasible < expected.n_seen
    same(hf.scan(grid, **functions, executor=engine, shards=50), expected)


def big_grid():
    grid = hf.Grid(hf.Space({"a": hf.Int(0, 767), "b": hf.Int(0, 511)}))
    assert grid.size == 6 * SHARD
    return grid


def together(folder):
    """A function of a block of rows that begins only when two processes are at it, and once kills its own."""

    def score(rows):
        (folder / f"process {os.getpid()}").touch()
        deadline = time.monotonic() + WAIT
        while len(list(folder.glob("process *"))) < 2:
            assert time.monotonic() < deadline, "there was no second process"
            time.sleep(0.01)
        position = round(rows[0, 0] * 767) * 512 + round(rows[0, 1] * 511)
        if position == 3 * SHARD + BLOCK:   # the second of four blocks of the fourth of six shards
            try:
                os.close(os.open(folder / "killed", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return np.abs(rows[:, 0] - 0.6) + np.round(3 * rows[:, 1])   # with ties

    return score


def test_a_killed_worker_changes_nothing(engine, tmp_path):
    grid, here = big_grid(), tmp_path / "here"
    here.mkdir()
    for name in ("process 1", "process 2", "killed"):   # so that nothing of it happens in this process
        (here / name).touch()
    expected = hf.scan(grid, together(here), on="rows", top=1000)
    shown = []
    result = hf.scan(grid, together(tmp_path), on="rows", top=1000, executor=engine, shards=6, progress=lambda done, total: shown.append(done))
    same(result, expected)
    assert result.n_seen == grid.size and shown == [SHARD * (k + 1) for k in range(6)]
    assert (tmp_path / "killed").exists() and len(list(tmp_path.glob("process *"))) >= 2


def test_a_surrogate_is_sent(engine):
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)})
    X = space.sample(30, seed=0)
    model = hf.surrogate(space, X, ((X - 0.3) ** 2).sum(axis=1))
    stream = hf.Sobol(space, 2000, seed=5)
    arguments = {"score": model.log_ei, "on": "rows", "minimize": False, "top": 5}
    same(hf.scan(stream, **arguments, executor=engine, shards=4), hf.scan(stream, **arguments))


def test_an_interrupted_scan_goes_on_elsewhere(engine):
    grid = small_grid()
    arguments = {"score": lambda columns: columns["x"] - columns["a"], "on": "columns"}
    expected = hf.scan(grid, **arguments)

    def interrupt(done, total):
        if done >= total // 2:
            raise KeyboardInterrupt

    part = hf.scan(grid, **arguments, executor=engine, shards=10, progress=interrupt)
    assert not part.complete and grid.size // 2 <= part.n_seen == part.next < grid.size
    same(hf.scan(grid, **arguments, start=part, executor=engine, shards=3), expected)
    same(hf.scan(grid, **arguments, start=part), expected)


def test_errors_of_workers_are_those_of_one_thread(engine):
    grid = hf.Grid(hf.Space({"a": hf.Int(0, 5)}))
    with pytest.raises(ValueError, match=r"score: .* position 2, \{'a': 2\}") as caught:
        hf.scan(grid, lambda p: [1.0, 2.0][p.a], executor=engine, shards=1)
    assert caught.value.hpo_fast_result.next == 0
    with pytest.raises(hf.FunctionError, match=r"getpid(.|\n)*test_scan_executors"):   # found here, where the source is
        hf.scan(grid, lambda p: os.getpid() + p.a, executor=engine)


def test_a_job_arrives_once():
    job = _Job(small_grid(), lambda p: p.a, "config", None, None, 3, True)
    first, second = (cloudpickle.loads(cloudpickle.dumps(job)) for _ in range(2))
    other = cloudpickle.loads(cloudpickle.dumps(_Job(job.stream, job.score, "config", None, None, 3, True)))
    assert first is second is not job and first == job and first.score is not job.score
    assert other is not first and other != job


class Dies:
    """A function of rows for processes, which kills its own once; unless `folder` is gone."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, rows):
        if round(rows[0, 0] * 767) * 512 + round(rows[0, 1] * 511) == 3 * SHARD + BLOCK:
            try:
                os.close(os.open(self.folder / "killed", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return np.abs(rows[:, 0] - 0.6) + np.round(3 * rows[:, 1])


def test_a_pool_that_broke_leaves_what_it_found(tmp_path):
    grid, score = big_grid(), Dies(tmp_path)
    pickle.dumps(score)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        with pytest.raises(BrokenProcessPool, match="takes no more work: use a new one") as caught:
            hf.scan(grid, score, on="rows", executor=pool, shards=6)
        with pytest.raises(BrokenProcessPool, match="use a new one"):
            hf.scan(grid, score, on="rows", executor=pool)
    part = caught.value.hpo_fast_result
    assert part.next == part.n_seen == 3 * SHARD
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        same(hf.scan(grid, score, on="rows", executor=pool, shards=3, start=part), hf.scan(grid, score, on="rows"))
