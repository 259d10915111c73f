"""Command line: ``run``, ``report``, ``list``, ``references``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from . import peers, problems, results, runner
from .problems.problem import Unavailable
from .suites import SUITES, Block


def comma(text: str) -> tuple[str, ...]:
    """Split a comma-separated argument."""
    return tuple(filter(None, text.split(",")))


def blocks(args: argparse.Namespace) -> list[Block]:
    """Return the suite's blocks, narrowed and overridden by the options given.

    A peer named by ``--peers`` keeps its own block's seeds and budget; one in no block
    takes those of the first.
    """
    suite = list(SUITES[args.suite])
    if args.peers:
        wanted = [str(peers.parse(p)) for p in args.peers]
        taken: dict[int, list[str]] = {}
        for peer in wanted:
            home = (i for i, b in enumerate(suite) if peer in [str(peers.parse(p)) for p in b.peers])
            taken.setdefault(next(home, 0), []).append(peer)
        suite = [replace(suite[i], peers=tuple(names)) for i, names in sorted(taken.items())]
    change = {k: v for k in ("problems", "seeds", "budget") if (v := getattr(args, k)) is not None}
    return [replace(block, **change) for block in suite]


def run(args: argparse.Namespace) -> int:
    """Fill the matrix."""
    path = args.results / f"{args.suite}.jsonl"
    required = bool(args.peers) or args.suite == "smoke"
    tasks = runner.plan(blocks(args), args.label, required)
    todo = runner.pending(tasks, path, args.retry)
    print(f"{len(tasks)} runs, {len(tasks) - len(todo)} already in {path}", file=sys.stderr)
    bad = runner.execute(todo, path, args.jobs, args.time_limit, args.quiet)
    if bad:
        print(f"{bad} runs failed or timed out; --retry runs them again", file=sys.stderr)
    return 1 if bad else 0


def report(args: argparse.Namespace) -> int:
    """Write the tables and plots."""
    from . import report as module

    text = module.write(args.results, args.out, args.half, args.problems, args.peers,
                        args.plots, args.baseline)  # fmt: skip
    print(text)
    return 0


def show(args: argparse.Namespace) -> int:
    """List the problems: half, dimensions, whether they can be loaded, source and licence."""
    for name in problems.select(list(args.problems or ("*",))):
        try:
            p = problems.load(name)
            what = f"{len(p.space):3d} parameters, {p.source} ({p.licence})"
        except Unavailable as error:
            what = f"unavailable: {error}"
        print(f"{name:44s} {problems.half(name):8s} {what}")
    return 0


def references(args: argparse.Namespace) -> int:
    """Compute the reference values that regret is normalised by."""
    from . import regret

    regret.compute(problems.select(list(args.problems or ("*",))), args.results)
    return 0


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    commands = top.add_subparsers(required=True)

    p = commands.add_parser("run", help="run what is missing of a matrix of peers x problems x seeds")
    p.set_defaults(call=run)
    p.add_argument("--suite", choices=SUITES, default="standard")
    p.add_argument("--peers", type=comma, help="such as random,optuna:tpe,hpo_fast:tpe?n_startup=20")
    p.add_argument("--problems", type=comma, help="shell patterns, such as 'taskset/*,mlp/*'")
    p.add_argument("--seeds", type=int, help="how many: 0, 1, ...")
    p.add_argument("--budget", type=int, help="evaluations of a run")
    p.add_argument("--jobs", type=int, default=1, help="processes")
    p.add_argument("--results", type=Path, default=results.DEFAULT, help="folder of the .jsonl file")
    p.add_argument("--label", help="what identifies hpo_fast's code instead of the git commit")
    p.add_argument("--time-limit", type=float, default=900.0, help="seconds of one run")
    p.add_argument("--retry", action="store_true", help="run failed and timed-out runs again")
    p.add_argument("--quiet", action="store_true", help="no progress bar")

    p = commands.add_parser("report", help="write Markdown tables and PNG plots")
    p.set_defaults(call=report)
    p.add_argument("--results", type=Path, nargs="+", default=[results.DEFAULT],
                   help="folders or .jsonl files")  # fmt: skip
    p.add_argument("--out", type=Path, help="folder for report.md and the plots (default: print)")
    p.add_argument("--half", choices=("choose", "confirm"), help="one half of the problems")
    p.add_argument("--problems", type=comma, help="shell patterns")
    p.add_argument("--peers", type=comma, help="shell patterns over peers")
    p.add_argument("--baseline", default="random", help="peer that differences are taken to")
    p.add_argument("--no-plots", dest="plots", action="store_false")

    p = commands.add_parser("list", help="list the problems")
    p.set_defaults(call=show)
    p.add_argument("--problems", type=comma, help="shell patterns")

    p = commands.add_parser("references", help="compute best known and median values")
    p.set_defaults(call=references)
    p.add_argument("--problems", type=comma, help="shell patterns")
    p.add_argument("--results", type=Path, nargs="*", default=[],
                   help="also learn better values from these results")  # fmt: skip
    return top


def main(argv: list[str] | None = None) -> int:
    """Run a command; errors a user can fix are printed without a traceback."""
    args = parser().parse_args(argv)
    try:
        return args.call(args)
    except (Unavailable, ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command continues", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
