"""The ``hpo-fast`` command behaves as people expect of a command."""

from __future__ import annotations

import builtins
import subprocess
import sys
from types import SimpleNamespace

import pytest

import hpo_fast as hf
from hpo_fast import cli
from hpo_fast.cli import demo_space, main


def test_version_and_help_print_and_succeed(capsys):
    for argument, text in (("--version", f"hpo-fast {hf.__version__}"), ("--help", "demo")):
        with pytest.raises(SystemExit) as done:
            main([argument])
        assert done.value.code == 0
        assert text in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "command"),
        (["tune"], "tune"),
        (["demo", "--sampler", "magic"], "magic"),
        (["demo", "--trials", "0"], "at least 1"),
        (["demo", "--trials", "many"], "many"),
        (["demo", "--seed", "-1"], "-1"),
        (["demo", "--seed", "9223372036854775808"], "argument --seed: 9223372036854775808 must be at most 9223372036854775807"),
        (["demo", "--seed", "9" * 5000], "argument --seed"),
        (["demo", "--trials", "99999999999999999999"], "argument --trials: 99999999999999999999 must be at most"),
        (["demo", "--jobs", "99999999999999999999"], "argument --jobs: 99999999999999999999 must be at most"),
        (["demo", "--nope"], "nope"),
    ],
)
def test_wrong_arguments_exit_with_2_and_name_the_mistake(arguments, named, capsys):
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert done.value.code == 2
    assert named in capsys.readouterr().err


@pytest.mark.parametrize("sampler", [name for name in hf.samplers.names() if name != "grid"])
def test_the_demo_tunes_and_reports(sampler, capsys):
    assert main(["demo", "--sampler", sampler, "--trials", "4", "--seed", "1", "--jobs", "1"]) == 0
    printed = capsys.readouterr()
    for text in ("the model's defaults", f"{sampler}, 4 trials", "random, 4 trials", f"Best configuration of {sampler}", "in suggestions"):
        assert text in printed.out
    assert "4/4" in printed.err


def test_ctrl_c_ends_the_demo(monkeypatch, capsys):
    searched = []

    def search(objective, sampler, *rest):
        searched.append(sampler)
        return SimpleNamespace(stopped="interrupted", n_trials=0)

    monkeypatch.setattr(cli, "_search", search)
    assert main(["demo", "--trials", "4", "--jobs", "1"]) == 130
    assert searched == ["auto"] and "interrupted: what follows is what there is" in capsys.readouterr().err


def test_a_reader_that_has_enough(tmp_path):
    demo = [sys.executable, "-u", "-c", "import sys; from hpo_fast.cli import main; sys.exit(main())", "demo", "--sampler", "random", "--trials", "1"]
    with subprocess.Popen(demo, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert "Traceback" not in process.stderr.read().decode()
    assert process.returncode == 141


def test_the_largest_seed(capsys):
    assert main(["demo", "--sampler", "random", "--seed", str(2**63 - 1), "--trials", "1", "--jobs", "1"]) == 0


def test_the_demo_without_its_packages_says_what_to_install(monkeypatch, capsys):
    real = builtins.__import__

    def without_sklearn(name, *rest, **more):
        if name.startswith("sklearn"):
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_sklearn)
    assert main(["demo"]) == 1
    assert 'pip install "hpo-fast[demo]"' in capsys.readouterr().err


def test_the_demo_space_is_mixed_and_conditional():
    space = demo_space()
    assert {type(p) for p in space.parameters.values()} >= {hf.Float, hf.Int, hf.Categorical}
    assert sum(p.condition is not None for p in space.parameters.values()) >= 3
