"""Environments of the peers that need their own.

``python -m benchmarks.quality.environments [name ...]`` makes them, one virtual environment
each, under ``benchmarks/quality/.environments/`` (ignored by git); without names, all of them.
The versions pinned here are recorded in the results.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from pathlib import Path

from .problems.problem import Unavailable

FOLDER = Path(__file__).parent / ".environments"
ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    "ax": ("ax-platform==1.3.1", "torch==2.13.0"),
    "bayes_opt": ("bayesian-optimization==3.4.0",),
    "egobox": ("egobox==1.0.0",),
    "hebo": ("HEBO==0.3.6", "torch==2.13.0", "numpy==1.24.4", "scipy==1.11.4", "scikit-learn==1.4.2", "pandas==2.1.4"),
    "hoptimal": ("hoptimal==0.2.0",),
    "skopt": ("scikit-optimize==0.10.2",),
    "smac": ("smac==2.4.1",),
    "vizier": ("google-vizier[jax]==0.1.24", "jax==0.4.38", "jaxlib==0.4.38", "flax==0.10.2", "optax==0.2.4"),
}


def python(environment: str) -> str:
    """Return the interpreter of an environment; "" is the benchmark's own.

    Raises
    ------
    Unavailable
        If the environment has not been made.
    """
    if not environment:
        return sys.executable
    path = _interpreter(environment)
    if not path.exists() or not (FOLDER / environment / "complete").exists():
        raise Unavailable(f"no environment: `python -m benchmarks.quality.environments {environment}` makes it")
    return str(path)


def _interpreter(environment: str) -> Path:
    return FOLDER / environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def make(environment: str) -> None:
    """Make one environment and install its packages; one that is complete is left alone.

    Raises
    ------
    subprocess.CalledProcessError
        If the installation fails.
    """
    mark = FOLDER / environment / "complete"
    wanted = "\n".join(ENVIRONMENTS[environment])
    if mark.exists() and mark.read_text() == wanted:
        return
    venv.create(FOLDER / environment, with_pip=True, clear=True)
    command = [str(_interpreter(environment)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *ENVIRONMENTS[environment]], check=True)
    mark.write_text(wanted)


def main(argv: list[str] | None = None) -> int:
    """Make the environments named, reporting those that fail."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.environments", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *ENVIRONMENTS], metavar="name", help=", ".join(ENVIRONMENTS))
    failed = []
    for name in parser.parse_args(argv).names or ENVIRONMENTS:
        print(f"{name} ...", flush=True)
        try:
            make(name)
        except (subprocess.CalledProcessError, OSError) as error:
            failed.append(name)
            print(f"{name} failed: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
