"""The table of all estimators, and small data that suit each of them.

A test asks for ``make_estimator`` (each estimator in turn) or for one of the fixtures beside
it that take a part of the table, and gets a ``Case``: a function that makes a small
estimator, which also knows the targets and the outputs that suit it. ``X``, ``numbers``,
``y`` and ``outputs`` are those of the case that the test asked for. A new estimator is one
row of ``CASES``, a new kind of answer one row of ``ANSWERS``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

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
from skrnn.data.ragged import object_array

N_SEQUENCES = 24
#: Lengths from 1 to 6.
LENGTHS = [1, 6, *np.random.default_rng(0).integers(1, 7, size=N_SEQUENCES - 2).tolist()]
LEXICON = np.array(["oak", "elm", "ash", "Yew", "fir", "may"])

# Parameters that the tests do not mention stay at their defaults, which may change as data
# suggest; weight decay would pull away from what the oracles say.
QUICK = {
    "max_epochs": 2,
    "batch_size": 12,
    "embedding_dim": 4,
    "weight_decay": 0.0,
    "random_state": 0,
}


# --- kinds of answers ----------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """Targets that suit a kind of estimator, and the outputs of a fitted one."""

    #: X -> one target for each sequence.
    targets: Callable[[Any], Any]
    #: (model, X) -> continuous outputs, one array for each sequence.
    outputs: Callable[[Any, Any], list[np.ndarray]]
    #: X and y that a small estimator learns in a few epochs.
    learnable: tuple[list[list[str]], Any]
    #: (model, X, **arguments) -> a list of samples for each sequence.
    samples: Callable[..., Any] | None = None


def labels_for(X):
    """Return one of three classes for each sequence."""
    return np.array(["u", "v", "w"])[np.arange(len(X)) % 3]


def amounts_for(X):
    """Return a number for each sequence."""
    return np.random.default_rng(1).normal(loc=3.0, scale=2.0, size=len(X))


def step_labels_for(X):
    """Return one of three labels for each step."""
    rng = np.random.default_rng(0)
    return [["uvw"[i] for i in rng.integers(3, size=len(sequence))] for sequence in X]


def step_amounts_for(X):
    """Return an array with a number for each step of each sequence."""
    rng = np.random.default_rng(2)
    return [rng.normal(loc=3.0, scale=2.0, size=len(sequence)) for sequence in X]


def token_lists_for(X):
    """Return a list of one to four tokens for each sequence."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 5, size=len(X))
    return [["uvw"[i] for i in rng.integers(3, size=n)] for n in lengths]


def label_probabilities(model, X):
    """Return the log-likelihood of each predicted path, and the labels' probabilities."""
    pairs = zip(model.predict_log_likelihood(X), model.predict_proba(X), strict=True)
    return [np.r_[log_likelihood, proba.ravel()] for log_likelihood, proba in pairs]


def score_fixed_targets(model, X):
    """Return the log-likelihoods of the same two targets for each source."""
    targets = (["u"], ["v", "w"])
    scores = [model.log_likelihood(X, [target] * len(X)) for target in targets]
    return list(np.stack(scores, axis=1))


def score_and_continue(model, X):
    """Return each sequence's log-likelihood and what may come next."""
    return list(np.c_[model.score_samples(X), model.predict_proba(X)])


def forecasts(model, X):
    """Return the forecast of each series."""
    predicted = model.predict(X)  # of a frame a frame, one column a series
    return list(predicted.to_numpy().T if hasattr(predicted, "to_numpy") else predicted)


