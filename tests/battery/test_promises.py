"""Every estimator keeps the promises that ``skrnn.testing`` checks, for any kind of X."""

from __future__ import annotations

from skrnn import (
    FeedForwardClassifier,
    FeedForwardForecaster,
    FeedForwardGenerator,
    FeedForwardRegressor,
    FeedForwardTagger,
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.testing import parametrize_with_sequence_checks

QUICK = {"max_epochs": 1, "batch_size": 12}
RECURRENT = {"hidden_size": 4, "embedding_dim": 4, **QUICK}
DENSE = {"hidden_layer_sizes": (8,), "embedding_dim": 4, **QUICK}
WRITING = {"tokenizer": "word", "max_length": 6}
ESTIMATORS = [
    SequenceClassifier(**RECURRENT),
    SequenceRegressor(**RECURRENT),
    SequenceTagger(**RECURRENT),
    Seq2SeqTransformer(beam_size=2, **RECURRENT),
    FeedForwardClassifier(**DENSE),
    FeedForwardRegressor(**DENSE),
    FeedForwardTagger(**DENSE),
]
GENERATORS = [
    SequenceGenerator(**WRITING, **RECURRENT),
    FeedForwardGenerator(window=3, **WRITING, **DENSE),
]
OF_STEPS = [SequenceRegressor(**RECURRENT), FeedForwardRegressor(**DENSE)]
SERIES = {"horizon": 2, "window": 4, "calibration_fraction": None, **QUICK}
FORECASTERS = [
    SequenceForecaster(hidden_size=4, **SERIES),
    FeedForwardForecaster(hidden_layer_sizes=(8,), **SERIES),
]


@parametrize_with_sequence_checks(
    ESTIMATORS, inputs=["numbers", "tokens", "texts", "fields"], strict=True
)
def test_estimators_keep_their_promises(estimator, check):
    check(estimator)


@parametrize_with_sequence_checks(
    OF_STEPS, inputs=["numbers", "tokens"], targets="step_numbers", strict=True
)
def test_regressors_of_steps_keep_their_promises(estimator, check):
    check(estimator)


@parametrize_with_sequence_checks(
    GENERATORS, inputs=["zeros_and_ones", "tokens", "texts", "fields"], strict=True
)
def test_generators_keep_their_promises(estimator, check):
    check(estimator)


@parametrize_with_sequence_checks(FORECASTERS, inputs=["series"], strict=True)
def test_forecasters_keep_their_promises(estimator, check):
    check(estimator)
