"""Imports of packages that only extras install."""

from __future__ import annotations

from importlib import import_module
from typing import Any

#: Names of packages that are not those of their modules.
PACKAGES = {"PIL": "Pillow"}


def import_optional(module: str, caller: str, extra: str) -> Any:
    """Return a module of a package that an extra of skrnn installs.

    Parameters
    ----------
    module : str
        Such as "sacrebleu.metrics".
    caller : str
        What needs it, for the message.
    extra : str
        The extra's name.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        root = module.partition(".")[0]
        raise ImportError(
            f'{caller} needs {PACKAGES.get(root, root)}; pip install "skrnn[{extra}]" brings it'
        ) from error
