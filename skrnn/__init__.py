"""Recurrent neural networks for scikit-learn."""

from skrnn.estimators._classifier import SequenceClassifier
from skrnn.estimators._feedforward import FeedForwardClassifier, FeedForwardRegressor
from skrnn.estimators._regressor import SequenceRegressor

__version__ = "0.1.0.dev0"

__all__ = [
    "FeedForwardClassifier",
    "FeedForwardRegressor",
    "SequenceClassifier",
    "SequenceRegressor",
]
