"""Imports of the packages of the extra ``metrics``."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def import_optional(module: str) -> Any:
    """Return a module of seqeval or sacrebleu.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f'skrnn.metrics needs {package}: pip install "skrnn[metrics]" brings it'
        ) from error
