"""Numbers of steps beside the steps themselves: bars over words, a strip under a signal."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skrnn.inspection._matplotlib import LOWERS, RAISES, color_map, get_axes
from skrnn.inspection._steps import ShownSteps

#: Features up to which a signal is drawn as lines.
MAX_LINES = 8
#: Their colours; those of the strip are not among them.
LINES = (
    *("#000000", "#009E73", "#CC79A7", "#999999"),
    *("#882255", "#56B4E9", "#44AA99", "#E69F00"),
)
#: Words above which their names are turned.
MAX_LEVEL_WORDS = 8


class Scale(NamedTuple):
    """How the numbers of steps are drawn.

    Attributes
    ----------
    caller : str
        What draws them, for messages.
    label : str
        Of their axis.
    signed : bool
        Whether they have a sign, and two colours.
    """

    caller: str
    label: str
    signed: bool


def draw_steps(shown: ShownSteps, values: NDArray, scale: Scale, ax: Any) -> Any:
    """Draw the steps of one sequence with their numbers ``(n_steps,)``; return the axes."""
    if shown.tokens is not None:
        return _draw_words(shown.tokens, values, scale, ax)
    assert shown.signal is not None
    return _draw_signal(shown.signal, shown.names, values, scale, ax)


def _draw_words(tokens: list[str], values: NDArray, scale: Scale, ax: Any) -> Any:
    width = min(max(4.0, 1.5 + 0.45 * len(tokens)), 14.0)
    ax = get_axes(ax, scale.caller, (width, 3.2))
    places = np.arange(len(tokens))
    colors = [RAISES if value >= 0 or not scale.signed else LOWERS for value in values]
    ax.bar(places, values, color=colors, width=0.8)
    turned = len(tokens) > MAX_LEVEL_WORDS or max(map(len, tokens), default=0) > 8
    ax.set_xticks(
        places,
        tokens,
        rotation=60 if turned else 0,
        ha="right" if turned else "center",
        rotation_mode="anchor" if turned else None,
    )
    ax.axhline(0, color="black", lw=0.8)
    ax.set_ylabel(scale.label)
    ax.margins(x=0.01)
    return ax


def _draw_signal(
    signal: NDArray, names: list[str], values: NDArray, scale: Scale, ax: Any
) -> Any:
    ax = get_axes(ax, scale.caller, (8.0, 3.4))
    n_steps, n_features = signal.shape
    if n_features <= MAX_LINES:
        for j in range(n_features):
            label = names[j] if names else None
            ax.plot(signal[:, j], lw=1.2, color=LINES[j],
                    label=label)  # fmt: skip
        if names and n_features > 1:
            ax.legend(loc="upper right", fontsize="small", ncols=min(4, n_features))
        low, high = ax.get_ylim()
        ax.set_ylabel(names[0] if names and n_features == 1 else "value")
    else:
        ax.imshow(
            signal.T,
            aspect="auto",
            origin="lower",
            cmap="gray_r",
            interpolation="nearest",
            extent=(-0.5, n_steps - 0.5, -0.5, n_features - 0.5),
        )
        low, high = -0.5, n_features - 0.5
        ax.set_ylabel("feature")
    bottom = low - 0.16 * (high - low)
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    image = ax.imshow(
        values[None],
        aspect="auto",
        cmap=color_map(scale.signed),
        vmin=-largest if scale.signed else 0.0,
        vmax=largest,
        interpolation="nearest",
        extent=(-0.5, n_steps - 0.5, bottom, low - 0.03 * (high - low)),
    )
    ax.set(xlim=(-0.5, n_steps - 0.5), ylim=(bottom, high), xlabel="step")
    ax.figure.colorbar(image, ax=ax).set_label(scale.label)
    return ax