COMPASS = [["north"], ["east"], ["south"], ["west"]] * 10
ANSWERS = {
    "label": Answer(
        labels_for,
        lambda model, X: list(model.predict_proba(X)),
        learnable=(COMPASS, ["n", "e", "s", "w"] * 10),
    ),
    "number": Answer(
        amounts_for,
        lambda model, X: list(model.predict(X)[:, None]),
        learnable=(COMPASS, [1.0, 1.0, -1.0, -1.0] * 10),
    ),
    "step labels": Answer(
        step_labels_for,
        label_probabilities,
        learnable=(COMPASS, [["n"], ["e"], ["s"], ["w"]] * 10),
    ),
    "step numbers": Answer(
        step_amounts_for,
        lambda model, X: list(model.predict(X)),
        learnable=(COMPASS, [np.array([v]) for v in [1.0, 1.0, -1.0, -1.0]] * 10),
    ),
    "tokens": Answer(
        token_lists_for,
        score_fixed_targets,
        learnable=(COMPASS, [["n"], ["e"], ["s"], ["w"]] * 10),
        samples=lambda model, X, **arguments: model.sample(X, **arguments),
    ),
    "itself": Answer(
        lambda X: None,
        score_and_continue,
        learnable=([["a", "b", "c"]] * 40, None),
        samples=lambda model, X, **arguments: model.generate(X, **arguments),
    ),
    "horizon": Answer(lambda X: None, forecasts, learnable=([np.arange(30.0)] * 2, None)),
}


# --- the table -----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Case:
    """One estimator: how to make a small one, and what suits it."""

    cls: type
    small: dict[str, Any]
    answer: str
    #: Whether numeric steps must hold zeros and ones.
    binary: bool = False

    def __call__(self, **params):
        """Make a small estimator."""
        known = self.cls().get_params()
        quick = {name: value for name, value in QUICK.items() if name in known}
        return self.cls(**{**quick, **self.small, **params})

    @property
    def name(self):
        of_steps = self.answer == "step numbers"
        return self.cls.__name__ + ("-steps" if of_steps else "")

    def has(self, parameter):
        """Return whether the estimator has a parameter."""
        return parameter in self.cls().get_params()

    def targets(self, X):
        """Return one target for each sequence of X."""
        return ANSWERS[self.answer].targets(X)

    def numeric(self, X):
        """Return an array, or a list of arrays, with values that the estimator accepts."""
        if not self.binary:
            return X
        if isinstance(X, np.ndarray):
            return (X > 0).astype(X.dtype)
        return [(x > 0).astype(x.dtype) for x in X]

    def fit(self, X, **params):
        """Fit a small estimator to X and targets that suit it."""
        return self(**params).fit(X, self.targets(X))

    @property
    def learnable(self):
        """X and y that the estimator learns in a few epochs."""
        return ANSWERS[self.answer].learnable

    def validation(self, X):
        """Return the arguments of ``fit`` that pass X as held-out data."""
        y = self.targets(X)
        return {"X_val": X} if y is None else {"X_val": X, "y_val": y}

    def answers(self, model, X):
        """Return the predictions as plain Python, whatever container they came in."""
        rows = forecasts(model, X) if self.answer == "horizon" else model.predict(X)
        return [
            row.tolist() if isinstance(row, np.ndarray | np.generic) else row
            for row in rows
        ]

    def samples(self, model, X, **arguments):
        """Return a list of samples for each sequence."""
        return ANSWERS[self.answer].samples(model, X, **arguments)

    def outputs(self, model, X):
        """Return continuous outputs ``(n_sequences, width)``, shorter rows filled by 0."""
        rows = ANSWERS[self.answer].outputs(model, X)
        filled = np.zeros((len(rows), max((len(row) for row in rows), default=0)))
        for row, into in zip(rows, filled, strict=True):
            into[: len(row)] = row
        return filled


