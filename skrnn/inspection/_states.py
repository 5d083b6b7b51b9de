"""States and gates over the steps of sequences: the memory at work."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.ragged import object_array
from skrnn.inspection._checks import check_index, check_recurrent, fitted_step
from skrnn.inspection._matplotlib import import_pyplot, label_steps
from skrnn.inspection._steps import step_labels
from skrnn.training.dataset import EncodedDataset
from skrnn.training.unrolling import States, record_states


def hidden_states(estimator: Any, X: Any, *, layer: int = -1) -> NDArray[np.object_]:
    """Return the states of a recurrent layer after each step: its outputs h_t.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted recurrent estimator of skrnn. A ``Seq2SeqTransformer`` gives the states of
        its encoder, those of its decoder are not included; a forecaster those of the window
        before each forecast.
    X : list, ndarray, Series or DataFrame of n_sequences sequences
        As for ``predict``.
    layer : int, default=-1
        Index of the layer; the last one by default.

    Returns
    -------
    states : ndarray of object of shape (n_sequences,)
        float32 arrays of shape (n_steps_i, n_units): ``hidden_size`` units, or twice as
        many, those of the backward direction last, where ``bidirectional``. A generator
        reads a begin before the first step, a tagger nothing of an empty sequence, other
        estimators one unknown token. Steps that are read as one (``patch_size_``) have one
        row.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If its network is feed-forward, or has no such layer.
    TypeError
        If the estimator is not one of skrnn.

    Examples
    --------
    >>> from skrnn import SequenceClassifier
    >>> from skrnn.inspection import hidden_states
    >>> X, y = [["not", "bad"], ["bad"]] * 10, [1, 0] * 10
    >>> model = SequenceClassifier(hidden_size=4, max_epochs=1).fit(X, y)
    >>> [states.shape for states in hidden_states(model, X[:2])]
    [(2, 8), (1, 8)]
    """
    found, _ = _recorded(estimator, X, "hidden_states", layer)
    return object_array([_joined(found, i)[0] for i in range(_length(found))])


def gate_values(estimator: Any, X: Any, *, layer: int = -1) -> NDArray[np.object_]:
    """Return the gates of an LSTM or GRU layer at each step.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted recurrent estimator of skrnn; of a ``Seq2SeqTransformer`` the encoder.
    X : list, ndarray, Series or DataFrame of n_sequences sequences
        As for ``predict``.
    layer : int, default=-1
        Index of the layer; the last one by default.

    Returns
    -------
    gates : ndarray of object of shape (n_sequences,)
        Dicts of float32 arrays of shape (n_steps_i, n_units), from 0 to 1. LSTM: "input",
        "forget" (1 keeps the cell's value) and "output". GRU: "reset" and "update" (1 keeps
        the state). minGRU: "update" (1 replaces the state). Plain cells have none. Steps that
        are read as one have one row.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If its network is feed-forward, or has no such layer.
    TypeError
        If the estimator is not one of skrnn.

    See Also
    --------
    HiddenStateDisplay : States and gates of one sequence, drawn.

    Examples
    --------
    >>> from skrnn import SequenceClassifier
    >>> from skrnn.inspection import gate_values
    >>> X, y = [["not", "bad"], ["bad"]] * 10, [1, 0] * 10
    >>> model = SequenceClassifier(cell="gru", hidden_size=4, max_epochs=1).fit(X, y)
    >>> {name: gate.shape for name, gate in gate_values(model, X[:1])[0].items()}
    {'reset': (2, 8), 'update': (2, 8)}
    """
    found, _ = _recorded(estimator, X, "gate_values", layer)
    return object_array([_joined(found, i)[2] for i in range(_length(found))])


class HiddenStateDisplay:
    """Heat map of the states of one sequence, and of the gates.

    Parameters
    ----------
    states : float32 ndarray of shape (n_steps, n_units)
        As from ``hidden_states``.
    gates : dict of str -> float32 ndarray of shape (n_steps, n_units)
        As from ``gate_values``; empty for cells without gates.
    cell_values : float32 ndarray of shape (n_steps, n_units) or None
        What an LSTM keeps from step to step.
    steps : list of n_steps str
        Labels of the steps.
    n_directions : int, default=1
        2 where the second half of the units reads backward.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        After ``plot``, one a heat map.
    figure_ : matplotlib Figure
        After ``plot``.

    See Also
    --------
    hidden_states, gate_values : The numbers alone, of many sequences.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn.inspection import HiddenStateDisplay
    >>> display = HiddenStateDisplay(np.zeros((2, 8)), {}, None, ["not", "bad"])
    >>> display.states.shape
    (2, 8)
    """

    def __init__(
        self,
        states: NDArray[np.float32],
        gates: dict[str, NDArray[np.float32]],
        cell_values: NDArray[np.float32] | None,
        steps: list[str],
        *,
        n_directions: int = 1,
    ):
        self.states = states
        self.gates = gates
        self.cell_values = cell_values
        self.steps = steps
        self.n_directions = n_directions

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, index: int = 0, layer: int = -1, ax: Any = None
    ) -> HiddenStateDisplay:
        """Run the network over one sequence and draw its states.

        Parameters
        ----------
        estimator, X :
            As for ``hidden_states``.
        index : int, default=0
            Which sequence of X; negative ones count from the end.
        layer : int, default=-1
            Index of the layer; the last one by default.
        ax : matplotlib Axes, default=None
            As for ``plot``.

        Returns
        -------
        display : HiddenStateDisplay

        Raises
        ------
        IndexError
            If X has no such sequence.
        """
        found, steps = _recorded(estimator, X, cls.__name__, layer, index)
        states, cell_values, gates = _joined(found, 0)
        display = cls(states, gates, cell_values, steps, n_directions=len(found))
        return display.plot(ax=ax)

    def plot(self, ax: Any = None, *, gates: bool = True) -> HiddenStateDisplay:
        """Draw heat maps with a column a step and a row a unit.

        Units are sorted by the step at which their state is strongest; the gates have the
        same order.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Its place is divided among the heat maps; None makes a new figure.
        gates : bool, default=True
            Whether to draw the gates, too.

        Returns
        -------
        display : HiddenStateDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is absent; ``pip install "skrnn[plot]"`` brings it.
        """
        plt = import_pyplot("HiddenStateDisplay.plot")
        rows: list[tuple[str, NDArray, Any]] = [("state $h_t$", self.states, None)]
        if self.cell_values is not None:
            rows.append(("cell value $c_t$", self.cell_values, None))
        if gates:
            rows += [(f"{name} gate", gate, (0, 1)) for name, gate in self.gates.items()]
        n_rows, n_columns = len(rows), self.n_directions
        width = min(12.0, 2.2 + n_columns * max(3.2, 0.34 * len(self.steps)))
        if ax is None:
            size = (width, 0.9 + 1.45 * n_rows)
            figure = plt.figure(figsize=size, layout="constrained")
            grid = figure.add_gridspec(n_rows, n_columns)
        else:
            figure = ax.figure
            place = ax.get_subplotspec()
            if place is None:
                raise ValueError("ax must have a place in a grid, as from plt.subplots")
            ax.remove()
            grid = place.subgridspec(n_rows, n_columns)
        axes = grid.subplots(squeeze=False, sharex=True)
        halves = np.split(np.arange(self.states.shape[1]), n_columns)
        orders = [units[_order(self.states[:, units])] for units in halves]
        for (title, values, bounds), line in zip(rows, axes, strict=True):
            if bounds is None:
                largest = max(float(np.abs(values).max()), 1e-9)
                low, high = -largest * (values.min() < 0), largest
                colours = "RdBu_r" if values.min() < 0 else "Reds"
            else:
                (low, high), colours = bounds, "cividis"
            for part, order in zip(line, orders, strict=True):
                image = part.imshow(
                    values[:, order].T,
                    aspect="auto",
                    cmap=colours,
                    vmin=low,
                    vmax=high,
                    interpolation="nearest",
                )
                part.set_yticks([])
                part.tick_params(axis="x", length=0)
            line[0].set_ylabel(f"{title}\n{len(orders[0])} units")
            bar = figure.colorbar(image, ax=list(line), fraction=0.05, pad=0.01)
            bar.locator = plt.MaxNLocator(4)  # a number that the layout does not change
        for part, direction in zip(axes[0], ("forward →", "← backward"), strict=False):
            if n_columns > 1:
                part.set_title(direction, fontsize="medium")
        for part in axes[-1]:
            label_steps(part, self.steps)
            part.set_xlabel("step")
        self.axes_, self.figure_ = axes, figure
        return self


def _order(states: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the units in the order of the step at which each is strongest."""
    peaks = np.abs(states).argmax(axis=0)
    signs = np.take_along_axis(states, peaks[None], axis=0)[0] < 0
    return np.lexsort((signs, peaks))


