"""Parameters of training: losses, weights, the loop."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar

from torch.optim import Optimizer

from skrnn._sklearn import Interval, SequenceOf, SubclassOf
from skrnn.estimators._parameters._constraints import (
    NON_NEGATIVE,
    POSITIVE,
    POSITIVE_INT,
    RATE,
    SHARE,
)
from skrnn.estimators._rows import OneOf, parameter, parameters
from skrnn.training.averaging import AVERAGES
from skrnn.training.callbacks import SCHEDULES
from skrnn.training.losses import LOSSES
from skrnn.training.optimizers import OPTIMIZERS

#: What ``weight_decay="auto"`` means for "adamw".
AUTO_WEIGHT_DECAY = 0.3


@parameters
class LabelSmoothingParameters:
    """Smoothed targets."""

    _group: ClassVar[str] = "training"

    label_smoothing: float = parameter(
        0.1,
        [RATE],
        """Share of the target's probability that is spread over all classes in training.
        A tagger's conditional random field takes none.""",
        kind="float in [0, 1)",
        architecture=True,
    )


@parameters
class ClassWeightParameters:
    """Weights of classes."""

    _group: ClassVar[str] = "training"

    class_weight: Any = parameter(
        None,
        [dict, list, OneOf(("balanced",)), None],
        """Weight of each class in the loss, as in scikit-learn; a list has one for each
        label of a multilabel y. A tagger multiplies the odds of a class at each step by
        it.""",
        kind='dict, "balanced", list of dict or None',
    )


@parameters
class RegressionLossParameters:
    """The loss of regressors."""

    _group: ClassVar[str] = "training"

    loss: str = parameter(
        "squared_error",
        [OneOf(LOSSES)],
        """Training minimizes it over y scaled by mean and standard deviation. Those of "huber",
        "absolute_error" and "quantile" come from the median and the quartiles, which
        outliers hardly change.""",
        architecture=True,
    )
    quantiles: Sequence[float] = parameter(
        (0.1, 0.5, 0.9),
        [SequenceOf(SHARE, distinct=True)],
        """Levels of ``predict_quantiles``; a regressor has it with ``loss="quantile"``, by
        which ``predict`` is the median.""",
        kind="sequence of float in (0, 1)",
        architecture=True,
    )


@parameters
class AugmentParameters:
    """Augmentation."""

    _group: ClassVar[str] = "training"

    augment: Any = parameter(
        None,
        [callable, None],
        """Function that makes other training sequences of X in each pass. It is called as
        ``augment(X, random_state)`` with a list of them (strings, token lists, or arrays
        ``(n_steps_i, n_features)``, whose values may be changed) and a RandomState, and
        returns as many. Targets stay as they are, and held-out sequences are never
        augmented.""",
        kind="callable or None",
    )


@parameters
class TruncationParameters:
    """Truncated back-propagation through time."""

    _group: ClassVar[str] = "training"

    bptt: int = parameter(
        128,
        [Interval(Integral, 2, None, closed="left")],
        """Steps of truncated back-propagation through time: a longer sequence is read in
        chunks that carry their state, and gradients are cut between them. More see
        further back and take more memory.""",
        kind="int",
    )


@parameters
class LoopParameters:
    """The training loop."""

    _group: ClassVar[str] = "training"

    max_epochs: int | str = parameter(
        "auto",
        [POSITIVE_INT, OneOf(("auto",))],
        """Passes over the training data. "auto": <_budget.epochs_text>. ``n_iter_`` is
        their number.""",
        kind='int or "auto"',
    )
    batch_size: int | str = parameter(
        "auto",
        [POSITIVE_INT, OneOf(("auto",))],
        """Sequences in an update. "auto": <_budget.batches_text>. ``batch_size_`` is their
        number.""",
        kind='int or "auto"',
    )
    lr: float | str = parameter(
        0.003,
        [POSITIVE, OneOf(("auto",))],
        """Learning rate, the highest one of the schedule. "auto": <_budget.lr_text> for batches
        of up to 32 sequences, growing with the square root of their size up to twice as
        much; half of it for a schedule that does not anneal the rate, and in
        ``partial_fit``. ``lr_`` is the rate.""",
        kind='float or "auto"',
    )
    optimizer: str | type[Optimizer] = parameter(
        "adamw",
        [OneOf(OPTIMIZERS), SubclassOf(Optimizer)],
        'Optimizer, or a class of ``torch.optim``. "sgd" has Nesterov momentum 0.9.',
        kind='{"adam", "adamw", "sgd", "rmsprop"} or type',
        architecture=True,
    )
    weight_decay: float | str = parameter(
        0.0,
        [NON_NEGATIVE, OneOf(("auto",))],
        f"""Weight decay as the optimizer understands it. "auto": {AUTO_WEIGHT_DECAY} with
        "adamw", whose decay is decoupled from the gradient, 0 with others.""",
        kind='float or "auto"',
        architecture=True,
    )
    lr_schedule: str = parameter(
        "one_cycle",
        [OneOf(SCHEDULES)],
        """Course of the learning rate over the updates; "plateau" halves it when the loss
        has not improved for more than two epochs.""",
    )
    max_grad_norm: float | None = parameter(
        1.0,
        [POSITIVE, None],
        "Largest norm of all gradients together; None does not clip them.",
        kind="float or None",
    )
    weight_averaging: str | None = parameter(
        None,
        [OneOf(AVERAGES), None],
        """Average of the weights that ``fit`` validates, keeps and ends with, in place of the
        last ones: an exponential moving average over about the updates of a pass ("ema"),
        or the mean of the weights after each pass in the last quarter of ``max_epochs``
        ("swa"), which averages nothing where training ends before that quarter. It smooths
        trainings whose learning rate does not anneal.""",
    )