CASES = [
    Case(SequenceClassifier, {"hidden_size": 4}, "label"),
    Case(SequenceRegressor, {"hidden_size": 4}, "number"),
    Case(SequenceRegressor, {"hidden_size": 4}, "step numbers"),
    Case(SequenceTagger, {"hidden_size": 4}, "step labels"),
    Case(Seq2SeqTransformer, {"hidden_size": 4, "beam_size": 2}, "tokens"),
    Case(
        SequenceGenerator,
        {"hidden_size": 4, "tokenizer": "word", "max_length": 6},
        "itself",
        binary=True,
    ),
    # Of four ReLU units too many may be dead.
    Case(FeedForwardClassifier, {"hidden_layer_sizes": (8,)}, "label"),
    Case(FeedForwardRegressor, {"hidden_layer_sizes": (8,)}, "number"),
    Case(FeedForwardRegressor, {"hidden_layer_sizes": (8,)}, "step numbers"),
    Case(FeedForwardTagger, {"hidden_layer_sizes": (8,)}, "step labels"),
    Case(
        FeedForwardGenerator,
        {
            "hidden_layer_sizes": (8,),
            "window": 3,
            "tokenizer": "word",
            "max_length": 6,
        },
        "itself",
        binary=True,
    ),
]
#: Their X are whole series, so that they share the checks that ask for ``make_any``.
FORECASTERS = [
    Case(cls, {"horizon": 2, "window": 4, "calibration_fraction": None} | own, "horizon")
    for cls, own in (
        (SequenceForecaster, {"hidden_size": 4}),
        (FeedForwardForecaster, {"hidden_layer_sizes": (8,)}),
    )
]


def _one_of(cases):
    return pytest.fixture(params=cases, ids=lambda case: case.name)


def _answering(*answers):
    return [case for case in CASES if case.answer in answers]


@_one_of(CASES)
def make_estimator(request):
    """Return each estimator's case in turn."""
    return request.param


@_one_of(CASES + FORECASTERS)
def make_any(request):
    """Return the case of each estimator in turn, forecasters included."""
    return request.param


@_one_of(FORECASTERS)
def make_forecaster(request):
    """Return each forecaster's case in turn."""
    return request.param


@_one_of(_answering("label"))
def make_classifier(request):
    """Return each classifier's case in turn."""
    return request.param


@_one_of(_answering("number"))
def make_regressor(request):
    """Return each regressor's case in turn."""
    return request.param


@_one_of(_answering("label", "number"))
def make_many_to_one(request):
    """Return the case of each estimator with one answer a sequence in turn."""
    return request.param


@_one_of(_answering("label", "step labels"))
def make_labeller(request):
    """Return the case of each estimator with classes in turn."""
    return request.param


@_one_of(_answering("step labels", "tokens"))
def make_many_to_many(request):
    """Return the case of each estimator with a target sequence a sequence in turn."""
    return request.param


@_one_of(_answering("label", "number", "tokens"))
def make_unaligned(request):
    """Return the case of each estimator whose answer is not one a step in turn."""
    return request.param


@_one_of(_answering("step labels"))
def make_tagger(request):
    """Return each tagger's case in turn."""
    return request.param


@_one_of(_answering("step labels", "itself"))
def make_stepwise(request):
    """Return the case of each tagger and generator in turn."""
    return request.param


@_one_of(_answering("itself"))
def make_generator(request):
    """Return each generator's case in turn."""
    return request.param


@_one_of([case for case in CASES if ANSWERS[case.answer].samples is not None])
def make_sampler(request):
    """Return the case of each estimator with several samples a sequence in turn."""
    return request.param


@_one_of([case for case in CASES if case.answer != "itself"])
def make_supervised(request):
    """Return the case of each estimator that needs a y in turn."""
    return request.param


@_one_of([case for case in CASES if case.has("embeddings")])
def make_reader(request):
    """Return the case of each estimator with a char encoder and pre-trained vectors."""
    return request.param


@_one_of([case for case in CASES if case.has("cell")])
def make_recurrent(request):
    """Return each recurrent estimator's case in turn."""
    return request.param


@_one_of([case for case in CASES if case.has("pooling")])
def make_pooled(request):
    """Return the case of each estimator that pools the steps in turn."""
    return request.param


