"""Values of parameters as plain data, and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from skrnn.data.steps import shown
from skrnn.data.subwords import is_of_library
from skrnn.data.tokenizers import prepare_tokenizer
from skrnn.estimators._pickling import Removed
from skrnn.training.files import ModelFileError
from skrnn.training.optimizers import OPTIMIZERS, RemovedOptimizer

#: Stands for a class of the user's that was not written.
NO_OPTIMIZER = ("RemovedOptimizer", None)


def expect(condition: bool, otherwise: str) -> None:
    """Refuse a file of which a condition does not hold."""
    if not condition:
        raise ModelFileError(f"the file does not hold an estimator of skrnn: {otherwise}")


def as_data(name: str, value: Any) -> Any:
    """Return a parameter as plain data; a TypeError that names it if it is code."""
    if isinstance(value, np.random.RandomState):
        return ("RandomState", value.get_state())
    if isinstance(value, torch.device | os.PathLike):
        return str(value)
    if isinstance(value, Mapping) and not isinstance(value, dict):
        return dict(value)
    if value is RemovedOptimizer:
        return NO_OPTIMIZER
    if isinstance(value, Removed):
        return value
    if is_of_library(value):
        value = prepare_tokenizer(value)
    if callable(value) or (name == "callbacks" and value):
        raise TypeError(
            f"{name}={shown(value)} cannot be stored in a model file, which holds plain "
            f"values and no code; {remedy(name)}"
        )
    return value


def remedy(name: str) -> str:
    """Return the remedy for a parameter that is code."""
    if name.endswith("tokenizer"):
        return "split texts before fit and before predict, and pass token lists"
    if name == "optimizer":
        return f"pass one of {', '.join(map(repr, OPTIMIZERS))}"
    return f"set_params({name}=None) before, or use joblib"


def from_data(value: Any) -> Any:
    """Return a parameter from plain data."""
    if isinstance(value, tuple) and value == NO_OPTIMIZER:
        return RemovedOptimizer
    if isinstance(value, tuple) and value[:1] == ("RandomState",):
        random = np.random.RandomState()
        random.set_state(value[1])
        return random
    return value
