"""Where the parameters of a network are."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from skrnn.inspection._checks import fitted_step

#: Start of the paths in an ensemble, whose members have the same parts.
MEMBER = re.compile(r"^members\.\d+\.")
#: Name of the part for the path of a weight in the network, in the order of the data flow;
#: the first match counts.
PARTS = {
    r"input_layer\.(fields\.\d+\.)?char_encoder": "character encoder",
    r"input_layer": "embedding",
    r"embedding": "target embedding",
    r"static": "embedding of static columns",
    r"(encoder|layers)\.(?P<direction>\w+)?layers\.(?P<layer>\d+)": "recurrent layer",
    r"pooling": "pooling",
    r"join": "hidden layer after the join",
    r"hidden": "hidden layers",
    r"ahead": "vectors of the steps ahead",
    r"decoder\.attention": "attention",
    r"decoder": "decoder",
    r"head|bias|project": "output",
    r"crf": "conditional random field",
}


def count_parameters(estimator: Any, by: str = "part") -> pd.Series:
    """Count the trained numbers of a network, part by part.

    A recurrent network applies the same weights at each step, so that the counts do not
    depend on the length of the sequences. Those of a feed-forward network grow with its
    window.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted estimator of skrnn, feed-forward ones included.
    by : {"part", "layer"}, default="part"
        "part" names the parts: embedding, recurrent layers by direction, pooling, output.
        "layer" has one row for each layer of the torch network, by its name in
        ``net_.module_``.

    Returns
    -------
    counts : Series of int
        In the order of the data flow. Its sum is ``n_parameters_``: frozen weights do not
        count.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is not an estimator of skrnn.
    ValueError
        If ``by`` is neither "part" nor "layer".

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import FeedForwardClassifier, SequenceClassifier
    >>> from skrnn.inspection import count_parameters
    >>> X, y = np.random.default_rng(0).normal(size=(20, 30, 2)), [0, 1] * 10
    >>> model = SequenceClassifier(hidden_size=8, pooling="attention", max_epochs=1)
    >>> count_parameters(model.fit(X, y))
    part
    recurrent layer 1, forward     384
    recurrent layer 1, backward    384
    pooling                        288
    output                          34
    Name: parameters, dtype: int64
    >>> for window in 10, 100, 1000:
    ...     model = FeedForwardClassifier(
    ...         hidden_layer_sizes=8, window=window, max_epochs=1
    ...     )
    ...     print(window, count_parameters(model.fit(X, y)).sum())
    10 186
    100 1626
    1000 16026
    """
    model, _ = fitted_step(estimator, None, "count_parameters")
    if by not in ("part", "layer"):
        raise ValueError(f'by must be "part" or "layer", got {by!r}')
    weights = {
        path: weight.numel()
        for path, weight in model.net_.module_.named_parameters()
        if weight.requires_grad
    }
    name_of = _part if by == "part" else _layer
    places: dict[str, tuple[int, int]] = {}
    counts: dict[str, int] = {}
    for path, count in weights.items():
        path = MEMBER.sub("", path)
        name, places[name] = name_of(path)
        counts[name] = counts.get(name, 0) + count
    if not any("decoder" in path for path in weights):  # which reads targets
        _rename_own_embedding(counts, places)
    order = sorted(counts, key=places.__getitem__)  # equal places keep their order
    index = pd.Index(order, name=by)
    return pd.Series(
        [counts[name] for name in order], index, name="parameters", dtype="int64"
    )


def _layer(path: str) -> tuple[str, tuple[int, int]]:
    """Return the layer that a weight belongs to, and its place."""
    return path.rpartition(".")[0] or path, (0, 0)


def _part(path: str) -> tuple[str, tuple[int, int]]:
    """Return the part that a weight belongs to, and its place in the data flow."""
    for rank, (pattern, name) in enumerate(PARTS.items()):
        found = re.match(pattern, path)
        if found is None:
            continue
        groups = found.groupdict()
        if "layer" not in groups:
            return name, (rank, 0)
        number = int(groups["layer"]) + 1
        direction = (groups["direction"] or "forward_").rstrip("_")
        return f"{name} {number}, {direction}", (rank, number)
    return path.partition(".")[0].replace("_", " "), (len(PARTS), 0)


def _rename_own_embedding(counts: dict[str, int], places: dict[str, Any]) -> None:
    """Name the embedding of a network that reads what it generates."""
    own = PARTS["embedding"]
    if own in counts:
        counts["embedding"] = counts.pop(own)
        places["embedding"] = places.pop(own)
