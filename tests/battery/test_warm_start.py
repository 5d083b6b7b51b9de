"""Resumed training: warm_start, and partial_fit over parts of the data."""

from __future__ import annotations

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import Callback, LRScheduler

from skrnn import Seq2SeqTransformer, SequenceGenerator, SequenceTagger
from skrnn.datasets import make_delayed_recall

STEADY = {"lr_schedule": "constant", "lr": 0.01}

# --- warm_start ----------------------------------------------------------------------


def test_two_warm_fits_equal_one_of_as_many_epochs(make_any, X, y, outputs):
    whole = make_any(max_epochs=5, **STEADY).fit(X, y)
    model = make_any(max_epochs=2, warm_start=True, **STEADY).fit(X, y)
    model.set_params(max_epochs=3).fit(X, y)
    assert_array_equal(outputs(model, X), outputs(whole, X))
    assert_array_equal(model.history_["train_loss"], whole.history_["train_loss"])
    assert model.n_iter_ == 3
    assert model.history_.index.tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "constant", "plateau"])
def test_a_warm_fit_resumes_at_the_loss_of_the_last(make_many_to_one, words, y, schedule):
    X = words
    model = make_many_to_one(max_epochs=25, lr=0.02, dropout=0.0, warm_start=True)
    model.set_params(lr_schedule=schedule).fit(X, y)
    losses = model.history_["train_loss"].to_numpy()
    model.set_params(max_epochs=2).fit(X, y)
    then = model.history_["train_loss"].to_numpy()[25:]
    half = (losses[0] + losses[24]) / 2
    assert losses[24] < half
    assert then[0] < half
    model.set_params(warm_start=False).fit(X, y)
    assert model.history_["train_loss"].iloc[0] > then[0]


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
def test_each_warm_fit_runs_a_schedule_of_its_own(make_any, X, y, schedule):
    model = make_any(max_epochs=3, lr=0.01, warm_start=True, lr_schedule=schedule)
    rates = model.fit(X, y).history_["lr"].to_numpy()
    again = model.fit(X, y).history_["lr"].to_numpy()[3:]
    assert_allclose(again, rates)
    slower = model.set_params(lr=0.001).fit(X, y).history_["lr"].to_numpy()[6:]
    assert_allclose(slower, rates / 10)


def resumed(model, X, y, how):
    """Train further by one of the two ways."""
    return model.partial_fit(X, y) if how == "partial_fit" else model.fit(X, y)


HOW = pytest.mark.parametrize("how", ["fit", "partial_fit"])


@HOW
def test_resumed_training_keeps_the_vocabulary(make_estimator, words, y, how):
    model = make_estimator(warm_start=True).fit(words, y)
    vocabulary = dict(model.vocabulary_)
    other = [["sequoia", "oak"], ["oak"]]
    resumed(model, other, make_estimator.targets(other), how)
    assert model.vocabulary_ == vocabulary
    assert "sequoia" not in vocabulary


@HOW
def test_resumed_training_keeps_the_classes(make_labeller, words, y, how):
    model = make_labeller(warm_start=True).fit(words, y)
    resumed(model, words[:1], make_labeller.targets(words[:1]), how)
    assert model.classes_.tolist() == ["u", "v", "w"]
    assert model.predict_proba(words)[1].shape[-1] == 3


@pytest.mark.filterwarnings("ignore:Gradients explode")
@HOW
def test_resumed_training_keeps_the_scale_of_y(make_regressor, numbers, y, how):
    model = make_regressor(warm_start=True, lr=1e-9).fit(numbers, y)
    expected = model.predict(numbers)
    resumed(model, numbers, y * 1000 + 7, how)
    assert_allclose(model.predict(numbers), expected, rtol=1e-3, atol=1e-3)


def test_the_first_warm_fit_is_a_fit(make_any, X, y, outputs):
    plain = make_any().fit(X, y)
    warm = make_any(warm_start=True).fit(X, y)
    assert_array_equal(outputs(warm, X), outputs(plain, X))


# --- partial_fit ---------------------------------------------------------------------


def test_calls_of_partial_fit_equal_epochs_at_a_constant_rate(make_any, X, y, outputs):
    whole = make_any(max_epochs=4, **STEADY).fit(X, y)
    model = make_any(lr=0.01)
    for _ in range(4):
        assert model.partial_fit(X, y) is model
    assert_array_equal(outputs(model, X), outputs(whole, X))
    assert len(model.history_) == 4
    assert model.n_iter_ == 1


