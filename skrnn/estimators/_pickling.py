"""Objects of the user in pickled estimators: functions, tokenizers, classes.

A fitted estimator holds them as parameters and in its parts. One that is no longer a
parameter is left out of a pickle; one that is, and cannot be pickled, is named.
"""

from __future__ import annotations

import pickle
import sys
from copy import deepcopy
from typing import Any

from skrnn.data.steps import shown
from skrnn.training.optimizers import RemovedOptimizer

#: Packages whose pickles hold functions themselves, and not their names.
BY_VALUE = ("cloudpickle", "dill")


class Removed:
    """Stands for a tokenizer of ``fit`` that was no longer a parameter when it was pickled."""

    def __init__(self, name: str):
        self.name = name

    def __call__(self, text: str) -> list[str]:
        """Raise a ValueError: nothing splits texts any more."""
        raise ValueError(
            f"{self.name} was changed by set_params after fit, so the estimator was stored "
            f"without the {self.name} of fit, and splits no strings; pass token lists"
        )

    def __repr__(self) -> str:
        return f"<{self.name} of fit>"


class Parameter:
    """A user's object in a pickled state, which is named if it cannot be pickled."""

    def __init__(self, name: str, value: Any):
        self.name, self.value = name, value

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        return Parameter(self.name, deepcopy(self.value, memo))

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        try:
            pickle.dumps(self.value, protocol)
        except Exception as error:
            if not _pickles_by_value():
                raise pickle.PicklingError(
                    f"{self.name}={shown(self.value)} cannot be pickled: "
                    f"{str(error)[:200]}. Pass what a module defines by name, or change "
                    f"{self.name} by set_params before"
                ) from error
        return itself, (self.value,)


def itself(value: Any) -> Any:
    """Return a value, as a pickle calls it."""
    return value


def _pickles_by_value() -> bool:
    """Return whether a pickler runs that holds functions themselves."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if any(part in BY_VALUE for part in frame.f_globals["__name__"].split(".")):
            return True
        frame = frame.f_back
    return False


def without_removed(
    learned: dict[str, Any], parameters: dict[str, Any], fitted: dict[str, Any]
) -> dict[str, Any]:
    """Return fitted attributes without users' functions and classes that are no parameters.

    Parameters
    ----------
    learned : dict
        Attributes by name; they are copied if there is such an object.
    parameters, fitted : dict
        As of ``state_to_pickle``.
    """
    removed = {
        name: value
        for name, value in fitted.items()
        if callable(value)
        and value is not parameters[name]
        and (name == "optimizer" or not isinstance(value, type))
    }
    if not removed:
        return learned
    memo = {id(value): stand_in(name) for name, value in removed.items()}
    for part in (learned["_inputs"], learned["_targets"]):  # which hold copies
        memo |= {
            id(value): stand_in(name)
            for name, value in part.users_objects.items()
            if name in removed
        }
    return deepcopy(learned, memo)


def stand_in(name: str) -> Any:
    """Return the stand-in of a user's object in a file."""
    return RemovedOptimizer if name == "optimizer" else Removed(name)


def state_to_pickle(
    state: dict[str, Any], parameters: dict[str, Any], fitted: dict[str, Any]
) -> dict[str, Any]:
    """Return an estimator's state without users' objects that are no longer parameters.

    Parameters
    ----------
    state : dict
        Attributes by name.
    parameters : dict
        The parameters as they are now.
    fitted : dict
        Those of ``fit`` that the fitted parts depend on; empty before.
    """
    learned = {k: v for k, v in state.items() if k not in parameters}
    state = {**state, **without_removed(learned, parameters, fitted)}
    wrapped = {
        name: Parameter(name, value)
        for name, value in parameters.items()
        if callable(value) or (name == "callbacks" and value)
    }
    return {**state, **wrapped}


def state_from_pickle(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of ``state_to_pickle`` as attributes."""
    return {
        name: value.value if isinstance(value, Parameter) else value
        for name, value in state.items()
    }