@_one_of([case for case in CASES if case.has("step_encoder")])
def make_viewer(request):
    """Return the case of each estimator that reads images in turn."""
    return request.param


@_one_of([case for case in CASES if case.has("attention")])
def make_attentive(request):
    """Return the case of each estimator with a decoder in turn."""
    return request.param


@_one_of([case for case in CASES if case.has("cell") and case.answer == "itself"])
def make_recurrent_generator(request):
    """Return each recurrent generator's case in turn."""
    return request.param


@pytest.fixture
def all_cases():
    """Return the whole table, without forecasters."""
    return CASES


@pytest.fixture
def forecasters():
    """Return the cases of forecasters."""
    return FORECASTERS


@pytest.fixture
def case(request):
    """Return the case that the test asked for."""
    for name in request.fixturenames:
        if name.startswith("make_"):
            asked = request.getfixturevalue(name)
            if isinstance(asked, Case):
                return asked
    raise LookupError("the test asks for no estimator")


# --- pairs in the quick run ----------------------------------------------------------


def dimensions(item):
    """Return the place of each of a test's parameters in its list, by name."""
    places = dict(item.callspec.indices)
    for mark in item.iter_markers("parametrize"):
        names = mark.args[0]
        names = names.split(",") if isinstance(names, str) else list(names)
        for name in names[1:]:  # set together with the first one
            places.pop(name.strip(), None)
    return places


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark half of the combinations of three parameters as slow, and of two with X.

    Every two values of three parameters still meet in the quick run; an estimator meets
    either kind of X in some of the tests.
    """
    for item in items:
        if item.path.parent != Path(__file__).parent or not hasattr(item, "callspec"):
            continue
        places = dimensions(item)
        if len(places) >= 3 or (len(places) == 2 and "X" in places):
            test = zlib.crc32(item.originalname.encode())
            if (sum(places.values()) + test) % 2:
                item.add_marker(pytest.mark.slow)


# --- data ----------------------------------------------------------------------------


@pytest.fixture
def numbers(case, rng):
    """Return sequences of 1 to 6 steps of three features."""
    return case.numeric([rng.normal(size=(n, 3)) for n in LENGTHS])


@pytest.fixture
def words(rng):
    """Return sequences of 1 to 6 words."""
    return [LEXICON[rng.integers(6, size=n)].tolist() for n in LENGTHS]


@pytest.fixture
def series():
    """Return series of 20 to 30 steps."""
    rng = np.random.default_rng(0)
    return [10 + rng.normal(size=n).cumsum() for n in (30, 20, 24)]


@pytest.fixture
def monthly():
    """Return two series of 24 months as the columns of a frame."""
    values = np.random.default_rng(0).normal(size=(24, 2)).cumsum(axis=0)
    months = pd.date_range("2020-01", periods=24, freq="MS")
    return pd.DataFrame(10 + values, months, ["north", "south"])


@pytest.fixture(params=["numbers", "words"])
def X(request, case):
    """Return sequences of either kind, or series in either form for a forecaster."""
    if case.answer == "horizon":
        form = {"numbers": "series", "words": "monthly"}[request.param]
        return request.getfixturevalue(form)
    return request.getfixturevalue(request.param)


@pytest.fixture
def cube(case):
    """Return as many sequences of five steps of two features, in one array."""
    rng = np.random.default_rng(1)
    return case.numeric(rng.normal(size=(N_SEQUENCES, 5, 2)).astype(np.float32))


@pytest.fixture
def y(case):
    """Return targets of ``X``, ``numbers`` and ``words``."""
    return case.targets([range(n) for n in LENGTHS])


@pytest.fixture
def outputs(case):
    """Return a function that gives the outputs of a fitted estimator for X."""
    return case.outputs


@pytest.fixture
def answers(case):
    """Return a function that gives the predictions of a fitted estimator as lists."""
    return case.answers


@pytest.fixture
def objects():
    """Return the function that makes a 1-D object array of anything."""
    return object_array
