"""Numbers of steps beside the steps themselves: bars over words, a strip under a signal.

Steps without tokens are counted from 1, as in h_1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skrnn.inspection._frames import draw_frames
from skrnn.inspection._matplotlib import LOWERS, RAISES, color_map, get_axes, plain
from skrnn.inspection._steps import ShownSteps, strongest

#: Features up to which a signal is drawn as lines.
MAX_LINES = 8
#: Their colours; those of the strip are not among them.
LINES = (
    *("#000000", "#009E73", "#CC79A7", "#999999"),
    *("#882255", "#56B4E9", "#44AA99", "#E69F00"),
)
#: Words above which their names are turned.
MAX_LEVEL_WORDS = 8
#: Words that are named; of more the strongest of each part.
MAX_NAMED_WORDS = 60
#: Features of a heat map that are named.
MAX_NAMED_FEATURES = 40
#: Cells of the strip; of a longer signal the strongest step of each part.
MAX_CELLS = 600
#: Steps up to which the points of a signal are marked.
MAX_MARKED = 30


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
    if shown.images is not None:
        return draw_frames(shown.images, values, scale, ax)
    assert shown.signal is not None
    return _draw_signal(shown.signal, shown.names, values, scale, ax)


def _draw_words(tokens: list[str], values: NDArray, scale: Scale, ax: Any) -> Any:
    width = min(max(4.0, 1.5 + 0.45 * len(tokens)), 14.0)
    ax = get_axes(ax, scale.caller, (width, 3.2))
    places = np.arange(len(tokens))
    colors = [RAISES if value >= 0 or not scale.signed else LOWERS for value in values]
    ax.bar(places, values, color=colors, width=0.8)
    turned = len(tokens) > MAX_LEVEL_WORDS or max(map(len, tokens), default=0) > 8
    named = strongest(values, MAX_NAMED_WORDS)
    ax.set_xticks(
        named,
        [plain(tokens[place]) for place in named],
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
    from matplotlib.ticker import MaxNLocator

    n_steps, n_features = signal.shape
    if n_features <= MAX_LINES:
        for j in range(n_features):
            label = plain(names[j]) if names else f"feature {j + 1}"
            ax.plot(
                np.arange(1, n_steps + 1),
                signal[:, j],
                lw=1.2,
                color=LINES[j],
                label=label,
                marker="." if n_steps <= MAX_MARKED else None,
            )
        if n_features > 1:
            ax.legend(loc="upper right", fontsize="small", ncols=min(4, n_features))
        low, high = ax.get_ylim()
        ticks = MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        ax.set_yticks([tick for tick in ticks if low <= tick <= high])
        ax.set_ylabel(names[0] if names and n_features == 1 else "value")
    else:
        ax.imshow(
            signal.T,
            aspect="auto",
            origin="lower",
            cmap="gray_r",
            interpolation="nearest",
            extent=(0.5, n_steps + 0.5, 0.5, n_features + 0.5),
        )
        low, high = 0.5, n_features + 0.5
        ax.set_ylabel("feature")
        if names and n_features <= MAX_NAMED_FEATURES:
            labels = [plain(name) for name in names]
            ax.set_yticks(range(1, n_features + 1), labels, fontsize="small")
        else:
            ticks = MaxNLocator("auto", integer=True).tick_values(1, n_features)
            ax.set_yticks([tick for tick in ticks if 1 <= tick <= n_features])
    bottom = low - 0.16 * (high - low)
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    image = ax.imshow(
        values[strongest(values, MAX_CELLS)][None],
        aspect="auto",
        cmap=color_map(scale.signed),
        vmin=-largest if scale.signed else 0.0,
        vmax=largest,
        interpolation="nearest",
        extent=(0.5, n_steps + 0.5, bottom, low - 0.03 * (high - low)),
    )
    ax.set(xlim=(0.5, n_steps + 0.5), ylim=(bottom, high), xlabel="step")
    ticks = MaxNLocator("auto", integer=True).tick_values(1, n_steps)
    ax.set_xticks(sorted({1, *(int(tick) for tick in ticks if 1 < tick <= n_steps)}))
    ax.figure.colorbar(image, ax=ax).set_label(scale.label)
    return ax
