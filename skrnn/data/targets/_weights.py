"""Weights of the loss, on the scale of the training data."""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn.data.ragged import RaggedArray
from skrnn.data.targets._base import CheckedData, Targets, scale_to_mean_1


def loss_weights(
    targets: Targets,
    class_weight: Any,
    data: CheckedData,
    train: CheckedData,
    scale: float | None = None,
) -> tuple[Any, float]:
    """Return float32 weights of sequences or steps, None for equal ones, and their scale.

    Parameters
    ----------
    targets : Targets
        The fitted kind of y.
    class_weight : object
        As the estimators' parameter.
    data, train : CheckedData
        The data to weight, and the training data, which may be the same. These say how
        common each class is.
    scale : float, optional
        Factor of the training data's weights; None makes the mean weight of ``data`` 1.
    """
    if scale is not None and (data.weight is None) != (train.weight is None):
        # sample weights for one part alone: they have no scale in common
        scale = None
        if data.weight is None:  # class weights alone, on their own scale
            unweighted = train.without_weight()
            _, scale = loss_weights(targets, class_weight, unweighted, train)
    weights = targets.loss_weights(data, train, class_weight)
    if weights is None:
        return None, 1.0
    values = weights.values if isinstance(weights, RaggedArray) else weights
    if scale is None and data is not train and not values.any():
        scale = 1.0  # held-out data none of which count
    if scale is None:
        by_step = isinstance(weights, RaggedArray)
        scale = scale_to_mean_1(values, None if by_step else targets.counts(data))
    with np.errstate(over="ignore"):
        scaled = (values * scale).astype(np.float32)
    if not np.isfinite(scaled).all():
        raise ValueError(
            "weights are too large for float32, by sample_weight, class_weight or both "
            "together"
        )
    if isinstance(weights, RaggedArray):
        return weights.with_values(scaled), scale
    return scaled, scale
