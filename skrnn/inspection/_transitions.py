"""Transitions: which label may follow which in a tagger, as numbers and as a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from skrnn.estimators._tagger import TaggingTask
from skrnn.inspection._checks import fitted_step
from skrnn.inspection._matplotlib import color_map, get_axes, plain
from skrnn.inspection._steps import END, START

#: Labels up to which the cells show their numbers.
MAX_LABELS = 12


def transition_scores(estimator: Any) -> pd.DataFrame:
    """Return the scores of neighbouring labels in the conditional random field of a tagger.

    Parameters
    ----------
    estimator : SequenceTagger, FeedForwardTagger, or Pipeline
        Fitted with ``crf=True``.

    Returns
    -------
    scores : DataFrame of shape (n_classes + 1, n_classes + 1)
        Float32 scores in nats of going from one label (row) to another (column), -inf
        where the scheme forbids it. The first row, "<start>", has those of each label as
        the first of a sequence, the last column, "<end>", those as the last one. The
        corner of the two is NaN: nothing scores an empty sequence.

    Raises
    ------
    NotFittedError
        If the tagger is not fitted.
    TypeError
        If the estimator is not a tagger.
    ValueError
        If the fit was without a conditional random field.

    See Also
    --------
    TransitionDisplay : The scores, drawn.
    skrnn.SequenceTagger : The estimator; its ``transitions_`` are those between labels.

    Examples
    --------
    >>> from skrnn import SequenceTagger
    >>> from skrnn.inspection import transition_scores
    >>> X = [["Ada", "met", "Bob", "Lee"], ["we", "met", "Ada"]] * 4
    >>> y = [["B-PER", "O", "B-PER", "I-PER"], ["O", "O", "B-PER"]] * 4
    >>> model = SequenceTagger(hidden_size=8, max_epochs=5, scheme="IOB2", random_state=0)
    >>> scores = transition_scores(model.fit(X, y))
    >>> list(scores.index), list(scores.columns)
    (['<start>', 'B-PER', 'I-PER', 'O'], ['B-PER', 'I-PER', 'O', '<end>'])
    >>> float(scores.loc["O", "I-PER"]), float(scores.loc["<start>", "I-PER"])
    (-inf, -inf)
    """
    return _scores_of(estimator, "transition_scores")


def _scores_of(estimator: Any, caller: str) -> pd.DataFrame:
    estimator, _ = fitted_step(estimator, None, caller, TaggingTask, "taggers")
    crf = estimator.net_.module_.crf
    if crf is None:
        raise ValueError(
            f"{caller} needs a fit with crf=True; without a conditional random "
            "field the labels of neighbouring steps have no scores"
        )
    between = estimator.transitions_
    n_labels = len(between)
    scores = np.full((n_labels + 1, n_labels + 1), np.nan, np.float32)
    scores[1:, :-1] = between
    scores[0, :-1] = _allowed(crf.start, crf.may_start)
    scores[1:, -1] = _allowed(crf.end, crf.may_end)
    labels = between.index.astype(object)
    return pd.DataFrame(
        scores,
        index=labels.insert(0, START).rename("from"),
        columns=labels.insert(n_labels, END).rename("to"),
    )


class TransitionDisplay:
    """Picture of the scores of neighbouring labels in the conditional random field of a tagger.

    A high score makes a transition probable whatever the steps say. It adds to the scores
    that the network gives to the labels of each step, so that differences within a row
    count, not the numbers themselves.

    Parameters
    ----------
    scores : DataFrame of shape (n_classes + 1, n_classes + 1)
        As from ``transition_scores``.

    Attributes
    ----------
    transitions : DataFrame of shape (n_classes, n_classes)
        Score of going from one label (row) to another (column), -inf where the scheme
        forbids it.
    start, end : Series of shape (n_classes,)
        Score of each label as the first and as the last one.
    ax_ : matplotlib Axes
        After ``plot``.
    figure_ : matplotlib Figure
        After ``plot``.

    See Also
    --------
    transition_scores : The scores alone.

    References
    ----------
    Lafferty, McCallum, Pereira (2001). Conditional random fields: probabilistic models
    for segmenting and labeling sequence data. ICML.

    Examples
    --------
    >>> from skrnn import SequenceTagger
    >>> from skrnn.inspection import TransitionDisplay, transition_scores
    >>> X = [["Ada", "met", "Bob", "Lee"], ["we", "met", "Ada"]] * 4
    >>> y = [["B", "O", "B", "I"], ["O", "O", "B"]] * 4
    >>> model = SequenceTagger(hidden_size=8, max_epochs=30, random_state=0).fit(X, y)
    >>> display = TransitionDisplay(transition_scores(model))
    >>> display.transitions.idxmax(axis=1).to_dict()
    {'B': 'I', 'I': 'I', 'O': 'B'}
    """

    def __init__(self, scores: pd.DataFrame):
        self.scores = scores
        self.transitions = scores.iloc[1:, :-1]
        self.start = scores.iloc[0, :-1]
        self.end = scores.iloc[1:, -1]

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
            If the estimator is not a tagger.
        ValueError
            If the fit was without a conditional random field.
        """
        return cls(_scores_of(estimator, cls.__name__)).plot(ax=ax)

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
        n_labels = len(self.transitions)
        size = min(2.6 + 0.5 * (n_labels + 1), 12)
        ax = get_axes(ax, "TransitionDisplay.plot", (size + 0.6, size))
        scores = self.scores.to_numpy()
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
        rows, columns = (
            [plain(str(label)) for label in axis]
            for axis in (self.scores.index, self.scores.columns)
        )
        small = {"fontsize": max(5, min(10, 320 / (n_labels + 1)))}
        ax.set_xticks(range(n_labels + 1), columns, rotation=90, **small)
        ax.set_yticks(range(n_labels + 1), rows, **small)
        ax.axhline(0.5, color="black", lw=0.8)
        ax.axvline(n_labels - 0.5, color="black", lw=0.8)
        ax.set(xlabel="to", ylabel="from")
        bar = ax.figure.colorbar(image, ax=ax, shrink=0.8)
        bar.set_label("score (nats)")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _allowed(scores: torch.Tensor, allowed: torch.Tensor) -> NDArray[np.float32]:
    """Return scores, -inf where they are not allowed."""
    return scores.detach().masked_fill(~allowed, -torch.inf).cpu().numpy()
