"""Groups of parameters that several estimators have together."""

from __future__ import annotations

from collections.abc import Sequence

from skrnn.estimators._parameters._network import (
    CellParameters,
    DirectionParameters,
    PoolingParameters,
    RecurrentDropoutParameters,
)
from skrnn.estimators._parameters._other import OtherParameters
from skrnn.estimators._parameters._stopping import (
    ForecastStoppingParameters,
    StoppingParameters,
)
from skrnn.estimators._parameters._training import AugmentParameters, LoopParameters
from skrnn.estimators._rows import parameters


@parameters
class RecurrentParameters(
    PoolingParameters, RecurrentDropoutParameters, DirectionParameters, CellParameters
):
    """The network of recurrent classifiers and regressors."""


@parameters
class ForecastParameters(OtherParameters, ForecastStoppingParameters, LoopParameters):
    """Loop, stopping and other parameters of forecasters, last in a signature."""

    lr: float = 0.001
    weight_decay: float | str = "auto"
    quantiles: Sequence[float] = (0.05, 0.5, 0.95)


@parameters
class CommonParameters(
    OtherParameters, StoppingParameters, AugmentParameters, LoopParameters
):
    """Loop, stopping and other parameters, last in a signature."""
