"""Recurrent neural networks for scikit-learn."""

from skrnn.estimators._classifier import SequenceClassifier
from skrnn.estimators._feedforward import (
    FeedForwardClassifier,
    FeedForwardRegressor,
    FeedForwardTagger,
)
from skrnn.estimators._generator import FeedForwardGenerator, SequenceGenerator
from skrnn.estimators._regressor import SequenceRegressor
from skrnn.estimators._seq2seq import Seq2SeqTransformer
from skrnn.estimators._tagger import SequenceTagger

__version__ = "0.1.0.dev0"

__all__ = [
    "FeedForwardClassifier",
    "FeedForwardGenerator",
    "FeedForwardRegressor",
    "FeedForwardTagger",
    "Seq2SeqTransformer",
    "SequenceClassifier",
    "SequenceGenerator",
    "SequenceRegressor",
    "SequenceTagger",
]
