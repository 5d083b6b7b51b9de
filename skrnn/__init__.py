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
    from skrnn.training.callbacks import StopTraining

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
    "StopTraining",
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
#: The file of each name, imported when it is first used: they need PyTorch, which metrics,
#: preprocessing and model files do without.
_FILES = {
    "FeedForwardClassifier": "estimators._feedforward",
    "FeedForwardForecaster": "estimators._forecaster",
    "FeedForwardGenerator": "estimators._generator",
    "FeedForwardRegressor": "estimators._feedforward",
    "FeedForwardTagger": "estimators._feedforward",
    "Seq2SeqTransformer": "estimators._seq2seq",
    "SequenceClassifier": "estimators._classifier",
    "SequenceForecaster": "estimators._forecaster",
    "SequenceGenerator": "estimators._generator",
    "SequenceRegressor": "estimators._regressor",
    "SequenceTagger": "estimators._tagger",
    "StopTraining": "training.callbacks",
}


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"skrnn.{name}")
    if name in _FILES:
        module = import_module(f"skrnn.{_FILES[name]}")
        return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module 'skrnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_PACKAGES, "__version__"])
