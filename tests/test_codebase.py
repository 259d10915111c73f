"""The house: who may import whom, that the stub is true, that the types, the style and the versions hold."""

import ast
import inspect
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import hpo_fast
from hpo_fast import _core

ROOT = Path(__file__).resolve().parents[1]
CPP = sorted((ROOT / "cpp").rglob("*.*"))
PYTHON = sorted((ROOT / "hpo_fast").rglob("*.py"))
DATA = {"cpp/enumerate/sobol_directions.h"}

# Top to bottom: a file includes or imports its own level and what is below.
CPP_STACK = ["bind", "acquisition", "gp", "tpe", "enumerate", "space", "optim", "linalg", "base"]
PYTHON_STACK = ["cli", "adapters.*", "adapters.presence", "adapters.ray_param_space", "adapters.choices", "adapters.__init__"]
PYTHON_STACK += ["__init__", "minimize", "optimizer", "queue", "archive", "trial", "surrogate", "suggest", "scan"]
PYTHON_STACK += ["samplers.__init__", "samplers.auto", "samplers.*", "samplers.base"]
PYTHON_STACK += ["executors", "history", "targets", "streams", "arrow", "space", "space_json", "evaluate", "native", "config_type", "arithmetic", "functions"]
PYTHON_STACK += ["encoding", "interchange.__init__", "interchange.*", "interchange.distributions", "interchange.conditions"]
PYTHON_STACK += ["choices", "parameters", "priors", "checks", "_core"]


def run(*command: str, cwd: Path) -> None:
    done = subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def relative(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


@pytest.mark.parametrize("name", relative(CPP))
def test_cpp_includes_only_what_is_below(name: str) -> None:
    assert re.fullmatch(r"cpp/[a-z_]+/[a-z_0-9]+\.(h|cpp)", name), "C++ files are cpp/<folder>/<file>.h or .cpp"
    folder, text = name.split("/")[1], (ROOT / name).read_text()
    for included in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.MULTILINE):
        assert (ROOT / "cpp" / included).is_file(), f"{included}: includes in quotes are rooted at cpp/"
        assert included.split("/")[0] in CPP_STACK[CPP_STACK.index(folder) :], f"{included} stands above {folder}/"
    if folder != "bind":
        assert not re.search(r"#\s*include\s*<(pybind11|Python|numpy)", text), "only bind/ knows Python"


def level(module: str) -> int:
    """Where hpo_fast.<module> stands in PYTHON_STACK."""
    parts = module.split(".")
    choices = [module, f"{parts[0]}.*", f"{parts[0]}.__init__", parts[0]] if len(parts) > 1 else [module, f"{module}.__init__"]
    return PYTHON_STACK.index(next(choice for choice in choices if choice in PYTHON_STACK))


def imports(path: Path) -> set[str]:
    """Modules of hpo_fast that the file imports, at its head or within functions, without the package's name."""
    modules = {path.relative_to(ROOT / "hpo_fast").with_suffix("").as_posix().replace("/", ".") for path in PYTHON} | {"_core", "samplers"}
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in (n for n in names if n.split(".")[0] == "hpo_fast"):
            inner = name.removeprefix("hpo_fast").removeprefix(".")
            found.add(inner if inner in modules else inner.rpartition(".")[0] or "__init__")
    return found


@pytest.mark.parametrize("name", relative(PYTHON))
def test_python_imports_only_what_is_below(name: str) -> None:
    parts = name.removesuffix(".py").split("/")[1:]
    assert len(parts) <= 2, "Python files are hpo_fast/<file> or hpo_fast/<folder>/<file>"
    for imported in imports(ROOT / name):
        assert level(imported) > level(".".join(parts)), f"{imported} does not stand below {name}"


@pytest.mark.parametrize("name", relative(CPP + PYTHON))
def test_no_file_is_two_concepts(name: str) -> None:
    assert name in DATA or len((ROOT / name).read_text().splitlines()) <= 700


def test_stub_matches_the_binary(tmp_path: Path) -> None:
    run("-m", "mypy.stubtest", "hpo_fast._core", cwd=tmp_path)
    # stubtest cannot see the parameters of pybind11's functions; their docstrings name them.
    for node in ast.parse((Path(hpo_fast.__file__).parent / "_core.pyi").read_text()).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        owner = getattr(_core, node.name) if isinstance(node, ast.ClassDef) and hasattr(_core, node.name) else _core
        for function in (f for f in inside if isinstance(f, ast.FunctionDef) and not (f.decorator_list or f.args.vararg)):
            arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
            signature = getattr(owner, function.name).__doc__.partition("->")[0]
            bound = re.findall(r"[(,] (?:\*, )?(\w+): |\((\w+): ", signature)
            assert [a.arg for a in arguments] == [x or y for x, y in bound], f"{node.name}.{function.name}: {signature}"


PROGRAM = """
import hpo_fast as hf

space = hf.Space({"x": hf.Float(0, 1), "c": hf.Categorical(["a", "b"])})
for sampler in (hf.samplers.TPE(n_startup=20), hf.samplers.GP(), hf.samplers.Auto(), hf.samplers.Random(), hf.samplers.Sobol(), hf.samplers.Grid()):
    opt = hf.Optimizer(space, sampler, seed=1)
    trial: hf.Trial = opt.ask()
    opt.tell(trial, float(trial["x"]))
result = hf.minimize(lambda p: float(p["x"]), space, n_trials=3, sampler=hf.samplers.TPE())
print(result.best_value + 1, result.best_params["x"])
"""


def test_types_and_style(tmp_path: Path) -> None:
    if np.lib.NumpyVersion(np.__version__) >= "2.3.0":   # older stubs want to be told the type of every array
        run("-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(tmp_path), "-p", "hpo_fast", cwd=ROOT)
        (tmp_path / "program.py").write_text(PROGRAM)
        run("-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "program.py", cwd=tmp_path)
    run("-m", "ruff", "check", "--no-cache", str(ROOT), cwd=tmp_path)


def test_versions_agree() -> None:
    project = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert project and newest and project[1] == newest[1] == hpo_fast.__version__
    if any(d.metadata["Name"] == "hpo-fast" for d in metadata.distributions()):
        assert metadata.version("hpo-fast") == hpo_fast.__version__


def test_import_is_light(tmp_path: Path) -> None:
    heavy = ["numba", "pyarrow", "ray", "sklearn", "scipy", "tqdm", "optuna", "ConfigSpace", "hyperopt", "argparse", "wandb", "yaml", "distributed"]
    run("-c", f"import sys, hpo_fast; loaded = [m for m in {heavy} if m in sys.modules]; assert not loaded, loaded", cwd=tmp_path)


def test_every_public_name_has_a_docstring() -> None:
    protocol = hpo_fast.samplers.Sampler  # its methods are documented there, once
    for module in (hpo_fast, hpo_fast.samplers):
        for name in module.__all__:
            value = getattr(module, name)
            assert inspect.getdoc(value), name
            if inspect.isclass(value):
                for member, function in vars(value).items():
                    inherited = value is not protocol and member in vars(protocol)
                    if not member.startswith("_") and not inherited and (inspect.isfunction(function) or isinstance(function, property)):
                        assert inspect.getdoc(getattr(value, member)), f"{name}.{member}"
