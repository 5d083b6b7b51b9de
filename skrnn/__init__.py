"""Recurrent neural networks for scikit-learn."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skrnn.estimators._classifier import SequenceClassifier
    from skrnn.estimators._feedforward import (
        FeedForwardClassifier,
        FeedForwardRegressor,
        FeedForwardTagger,
    )
    from skrnn.estimators._forecaster import FeedForwardForecaster, SequenceForecaster
    from skrnn.estimators._generator import FeedForwardGenerator, SequenceGenerator
    from skrnn.estimators._regressor import SequenceRegressor
    from skrnn.estimators._seq2seq import Seq2SeqTransformer
    from skrnn.estimators._tagger import SequenceTagger

__version__ = "0.1.0.dev0"

__all__ = [
    "FeedForwardClassifier",
    "FeedForwardForecaster",
    "FeedForwardGenerator",
    "FeedForwardRegressor",
    "FeedForwardTagger",
    "Seq2SeqTransformer",
    "SequenceClassifier",
    "SequenceForecaster",
    "SequenceGenerator",
    "SequenceRegressor",
    "SequenceTagger",
]

#: Public packages, imported when they are first used.
_PACKAGES = [
    "datasets",
    "inspection",
    "metrics",
    "model_selection",
    "onnx",
    "persistence",
    "preprocessing",
    "testing",
]
#: The file of each estimator, imported when it is first used: they need PyTorch, which
#: metrics, preprocessing and model files do without.
_ESTIMATORS = {
    "FeedForwardClassifier": "_feedforward",
    "FeedForwardForecaster": "_forecaster",
    "FeedForwardGenerator": "_generator",
    "FeedForwardRegressor": "_feedforward",
    "FeedForwardTagger": "_feedforward",
    "Seq2SeqTransformer": "_seq2seq",
    "SequenceClassifier": "_classifier",
    "SequenceForecaster": "_forecaster",
    "SequenceGenerator": "_generator",
    "SequenceRegressor": "_regressor",
    "SequenceTagger": "_tagger",
}


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"skrnn.{name}")
    if name in _ESTIMATORS:
        module = import_module(f"skrnn.estimators.{_ESTIMATORS[name]}")
        return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module 'skrnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_PACKAGES, "__version__"])
