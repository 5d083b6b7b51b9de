"""Transformers of sequences that give out the container that they were given."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import TransformerMixin

from skrnn._callbacks import CallbackSupportMixin
from skrnn._versions import VersionMixin


class SameContainerMixin(VersionMixin, CallbackSupportMixin, TransformerMixin):
    """Mixin: the result is in the container of X, whatever output is configured.

    scikit-learn's callbacks see a ``fit`` that is decorated by ``as_one_task``.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(auto_wrap_output_keys=None, **options)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Do nothing: the result is in the container of X.

        A Pipeline calls it in its own ``set_output``.

        Parameters
        ----------
        transform : str, default=None
            Ignored.

        Returns
        -------
        self : object
            This transformer.
        """
        return self
