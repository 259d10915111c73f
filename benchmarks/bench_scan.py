"""A kernel's tile sizes out of 3 x 10^9 combinations: hardware constraints, a cost model, and the ten best.

    taskset -c 0 python benchmarks/bench_scan.py [threads]

The space is that of a tiled matrix product on a GPU (Van Werkhoven, "Kernel Tuner", 2019, has such kernels): threads and tiles in
three directions, unrolling, vector width, pipeline stages. The model is a roofline: time for arithmetic at the occupancy that shared
memory and registers allow, or for moving the tiles, whichever is longer. Prints the best, the rate, and the peak of memory.
"""

import resource
import sys
import time

import hpo_fast as hf

N = 4096          # of the N x N x N product
SHARED = 100_000  # bytes of a multiprocessor
REGISTERS = 65_536

space = hf.Space({
    "block_m": hf.Int(8, 256, step=8),
    "block_n": hf.Int(8, 256, step=8),
    "block_k": hf.Int(4, 64, step=4),
    "threads_m": hf.Int(1, 32),
    "threads_n": hf.Int(1, 32),
    "unroll": hf.Ordinal([1, 2, 4, 8, 16]),
    "width": hf.Ordinal([1, 2, 4, 8]),
    "stages": hf.Int(1, 5),
    "layout": hf.Categorical(["row", "column"]),
})


def fits(p):
    """What the hardware can run."""
    threads = p.threads_m * p.threads_n
    return (
        32 <= threads <= 1024
        and threads % 32 == 0
        and p.block_m % p.threads_m == 0
        and p.block_n % (p.threads_n * p.width) == 0
        and p.block_k % p.unroll == 0
        and 4 * p.stages * (p.block_m + p.block_n) * p.block_k <= SHARED
        and threads * (p.block_m * p.block_n // threads + 2 * p.unroll * p.width + 24) <= REGISTERS
    )


def milliseconds(p):
    """The model's time."""
    threads = p.threads_m * p.threads_n
    occupancy = min(2048 // threads, SHARED // (4 * p.stages * (p.block_m + p.block_n) * p.block_k), 16) * threads / 2048
    arithmetic = 2.0 * N**3 / 19.5e12 / (min(1.0, 0.35 + occupancy) * (1 - 0.3 / p.unroll) * (1 - 0.1 / p.stages))
    traffic = 4.0 * N**3 * (1 / p.block_m + 1 / p.block_n) / 1.5e12 / (0.5 + 0.125 * p.width)
    return 1e3 * max(arithmetic, traffic * (1.2 if p.layout == "column" else 1.0)) + 2e-3 * p.stages


def main() -> None:
    began = time.perf_counter()
    grid = hf.Grid(space)
    result = hf.scan(grid, milliseconds, where=fits, threads=int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    seconds = time.perf_counter() - began
    print(f"{grid.size:,} combinations, {result.n_feasible:,} fit; {seconds:.1f} s with compilation, {grid.size / result.seconds / 1e6:.0f} million a second")
    print(f"peak of memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    for position, score, config in zip(result.indices, result.scores, result.configs, strict=True):
        print(f"{score:.3f} ms at {position}: {config}")


if __name__ == "__main__":
    main()