def _recorded(
    estimator: Any, X: Any, caller: str, layer: int, index: int | None = None
) -> tuple[list[States], list[str]]:
    """Return a layer's states, by direction; with ``index`` of that sequence alone.

    Then also its labels.
    """
    model, X = fitted_step(estimator, X, caller)
    check_recurrent(model)
    _check_layer(layer, model.net_.module_.first_member)
    checked, dataset = model._readable(X)
    labels = []
    if index is not None:
        index = check_index(index, len(dataset))
        labels = step_labels(model, checked, index, int(dataset.lengths[index]))
        dataset = EncodedDataset(dataset.sequences.take(np.array([index])))
        if not labels:
            raise ValueError(f"X[{index}] has no steps")
    by_cell = record_states(model.net_, dataset)
    first = next(iter(by_cell))[0]  # encoder, where there is a decoder, too
    n_layers = max(number for part, number, _ in by_cell if part == first)
    number = layer % n_layers + 1
    return [
        states
        for (part, n, _), states in by_cell.items()
        if part == first and n == number
    ], labels


def _check_layer(layer: Any, network: Any) -> None:
    n_layers = int(network.config["num_layers"])
    if not isinstance(layer, Integral) or isinstance(layer, bool):
        raise TypeError(f"layer must be an integer, got {layer!r}")
    if not -n_layers <= int(layer) < n_layers:
        raise ValueError(f"layer={layer} is out of range: there are {n_layers} layers")


def _length(found: list[States]) -> int:
    return len(found[0].states[0])


def _joined(
    found: list[States], i: int
) -> tuple[
    NDArray[np.float32], NDArray[np.float32] | None, dict[str, NDArray[np.float32]]
]:
    """Return states, cell values and gates of a sequence, directions side by side."""
    parts = [np.hstack([one.states[j][i] for one in found]) for j in _n_states(found)]
    gates = {
        name: np.hstack([one.gates[name][i] for one in found]) for name in found[0].gates
    }
    return parts[0], parts[1] if len(parts) > 1 else None, gates


def _n_states(found: list[States]) -> range:
    return range(len(found[0].states))
