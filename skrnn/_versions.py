"""The version of skrnn in pickles, and the warning about another one.

scikit-learn does so for its own estimators; those of other packages are theirs to check.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

from skrnn._warnings import warn

#: The entry of a pickled state.
KEY = "_skrnn_version"


def current_version() -> str:
    """Return the version of skrnn that runs."""
    return str(import_module("skrnn").__version__)


class OtherVersionWarning(InconsistentVersionWarning):
    """Another version of skrnn wrote a model.

    The attributes are those of scikit-learn's warning, with versions of skrnn.
    """

    def __str__(self) -> str:
        return (
            f"{self.estimator_name} was saved by skrnn {self.original_sklearn_version}, "
            f"and this is {self.current_sklearn_version}: it may fail, or predict "
            "something else"
        )


def check_version(name: str, written: object) -> None:
    """Warn if another version of skrnn wrote the estimator."""
    current = current_version()
    if written != current:
        warn(
            OtherVersionWarning(
                estimator_name=name,
                current_sklearn_version=current,
                original_sklearn_version=str(written)[:40],
            )
        )


class VersionMixin:
    """Keeps the version of skrnn in pickles, and compares it when they are read."""

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), KEY: current_version()}  # type: ignore[dict-item]

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        check_version(type(self).__name__, state.pop(KEY, "before 0.1"))
        super().__setstate__(state)  # type: ignore[misc]