def test_partial_fit_learns_labels_in_parts(make_classifier):
    X, y = make_delayed_recall(600, min_steps=1, max_steps=3, random_state=0)
    model = make_classifier(lr=0.02, embedding_dim=8, dropout=0.0)
    scores = []
    for start in range(0, 500, 50):
        part = slice(start, start + 50)
        model.partial_fit(X[part], y[part], classes=["A", "B"])
        scores.append(model.score(X[500:], y[500:]))
    assert scores[-1] > 0.95 > scores[0]


def test_partial_fit_learns_numbers_in_parts(make_regressor):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3, 1))
    y = 10 + 5 * X.sum((1, 2))
    model = make_regressor(lr=0.03, dropout=0.0)
    for start in range(0, 500, 50):
        part = slice(start, start + 50)
        model.partial_fit(X[part], y[part])
    assert model.score(X[500:], y[500:]) > 0.8


def test_partial_fit_fixes_the_classes_in_the_first_call(make_labeller, words, y):
    def of(label):
        return y[:2] if label is None else relabelled(y[:2], label)

    model = make_labeller().partial_fit(words[:2], of("b"), classes=["c", "b", "a"])
    assert model.classes_.tolist() == ["a", "b", "c"]
    model.partial_fit(words[:2], of("a"))
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.predict_proba(words)[1].shape[-1] == 3
    with pytest.raises(ValueError, match=r"y\[0\].* is .*'d'.* not in classes"):
        model.partial_fit(words[:2], of("d"))
    with pytest.raises(ValueError, match="is not the same as on the last call"):
        model.partial_fit(words[:2], of("a"), classes=["a", "b"])


def relabelled(y, label):
    """Return targets of the same form that all have one label."""
    return [label if isinstance(each, str) else [label] * len(each) for each in y]


@pytest.mark.parametrize("classes", [["a", "b"], np.array(["b", "a"]), ("a", "b", "a")])
def test_classes_may_be_repeated_in_later_calls(make_labeller, words, y, classes):
    model = make_labeller()
    for label in "ab":
        model.partial_fit(words[:2], relabelled(y[:2], label), classes=classes)
    assert model.classes_.tolist() == ["a", "b"]


@pytest.mark.parametrize("part", [{}, {"class_weight": {"a": 2.0}}])
def test_a_part_may_lack_a_class(make_labeller, words, y, part):
    model = make_labeller(**part)
    model.partial_fit(words[:2], relabelled(y[:2], "b"), classes=["a", "b", "c"])
    model.partial_fit(words[:2], relabelled(y[:2], "a"))
    assert model.predict_proba(words)[1].shape[-1] == 3


def test_balanced_classes_cannot_be_learned_in_parts(make_labeller, words, y):
    model = make_labeller(class_weight="balanced")
    with pytest.raises(ValueError, match='class_weight="balanced" cannot be used in'):
        model.partial_fit(words, y)


def test_early_stopping_cannot_be_used_in_parts(make_estimator, words, y):
    with pytest.raises(ValueError, match=r"early_stopping=True .* partial_fit"):
        make_estimator(early_stopping=True).partial_fit(words, y)


def test_partial_fit_resumes_after_fit_and_fit_starts_anew(make_any, X, y, outputs):
    model = make_any().fit(X, y)
    expected = outputs(model, X)
    model.partial_fit(X, y)
    assert len(model.history_) == 3
    assert not np.array_equal(outputs(model, X), expected)
    model.fit(X, y)
    assert_array_equal(outputs(model, X), expected)
    assert len(model.history_) == 2


def test_partial_fit_takes_weights(make_estimator, numbers, y, outputs):
    weights = np.r_[np.ones(12), np.zeros(12)]
    params = {"batch_size": 24, "dropout": 0.0, "lr": 0.05}
    weighted = make_estimator(**params).partial_fit(numbers, y, sample_weight=weights)
    plain = make_estimator(**params).partial_fit(numbers, y)
    assert not np.allclose(outputs(weighted, numbers), outputs(plain, numbers), rtol=1e-3)


def test_partial_fit_works_on_indicators(make_classifier, X):
    y = np.eye(3, dtype=int)[np.arange(24) % 3]
    y[:, 0] = 1
    model = make_classifier().partial_fit(X, y).partial_fit(X, y)
    assert model.predict(X).shape == (24, 3)


def test_a_schedule_among_the_callbacks_can_be_resumed(make_any, X, y):
    halve = [LRScheduler("ExponentialLR", gamma=0.5)]
    model = make_any(callbacks=halve, warm_start=True, **STEADY).fit(X, y)
    rate = model.net_.optimizer_.param_groups[0]["lr"]
    assert rate == pytest.approx(0.01 / 4)
    model.fit(X, y).partial_fit(X, y)
    assert model.net_.optimizer_.param_groups[0]["lr"] < 0.01


# --- what a network was built with ---------------------------------------------------


