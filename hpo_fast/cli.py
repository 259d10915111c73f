"""The ``hpo-fast`` command."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import hpo_fast as hf

MAX_INT = 2**63 - 1   # the largest that the library takes


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="hpo-fast", description="A fast hyperparameter-suggestion engine.")
    parser.add_argument("--version", action="version", version=f"hpo-fast {hf.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    demo = commands.add_parser(
        "demo",
        help="tune a real model on a real data set",
        description="Tune a support vector machine on the handwritten digits that come with scikit-learn, and compare the result with "
        "the model's defaults and with random search at the same budget.",
    )
    choices = [name for name in hf.samplers.names() if name != "grid"]   # the space has Floats without step
    demo.add_argument("--sampler", choices=choices, default="auto", help="what suggests (default: auto)")
    demo.add_argument("--trials", type=_positive, default=60, help="configurations to try, at least 1 (default: 60)")
    demo.add_argument("--seed", type=_natural, default=0, help="seed of the suggestions, 0 or more (default: 0)")
    demo.add_argument("--jobs", type=_positive, default=2, help="configurations to evaluate at a time (default: 2; with 1 a seed repeats exactly)")
    arguments = parser.parse_args(argv)
    try:
        code = _demo(arguments.sampler, arguments.trials, arguments.seed, arguments.jobs)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:   # as in `hpo-fast demo | head -1`; what is left is not to be flushed at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141   # as a shell says of a program that SIGPIPE ended
    return code


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    number = int(text)
    if number > MAX_INT:
        raise argparse.ArgumentTypeError(f"{text} must be at most {MAX_INT}")
    return number


def _positive(text: str) -> int:
    number = _natural(text)
    if number == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def demo_space() -> hf.Space:
    """The demo's space: a kernel's parameters exist only for the kernels that use them."""
    return hf.Space(
        {
            "scaler": hf.Categorical(["none", "standard", "minmax"]),
            "pca": hf.Categorical([False, True]),
            "components": hf.Int(8, 48).when("pca", True),
            "C": hf.Float(1e-2, 1e3, log=True),
            "kernel": hf.Categorical(["linear", "rbf", "poly", "sigmoid"]),
            "gamma": hf.Float(1e-5, 1e1, log=True).when("kernel", ["rbf", "poly", "sigmoid"]),
            "degree": hf.Int(2, 5).when("kernel", "poly"),
            "coef0": hf.Float(0.0, 1.0).when("kernel", ["poly", "sigmoid"]),
        }
    )


def _demo(sampler: str, trials: int, seed: int, jobs: int) -> int:
    try:
        import tqdm  # noqa: F401
        from sklearn.datasets import load_digits
        from sklearn.decomposition import PCA
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MinMaxScaler, StandardScaler
        from sklearn.svm import SVC
    except ImportError as error:
        print(f'hpo-fast demo needs scikit-learn and tqdm ({error}): pip install "hpo-fast[demo]"', file=sys.stderr)
        return 1

    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
    folds = StratifiedKFold(4, shuffle=True, random_state=0)

    def model(params: dict[str, Any]) -> Any:
        steps: list[Any] = [{"none": "passthrough", "standard": StandardScaler(), "minmax": MinMaxScaler()}[params["scaler"]]]
        if params["pca"]:
            steps.append(PCA(params["components"], random_state=0))
        svm = {name: params[name] for name in ("C", "kernel", "gamma", "degree", "coef0") if name in params}
        # A bound on the solver's work, so that a hopeless configuration costs no more than a good one.
        return make_pipeline(*steps, SVC(**svm, max_iter=20_000, random_state=0))

    def cv_accuracy(estimator: Any) -> float:
        return float(cross_val_score(estimator, X_train, y_train, cv=folds).mean())

    print(f"Data: {len(X)} handwritten digits, {X.shape[1]} pixels; {len(X_train)} to tune on by 4-fold cross-validation, {len(X_test)} held out")
    print(f"Space: {demo_space()}\n")

    warnings.simplefilter("ignore", ConvergenceWarning)
    rows: list[tuple[str, float, Any]] = [("the model's defaults, SVC()", cv_accuracy(SVC()), SVC())]
    results = {}
    for name in dict.fromkeys((sampler, "random")):
        results[name] = _search(lambda p: cv_accuracy(model(p)), name, trials, seed, jobs)
        if results[name].stopped == "interrupted":
            print("interrupted: what follows is what there is", file=sys.stderr)
        if results[name].n_trials:
            rows.append((f"{name}, {results[name].n_trials} trials", results[name].best_value, model(results[name].best_params)))
        if results[name].stopped == "interrupted":
            break

    print(f"\n{'':36}  cross-validated  held out\n{'':36}  {'accuracy':>15}  accuracy")
    for title, score, estimator in rows:
        print(f"{title:36}  {score:15.4f}  {estimator.fit(X_train, y_train).score(X_test, y_test):8.4f}")
    result = results[sampler]
    if not result.n_trials:
        return 130
    print(f"\nBest configuration of {sampler}:")
    for name, value in result.best_params.items():
        print(f"  {name:12} {value:.6g}" if isinstance(value, float) else f"  {name:12} {value}")
    share = 100 * result.seconds_asking / result.seconds
    print(
        f"\nTime: {result.seconds:.1f} s in all for {result.n_trials} trials, {result.seconds_asking * 1e3:.1f} ms of it ({share:.2g} %) in suggestions: "
        f"{result.seconds_asking / result.n_trials * 1e6:.0f} us each; the rest is the objective"
    )
    return 130 if result.stopped == "interrupted" else 0


def _search(objective: Callable[[dict[str, Any]], float], sampler: str, trials: int, seed: int, jobs: int) -> hf.Result:
    print(f"{sampler}: {trials} trials, {jobs} at a time", file=sys.stderr)
    return hf.minimize(objective, demo_space(), trials, sampler, seed, direction="maximize", n_jobs=jobs, progress=True, catch=ValueError)


if __name__ == "__main__":
    sys.exit(main())
