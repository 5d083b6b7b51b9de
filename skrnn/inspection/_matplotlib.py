"""matplotlib, an optional dependency that only plots import."""

from __future__ import annotations

from typing import Any


def import_pyplot() -> Any:
    """Return ``matplotlib.pyplot``.

    Raises
    ------
    ImportError
        If matplotlib is absent; the message names the extra that brings it.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "plot needs matplotlib; pip install skrnn[plot] brings it"
        ) from error
    return plt


def axes_or_new(ax: Any, width: float, height: float) -> Any:
    """Return ``ax``, or the axes of a new figure of this size in inches."""
    plt = import_pyplot()
    if ax is not None:
        return ax
    return plt.subplots(figsize=(width, height), layout="constrained")[1]
