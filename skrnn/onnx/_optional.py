"""The optional packages that write and run model files."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def import_optional(name: str) -> Any:
    """Return a module of onnx or onnxruntime.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f'skrnn.onnx needs {package}: pip install "skrnn[onnx]"'
        ) from error
