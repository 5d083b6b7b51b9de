"""matplotlib, an optional dependency that only plots import, and the colours of displays."""

from __future__ import annotations

from typing import Any

from skrnn._optional import import_optional

#: Colours that people with any colour vision tell apart (Okabe & Ito 2008).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: Colours of what raises a number and of what lowers it.
RAISES, LOWERS = "#D55E00", "#0072B2"
#: Steps of which each has its label on an axis.
MAX_LABELS = 40


def import_pyplot(caller: str) -> Any:
    """Return ``matplotlib.pyplot``; the error of its absence names the caller.

    Raises
    ------
    ImportError
        If matplotlib is absent; the message names the extra that brings it.
    """
    return import_optional("matplotlib.pyplot", caller, "plot")


def get_axes(ax: Any, caller: str, figsize: tuple[float, float] = (6.4, 4.0)) -> Any:
    """Return ``ax``, or the axes of a new figure of this size in inches."""
    plt = import_pyplot(caller)
    return plt.subplots(figsize=figsize, layout="constrained")[1] if ax is None else ax


def plain(text: str) -> str:
    """Return a label that matplotlib shows as it is.

    Dollars would begin a formula, and legends leave out what begins with an underscore.
    """
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def label_steps(ax: Any, labels: list[str]) -> None:
    """Write the labels of steps 0, 1, ... under a horizontal axis, some of very many."""
    every = -(-len(labels) // MAX_LABELS)
    places = range(0, len(labels), every)
    chosen = [labels[i] for i in places]
    is_long = max(map(len, chosen)) * len(chosen) > 60
    ax.set_xticks(list(places), chosen, rotation=90 if is_long else 0)
    ax.tick_params(axis="x", length=0)


def color_map(signed: bool) -> Any:
    """Return the colour map from white, with ``signed`` in both directions."""
    from matplotlib.colors import LinearSegmentedColormap

    colors = [LOWERS, "white", RAISES] if signed else ["white", RAISES]
    return LinearSegmentedColormap.from_list("steps", colors)