@HOW
@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("cell", "gru"),
        ("hidden_size", 5),
        ("hidden_layer_sizes", (3,)),
        ("dropout", 0.77),
        ("embedding_dim", 9),
        ("tokenizer", "char"),
        ("char_encoder", None),
        ("optimizer", "sgd"),
        ("crf", "the other"),
        ("scheme", "IOB2"),
        ("attention", "additive"),
        ("tie_weights", True),
        ("loss", "huber"),
    ],
)
def test_the_architecture_cannot_change_in_resumed_training(
    make_estimator, words, y, outputs, how, name, other
):
    model = make_estimator(warm_start=True)
    if not make_estimator.has(name):
        with pytest.raises(ValueError, match=f"Invalid parameter '{name}'"):
            model.set_params(**{name: other})
        return
    expected = outputs(model.fit(words, y), words)
    before = dict(vars(model))
    model.set_params(**{name: not model.crf if name == "crf" else other})
    with pytest.raises(ValueError, match=f"{name} was .* when the network was built"):
        resumed(model, words, y, how)
    assert {**vars(model), name: before[name]} == before
    assert_array_equal(outputs(model, words), expected)


def test_predictions_do_not_follow_parameters_set_after_fit(
    make_estimator, outputs, answers
):
    X = ["oak elm", "elm", "oak, oak"] * 8
    y = make_estimator.targets([["oak", "elm"], ["elm"], ["oak", ",", "oak"]] * 8)
    model = make_estimator().fit(X, y)
    expected, predicted = outputs(model, X), answers(model, X)
    later = {
        "tokenizer": ["char", "word"][model.tokenizer == "char"],
        "input_type": "tokens",
        "lowercase": False,
        "scheme": "IOB2",
        "crf": "the other",
        "target_tokenizer": "char",
        "embeddings": {"oak": np.ones(4)},
        "window": 2,
        "context": 1,
    }
    if make_estimator.has("crf"):
        later["crf"] = not model.crf
    known = {name: v for name, v in later.items() if make_estimator.has(name)}
    model.set_params(**known)
    assert_array_equal(outputs(model, X), expected)
    assert answers(model, X) == predicted


def test_equal_arrays_among_the_parameters_are_no_change(
    make_regressor, words, y, tmp_path
):
    def params():
        given = {"oak": np.ones(3), "elm": np.zeros(3)}
        return {"quantiles": np.array([0.1, 0.9]), "embeddings": given}

    model = make_regressor(loss="quantile", **params()).fit(words, y)
    model.set_params(**params()).partial_fit(words, y)
    joblib.dump(model, tmp_path / "model")
    joblib.load(tmp_path / "model", mmap_mode="r").partial_fit(words, y)


class Fails(Callback):
    """Fails in the first epoch."""

    def on_epoch_begin(self, net, **kwargs):
        raise RuntimeError("a callback failed")


def test_failing_resumed_training_leaves_what_targets_had_learned():
    generator = SequenceGenerator(hidden_size=4, max_epochs=1, random_state=0)
    generator.fit(["ab", "ba"] * 6)
    score = generator.score(["zzz"])
    translator = Seq2SeqTransformer(hidden_size=4, max_epochs=1, random_state=0)
    X, y = [["a"], ["b"]] * 6, [["u"], ["v"]] * 6
    translator.fit(X, y)
    predicted = translator.transform(X).tolist()
    for model, data in ((generator, (["zyx"],)), (translator, (X, [["u"] * 50] * 12))):
        model.set_params(callbacks=[Fails()])
        with pytest.raises(RuntimeError, match="a callback failed"):
            model.partial_fit(*data)
    assert generator.score(["zzz"]) == score
    assert translator.transform(X).tolist() == predicted


def test_failing_resumed_training_puts_back_the_settings_of_the_net():
    X, y = [["a", "b"], ["b", "c"], ["c"]] * 4, [["u", "v"], ["v", "v"], ["u"]] * 4
    params = {"hidden_size": 4, "max_epochs": 1, "random_state": 0, "warm_start": True}
    model = SequenceTagger(crf=False, class_weight={"u": 2.0, "v": 1.0}, **params).fit(
        X, y
    )
    net = model.net_
    before, criterion, callbacks = vars(net).copy(), net.criterion_, net.callbacks_
    model.set_params(class_weight={"u": 5.0, "v": 1.0})
    model.set_params(batch_size=4, max_grad_norm=0.5, verbose=1, callbacks=[Fails()])
    with pytest.raises(RuntimeError, match="a callback failed"):
        model.fit(X, y)
    assert model.net_ is net
    assert net.criterion_ is criterion
    assert net.callbacks_ is callbacks
    settings = net._settings("criterion__")
    assert settings == {name: before[name] for name in settings}
    assert {n for n in before if n.startswith("criterion__")} <= settings.keys()
