"""pytest tests the installed hpo_fast, wherever it is started, and not the source folder beside this one.

With ``--import-mode=importlib`` (pyproject.toml) pytest itself puts nothing on ``sys.path``, but ``python -m pytest`` puts the
repository there. So hpo_fast is imported here, first and without it; only if it is not installed is an extension built in
place (``python setup.py build_ext --inplace``) used. Then the repository and this folder go to the end of ``sys.path``, behind
what is installed: for ``benchmarks``, ``tests.strategies`` and ``reference``.

A test that starts a process gives it a working directory outside the repository, which would be first on its ``sys.path``.
"""

import importlib.util
import os
import sys
from pathlib import Path

import hypothesis
import pytest

# Before NumPy is imported: on cores that do other work too, BLAS threads that wait for each other slow small matrices down tenfold.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# No test asserts a time: hypothesis has a deadline of 200 ms for an example, where the variable CI does not say otherwise.
hypothesis.settings.register_profile("untimed", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("untimed")

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent

sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() not in (ROOT, TESTS)]
if importlib.util.find_spec("hpo_fast") is None:
    sys.path.append(str(ROOT))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
try:
    import hpo_fast
except ImportError as error:
    pytest.exit(f'hpo_fast is neither installed nor built in place ({error}): pip install ".[test]"', returncode=4)
sys.path += [str(path) for path in (ROOT, TESTS) if str(path) not in sys.path]

# W&B's package `sweeps` wants NumPy < 2: .ci/run gives it an environment of its own, where a missing package is an error.
collect_ignore = [] if importlib.util.find_spec("sweeps") else ["adapters/test_wandb_sweeps.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what was tested."""
    terminalreporter.write_line(f"hpo_fast {hpo_fast.__version__} from {Path(hpo_fast.__file__).parent}")
