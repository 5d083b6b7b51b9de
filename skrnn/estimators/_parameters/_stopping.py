"""Parameters of when training ends, and of what is held out."""

from __future__ import annotations

from typing import Any, ClassVar

from skrnn.estimators._parameters._constraints import POSITIVE_INT, SHARE
from skrnn.estimators._rows import OneOf, parameter, parameters


@parameters
class StoppingParameters:
    """When training ends before ``max_epochs``."""

    _group: ClassVar[str] = "stopping"

    early_stopping: bool | str = parameter(
        "auto",
        ["boolean", OneOf(("auto",))],
        """Whether training watches held-out data, keeps the best epoch's weights and stops
        after ``n_iter_no_change`` epochs without a better one (with an annealing
        schedule, "one_cycle" or "cosine", it runs to the schedule's end). "auto": where
        ``X_val`` is passed to ``fit``. With False a given ``X_val`` is only scored.""",
        kind='bool or "auto"',
    )
    validation_fraction: float = parameter(
        0.1,
        [SHARE],
        "Share of the sequences held out where ``X_val`` is not passed.",
        kind="float in (0, 1)",
    )
    validation_strategy: str = parameter(
        "random",
        [OneOf(("random", "last"))],
        """Which sequences are held out. "random" keeps the shares of the classes, and one
        sequence of each class in training. "last" suits overlapping windows of a series,
        which leak through a random choice.""",
    )
    n_iter_no_change: int = parameter(
        10,
        [POSITIVE_INT],
        "Epochs without improvement after which training stops.",
        kind="int",
    )
    scoring: Any = parameter(
        None,
        [None, str, callable],
        """scikit-learn scorer of the held-out data, with their weights if its metric takes
        ``sample_weight``; None watches the loss. ``Seq2SeqTransformer`` also takes "bleu" and
        "chrf", by sacrebleu (``skrnn[metrics]``), and scores at most 500 held-out pairs after
        each epoch, or a fiftieth of the number of training pairs where that is more.""",
        kind="str, callable or None",
    )


@parameters
class ForecastStoppingParameters:
    """When the training of a forecaster ends before ``max_epochs``."""

    _group: ClassVar[str] = "stopping"

    early_stopping: bool | str = parameter(
        "auto",
        ["boolean", OneOf(("auto",))],
        """Whether training watches held-out windows and keeps the best epoch's weights.
        True holds out the end of each series, which training then does not see; "auto"
        watches only where ``X_val`` is passed to ``fit``. The network of
        ``calibration_fraction`` then watches the end of its own part of each series.""",
        kind='bool or "auto"',
    )
    validation_fraction: float = parameter(
        0.1,
        [SHARE],
        "Share of each series that ``early_stopping=True`` holds out.",
        kind="float in (0, 1)",
    )
    n_iter_no_change: int = parameter(
        10,
        [POSITIVE_INT],
        "Epochs without improvement after which training stops.",
        kind="int",
    )
    calibration_fraction: float | None = parameter(
        0.2,
        [SHARE, None],
        """Share of each series, at its end, on which a first network, trained without it,
        measures the errors of forecasts: they give ``predict_quantiles`` its intervals, and
        decide which share of the network's correction is kept. The final network is
        trained on everything. None trains once, without either.""",
        kind="float in (0, 1) or None",
    )
