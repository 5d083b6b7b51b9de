"""TransitionDisplay: which label may follow which in a tagger."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from skrnn.estimators._tagger import TaggingTask
from skrnn.inspection._checks import fitted_step
from skrnn.inspection._matplotlib import color_map, get_axes, plain

#: Labels up to which the cells show their numbers.
MAX_LABELS = 12


class TransitionDisplay:
    """Picture of the scores of neighbouring labels in the conditional random field of a tagger.

    A high score makes a transition probable whatever the steps say. It adds to the scores
    that the network gives to the labels of each step, so that differences within a row
    count, not the numbers themselves.

    Parameters
    ----------
    transitions : DataFrame of shape (n_classes, n_classes)
        Score of going from one label (row) to another (column), -inf where the scheme
        forbids it.
    start, end : Series of shape (n_classes,)
        Score of each label as the first and as the last one.

    Attributes
    ----------
    ax_ : matplotlib Axes
        After ``plot``.
    figure_ : matplotlib Figure
        After ``plot``.

    See Also
    --------
    skrnn.SequenceTagger : The estimator; its ``transitions_`` are the scores alone.

    References
    ----------
    Lafferty, McCallum, Pereira (2001). Conditional random fields: probabilistic models
    for segmenting and labeling sequence data. ICML.

    Examples
    --------
    >>> import pandas as pd
    >>> from skrnn import SequenceTagger
    >>> from skrnn.inspection import TransitionDisplay
    >>> X = [["Ada", "met", "Bob", "Lee"], ["we", "met", "Ada"]] * 4
    >>> y = [["B", "O", "B", "I"], ["O", "O", "B"]] * 4
    >>> model = SequenceTagger(hidden_size=8, max_epochs=30, random_state=0).fit(X, y)
    >>> ends = pd.Series(0.0, model.classes_)
    >>> display = TransitionDisplay(model.transitions_, ends, ends)
    >>> display.transitions.idxmax(axis=1).to_dict()
    {'B': 'I', 'I': 'I', 'O': 'B'}
    """

    def __init__(self, transitions: pd.DataFrame, start: pd.Series, end: pd.Series):
        self.transitions = transitions
        self.start = start
        self.end = end

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> TransitionDisplay:
        """Take the scores from a fitted tagger and draw them.

        Parameters
        ----------
        estimator : SequenceTagger, FeedForwardTagger, or Pipeline
            Fitted with ``crf=True``.
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        display : TransitionDisplay

        Raises
        ------
        NotFittedError
            If the tagger is not fitted.
        TypeError
            If the estimator is no tagger.
        ValueError
            If the fit was without a conditional random field.
        """
        estimator, _ = fitted_step(estimator, None, cls.__name__, TaggingTask, "taggers")
        crf = estimator.net_.module_.crf
        if crf is None:
            raise ValueError(
                f"{cls.__name__} needs a fit with crf=True; without a conditional random "
                "field the labels of neighbouring steps have no scores"
            )
        labels = pd.Index(estimator.classes_)
        return cls(
            estimator.transitions_,
            pd.Series(_scores(crf.start, crf.may_start), labels.rename("first")),
            pd.Series(_scores(crf.end, crf.may_end), labels.rename("last")),
        ).plot(ax=ax)

    def plot(self, ax: Any = None) -> TransitionDisplay:
        """Draw the scores as a heat map; what the scheme forbids is crossed out.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        display : TransitionDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is absent; ``pip install "skrnn[plot]"`` brings it.
        """
        labels = list(map(str, self.transitions.index))
        n_labels = len(labels)
        size = min(2.6 + 0.5 * (n_labels + 1), 12)
        ax = get_axes(ax, "TransitionDisplay.plot", (size + 0.6, size))
        scores = np.full((n_labels + 1, n_labels + 1), np.nan)
        scores[1:, :-1] = self.transitions
        scores[0, :-1], scores[1:, -1] = self.start, self.end
        real = np.isfinite(scores)
        largest = float(np.abs(scores[real]).max(initial=0.0)) or 1.0
        image = ax.imshow(
            np.where(real, scores, np.nan),
            cmap=color_map(signed=True),
            vmin=-largest,
            vmax=largest,
        )
        for row, column in np.argwhere(np.isneginf(scores)):
            ax.plot(
                column, row, marker="x", color="0.6", markersize=min(8, 90 / n_labels)
            )
        digits = 1 if largest >= 1 else 2
        if n_labels <= MAX_LABELS:
            for row, column in np.argwhere(real):
                value = scores[row, column]
                color = "white" if abs(value) > 0.65 * largest else "black"
                ax.text(
                    column,
                    row,
                    f"{value:z.{digits}f}".replace("-", "−"),
                    ha="center",
                    va="center",
                    color=color,
                    fontsize=8,
                )
        labels = [plain(label) for label in labels]
        small = {"fontsize": max(5, min(10, 320 / (n_labels + 1)))}
        ax.set_xticks(range(n_labels + 1), [*labels, "end"], rotation=90, **small)
        ax.set_yticks(range(n_labels + 1), ["start", *labels], **small)
        ax.axhline(0.5, color="black", lw=0.8)
        ax.axvline(n_labels - 0.5, color="black", lw=0.8)
        ax.set(xlabel="to", ylabel="from")
        bar = ax.figure.colorbar(image, ax=ax, shrink=0.8)
        bar.set_label("score (nats)")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _scores(scores: torch.Tensor, allowed: torch.Tensor) -> NDArray[np.float32]:
    """Return scores, -inf where they are not allowed."""
    return scores.detach().masked_fill(~allowed, -torch.inf).cpu().numpy()
