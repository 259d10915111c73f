"""Spaces in the words of other libraries, and theirs in ours: one file per library, which is imported when it is asked for.

``conditions`` and ``distributions`` hold what several of them share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from hpo_fast.checks import check_config
from hpo_fast.parameters import Parameter

_S = TypeVar("_S", bound="Interchange")


class Interchange(ABC):
    """The methods of a Space that know other libraries."""

    @abstractmethod
    def __init__(self, parameters: Mapping[str, Parameter]) -> None: ...

    @property
    @abstractmethod
    def parameters(self) -> Mapping[str, Parameter]: ...

    @property
    @abstractmethod
    def derived(self) -> list[str]: ...

    @property
    @abstractmethod
    def requirements(self) -> tuple[Any, ...]: ...

    @abstractmethod
    def require(self: _S, fn: Callable[[Any], Any], *, vectorized: bool = False) -> _S: ...

    @classmethod
    def from_optuna(cls: type[_S], distributions: Mapping[str, Any]) -> _S:
        """The space of Optuna's distributions by name, e.g. ``study.best_trial.distributions``.

        Raises
        ------
        ValueError, TypeError
            Naming the parameter, if one is no such distribution or has more values than can be encoded.
        """
        from hpo_fast.interchange.optuna import parameters_from_optuna

        return cls(parameters_from_optuna(distributions))

    def to_optuna(self) -> dict[str, Any]:
        """Optuna's distributions by name, e.g. for ``study.ask``; an Ordinal becomes a categorical, defaults are left out.

        Raises
        ------
        ValueError
            If the space has conditions, derived parameters or requirements: no distribution says them.
        """
        from hpo_fast.interchange.optuna import parameters_to_optuna

        return parameters_to_optuna(self._searched("Optuna"))

    @classmethod
    def from_configspace(cls: type[_S], space: Any) -> _S:
        """The space of a ConfigurationSpace (ConfigSpace >= 1.2; extra ``configspace``).

        Normal and beta hyperparameters become numbers with a prior, weights a prior, a constant a Categorical of one choice. Default
        values become defaults, including those that ConfigSpace chose itself. Forbidden clauses become requirements, over columns. What is
        sampled has the same distribution, but for the first and the last of a range of integers.

        Parameters
        ----------
        space : ConfigSpace.ConfigurationSpace

        Returns
        -------
        Space
            Its configurations are those of `space`, with the same parameters active.

        Raises
        ------
        ValueError, TypeError
            Naming the parameter, if it has no equivalent; with its condition, if that does not amount to one other parameter, an
            integer or a choice, having certain values, as that of :meth:`Float.when`. A ``NotEqualsCondition`` also holds while
            its parent is inactive: use an ``InCondition`` there.
        """
        from hpo_fast.interchange.configspace import from_configspace

        parameters, requirements = from_configspace(space)
        made = cls(parameters)
        for requirement in requirements:
            made = made.require(requirement, vectorized=True)
        return made

    def to_configspace(self) -> Any:
        """A ConfigurationSpace with the same configurations, except that ConfigSpace rounds floats to 13 decimals.

        A number with a step becomes an ordinal, a parameter with a single value a constant.

        Returns
        -------
        ConfigSpace.ConfigurationSpace

        Raises
        ------
        ValueError
            If the space has derived parameters or requirements, which cannot be given to ConfigSpace; naming the parameter, if a step
            makes more than 1,000 values, if its prior has no equivalent, or if ConfigSpace refuses it.
        """
        from hpo_fast.interchange.configspace import to_configspace

        return to_configspace(self._searched("ConfigSpace"))

    @classmethod
    def from_hyperopt(cls: type[_S], search: Any) -> _S:
        """The space of hyperopt's labels (hyperopt >= 0.2.7; extra ``hyperopt``).

        A label becomes a parameter: ``hp.choice`` a Categorical of its options if they are different numbers, strings, truth values or
        None, else of their positions 0, 1, ...; ``hp.pchoice`` one with a prior. What is nested in an option depends on it. Normal
        distributions get a prior and are cut off at four standard deviations. A quantised distribution becomes the multiples of its
        ``q``, integers if that is one; the first and the last, about half as likely in hyperopt, are as likely as others. What has no
        label (constants, arithmetic) is not in the space: ``hyperopt.space_eval`` adds it to what :meth:`to_hyperopt_point` gives.

        Parameters
        ----------
        search : dict, list, tuple or pyll expression
            As for ``hyperopt.fmin``, to any depth.

        Returns
        -------
        Space

        Raises
        ------
        ValueError, TypeError
            Naming the label, if it has no equivalent, or depends on several others: when it is within options of different ones.

        Examples
        --------
        >>> import hpo_fast as hf
        >>> from hyperopt import hp, space_eval
        >>> search = {"svm": hp.choice("kernel", ["linear", {"gamma": hp.loguniform("gamma", -5, 0)}]), "folds": 5}
        >>> space = hf.Space.from_hyperopt(search)
        >>> space
        Space({
            'kernel': Categorical([0, 1]),
            'gamma': Float(0.006737946999085467, 1.0, log=True).when('kernel', 1),
        })
        >>> space_eval(search, space.to_hyperopt_point({"kernel": 0}))   # what an objective of fmin gets
        {'folds': 5, 'svm': 'linear'}
        """
        from hpo_fast.interchange.hyperopt import parameters_from_hyperopt

        return cls(parameters_from_hyperopt(search))

    def to_hyperopt(self) -> dict[str, Any]:
        """A search space for ``hyperopt.fmin``, whose objective gets a configuration of this one: a dict, None where inactive.

        Choices become ``hp.choice``, with a prior ``hp.pchoice``; an Ordinal loses its order. A normal prior becomes a normal
        distribution, which has no bounds, so it must leave room for four standard deviations on either side. Defaults are left out.

        Returns
        -------
        dict

        Raises
        ------
        ValueError
            If the space has derived parameters or requirements; naming the parameter, if it depends on a number, its values are no
            multiples of its step, or its prior has no equivalent.
        """
        from hpo_fast.interchange.hyperopt import parameters_to_hyperopt

        return parameters_to_hyperopt(self._searched("hyperopt"))

    def to_hyperopt_point(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration as hyperopt has it: what ``fmin`` returns and ``hyperopt.space_eval`` takes, with positions for choices.

        Parameters
        ----------
        params : mapping
            A configuration, e.g. ``trial.params`` or ``opt.best_params``.

        Returns
        -------
        dict

        Raises
        ------
        ValueError, TypeError
            Naming the parameter, if it is not in the space or a value is none of its values.
        """
        from hpo_fast.interchange.hyperopt import point

        return point(self.parameters, {name: value for name, value in check_config(params).items() if name not in self.derived})

    def _searched(self, library: str) -> Mapping[str, Parameter]:
        """The parameters; ValueError if they are not all that there is."""
        if self.derived or self.requirements:
            raise ValueError(f"derived parameters and requirements cannot be given to {library}: compute and check them in the objective")
        return self.parameters
