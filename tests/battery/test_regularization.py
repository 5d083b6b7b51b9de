"""weight_dropout, word_dropout and weight_averaging in every estimator that has them."""

from __future__ import annotations

import pickle

import pytest
from numpy.testing import assert_array_equal
from skorch.callbacks import Callback

from skrnn import SequenceClassifier, SequenceGenerator
from skrnn.persistence import load_model, save_model
from skrnn.training import checkpoint, optimizers
from skrnn.training.averaging import AVERAGES
from skrnn.training.updates import Updates

#: Parameters, with values that change a training.
CHANGES = {
    "dropout_mask": "sequence",
    "weight_dropout": 0.5,
    "word_dropout": 0.5,
    "weight_averaging": "ema",
}
CHANGED = pytest.mark.parametrize("name", CHANGES)


@pytest.fixture
def data(case, request):
    """Return X, of tokens, and y that suit the estimator."""
    if case.answer == "horizon":
        return request.getfixturevalue("series"), None
    return request.getfixturevalue("words"), request.getfixturevalue("y")


class Killed(BaseException):
    """Stands for the end of a process."""


@CHANGED
def test_a_training_changes_and_predictions_are_repeatable(make_any, data, outputs, name):
    if not make_any.has(name):
        assert name == "word_dropout" or not make_any.has("cell")
        return
    X, y = data
    given = {"dropout": 0.5 if name == "dropout_mask" else 0.0}
    plain = make_any(**given).fit(X, y)
    given[name] = CHANGES[name]
    model = make_any(**given).fit(X, y)
    found = outputs(model, X)
    assert (found != outputs(plain, X)).any()
    assert_array_equal(outputs(model, X), found)
    assert_array_equal(outputs(pickle.loads(pickle.dumps(model)), X), found)
    again = make_any(**given).fit(X, y)
    assert_array_equal(outputs(again, X), found)


def test_all_at_once_survive_a_file_and_an_ensemble(
    make_recurrent, data, outputs, tmp_path
):
    X, y = data
    model = make_recurrent(n_estimators=2, **CHANGES).fit(X, y)
    save_model(model, tmp_path / "model.skrnn")
    assert_array_equal(
        outputs(load_model(tmp_path / "model.skrnn"), X), outputs(model, X)
    )
    assert model.estimators_[1].get_params()["weight_dropout"] == 0.5


@pytest.mark.parametrize("kind", AVERAGES)
def test_a_killed_training_resumes_with_its_average(
    kind, make_recurrent, data, outputs, monkeypatch, tmp_path
):
    X, y = data
    monkeypatch.setattr(checkpoint, "SPACING", 0)
    monkeypatch.setattr(optimizers, "MIN_TABLE", 1)  # rows are updated one by one
    given = {
        "max_epochs": 6,
        "weight_averaging": kind,
        "weight_dropout": 0.3,
        "word_dropout": 0.2,
        "early_stopping": True,
    }
    expected = make_recurrent(**given).fit(X, y)
    step, n_updates = Updates.step, []

    def until_killed(self, batch):
        n_updates.append(1)
        if len(n_updates) == 11:
            raise Killed
        return step(self, batch)

    model = make_recurrent(checkpoint=tmp_path / "fit.checkpoint", **given)
    with monkeypatch.context() as patch:
        patch.setattr(Updates, "step", until_killed)
        with pytest.raises(Killed):
            model.fit(X, y)
    model.fit(X, y)
    assert_array_equal(outputs(model, X), outputs(expected, X))
    assert_array_equal(model.history_["valid_loss"], expected.history_["valid_loss"])


@pytest.mark.parametrize("kind", AVERAGES)
def test_a_warm_start_continues_from_the_average(kind, make_recurrent, data):
    X, y = data
    model = make_recurrent(
        max_epochs=3, warm_start=True, weight_averaging=kind, keep_optimizer=True
    )
    model.fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    for one in (model, again):
        one.fit(X, y)
    state, other = (one.net_.module_.state_dict() for one in (model, again))
    for name, value in state.items():
        assert_array_equal(value, other[name])


def test_averages_do_not_depend_on_rows_that_are_updated_when_they_are_read(
    make_reader, words, y, outputs, monkeypatch
):
    given = {"max_epochs": 5, "weight_averaging": "ema", "optimizer": "adamw"}
    whole = outputs(make_reader(**given).fit(words, y), words)
    monkeypatch.setattr(optimizers, "MIN_TABLE", 1)
    assert_array_equal(outputs(make_reader(**given).fit(words, y), words), whole)


def test_a_callback_sees_the_average_at_the_end_of_an_epoch(words):
    class Look(Callback):
        def on_epoch_end(self, net, **kwargs):
            self.last = [w.detach().clone() for w in net.module_.parameters()]

    model = SequenceClassifier(
        hidden_size=4,
        max_epochs=4,
        weight_averaging="swa",
        callbacks=[look := Look()],
        random_state=0,
    ).fit(words, [0, 1] * (len(words) // 2))
    for weight, seen in zip(model.net_.module_.parameters(), look.last, strict=True):
        assert_array_equal(weight.detach(), seen)


def test_partial_fit_refuses_an_average(make_many_to_one, words, y):
    model = make_many_to_one(weight_averaging="swa")
    message = "weight_averaging='swa' cannot be used in partial_fit"
    with pytest.raises(ValueError, match=message):
        model.partial_fit(words, y)


def test_a_cell_without_recurrent_weights_is_named(make_recurrent, data):
    X, y = data
    model = make_recurrent(cell="mingru", weight_dropout=0.5)
    with pytest.raises(ValueError, match=r"weight_dropout=0\.5 needs a cell with"):
        model.fit(X, y)


def test_word_dropout_teaches_what_an_unknown_token_means():
    X, y = [["good", "film"], ["bad", "film"]] * 10, [1, 0] * 10
    given = {"hidden_size": 4, "embedding_dim": 4, "max_epochs": 3, "random_state": 0}
    plain = SequenceClassifier(**given).fit(X, y)
    model = SequenceClassifier(word_dropout=0.3, **given).fit(X, y)
    rows = [
        one.net_.module_.input_layer.embedding.weight[1].detach()
        for one in (plain, model)
    ]
    assert not rows[0].any()
    assert rows[1].any()


def test_word_dropout_without_tokens_warns_once(make_estimator, numbers, y):
    model = make_estimator(word_dropout=0.3, max_epochs=1, batch_size=64)
    with pytest.warns(match=r"word_dropout=0\.3 is not used: X has no tokens") as found:
        model.fit(numbers, y)
    assert len(found) == 1


def test_word_dropout_teaches_a_generator_what_an_unknown_token_means():
    X = ["abab", "baba"] * 10
    given = {"hidden_size": 4, "embedding_dim": 4, "max_epochs": 2, "random_state": 0}
    plain = SequenceGenerator(**given).fit(X)
    model = SequenceGenerator(word_dropout=0.5, **given).fit(X)
    rows = [one.net_.module_.embedding.weight[1].detach() for one in (plain, model)]
    assert not rows[0].any()
    assert rows[1].any()
    tied = SequenceGenerator(word_dropout=0.5, tie_weights=True, **given).fit(X)
    assert tied.net_.module_.unknown_enabled
