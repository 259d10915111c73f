"""What executors cost: the scan of ``bench_scan.py`` on two threads, two processes, and two workers of Dask and of Ray.

    python -m benchmarks.bench_executors [positions]

Each engine scans four times: workers import and compile at the first shards, and of the other three the fastest counts, relative to that
of the threads. All give the same best, which is checked.
"""

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from multiprocessing import get_context
from typing import Any

import hpo_fast as hf
from benchmarks.bench_scan import fits, milliseconds, space


@contextmanager
def started_ray() -> Iterator[Any]:
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AUTH_MODE="disabled")
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    yield ray
    ray.shutdown()


@contextmanager
def started_dask() -> Iterator[Any]:
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster, Client(cluster) as client:
        yield client


def main() -> None:
    grid = hf.Grid(space)[: int(float(sys.argv[1])) if len(sys.argv) > 1 else 10**8]
    base, best = 0.0, None
    engines = {"threads": nullcontext, "processes": lambda: ProcessPoolExecutor(2, get_context("spawn")), "dask": started_dask, "ray": started_ray}
    for name, start in engines.items():
        seconds = []
        with start() as executor:
            for _ in range(4):
                began = time.perf_counter()
                result = hf.scan(grid, milliseconds, where=fits, threads=2 if executor is None else 1, executor=executor)
                seconds.append(time.perf_counter() - began)
                best = best or result.indices.tolist()
                assert result.indices.tolist() == best and result.n_seen == grid.size
        base = base or min(seconds[1:])
        print(f"{name:10} first {seconds[0]:6.2f} s, then {min(seconds[1:]):6.2f} s: {min(seconds[1:]) / base:.2f} x threads", flush=True)


if __name__ == "__main__":
    main()
