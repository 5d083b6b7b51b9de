"""scikit-learn's protocol of callbacks, which is experimental there: its only adapter.

Whatever scikit-learn changes in ``sklearn.callback`` is followed here alone. A fit is a task;
the epochs of a training are its subtasks. Callbacks of skorch, which the parameter
``callbacks`` takes, are another matter: ``skrnn.training.user_callbacks``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any

from sklearn.callback import CallbackSupportMixin

# Its public form, a decorator, would stand between the user's line and the warnings of a fit.
from sklearn.callback._callback_support import callback_management_context

__all__ = [
    "CallbackSupportMixin",
    "FitTasks",
    "as_one_task",
    "callback_management_context",
]


class FitTasks:
    """The task of one training, and the subtask of each of its epochs.

    It belongs into a ``callback_management_context``, which tears the callbacks down
    however a training ends.

    Parameters
    ----------
    estimator : estimator
        With ``CallbackSupportMixin``.
    name : str
        Name of the task.
    n_epochs : int
        The most epochs.
    X, y : object
        What the user passed to ``fit``. Where y is None the targets are in X, which is
        given to callbacks as y, so that ``ScoringMonitor`` calls the scorer.
    sample_weight : ndarray of shape (n_sequences,) or None
        Given to callbacks if ``score`` takes it.
    snapshot : callable
        ``snapshot()`` → the attributes that an estimator needs to predict as if training
        had ended now. It is called only for callbacks that ask for that estimator.
    """

    def __init__(
        self,
        estimator: Any,
        name: str,
        n_epochs: int,
        *,
        X: Any,
        y: Any,
        sample_weight: Any,
        snapshot: Callable[[], dict[str, Any]],
    ):
        weigh = sample_weight is not None and _takes_weights(estimator)
        self.arguments: dict[str, Any] = {
            "estimator": estimator,
            "X": X,
            "y": X if y is None else y,
            "metadata": {"sample_weight": sample_weight} if weigh else None,
            "reconstruction_attributes": snapshot,
        }
        self.epoch: Any = None
        self.stop = False
        self.root = estimator._init_callback_context(
            task_name=name, max_subtasks=n_epochs
        )
        given = {k: v for k, v in self.arguments.items() if k in ("estimator", "X", "y")}
        self.root.call_on_fit_task_begin(**given, metadata=self.arguments["metadata"])

    def begin_epoch(self) -> None:
        """Begin the subtask of an epoch."""
        self.epoch = self.root.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self.arguments)

    def end_epoch(self) -> None:
        """End it; ``stop`` becomes true if a callback wants training to end."""
        epoch, self.epoch = self.epoch, None
        self.stop = epoch.call_on_fit_task_end(**self.arguments)

    def finish(self) -> None:
        """End the task of the training, and that of an epoch that ended early."""
        if self.epoch is not None:
            self.end_epoch()
        self.root.call_on_fit_task_end(**self.arguments)
        self.arguments = {}


def _takes_weights(estimator: Any) -> bool:
    return "sample_weight" in signature(estimator.score).parameters


def as_one_task(method: Any) -> Any:
    """Decorate the ``fit`` of a transformer: callbacks see one task without subtasks."""
    name = method.__name__.replace("_", "-")

    @wraps(method)
    def decorated(estimator: Any, X: Any, y: Any = None, *args: Any, **kw: Any) -> Any:
        task = {"estimator": estimator, "X": X, "y": y}
        with callback_management_context(estimator):
            context = estimator._init_callback_context(task_name=name)
            context.call_on_fit_task_begin(**task)
            result = method(estimator, X, y, *args, **kw)
            context.call_on_fit_task_end(**task, reconstruction_attributes={})
        return result

    return decorated
