"""What was fixed in fit stays fixed: later parameters, weights, forms of input."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from skorch.callbacks import EpochScoring
from torch.optim import Rprop

from skrnn import (
    FeedForwardClassifier,
    FeedForwardTagger,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)

TEXTS = ["a good film", "a bad film", "so good", "so bad"] * 3
LABELS = [1, 0, 1, 0] * 3


def small(**parameters):
    return SequenceClassifier(
        **{"hidden_size": 4, "max_epochs": 2, "random_state": 0} | parameters
    )


def test_frames_as_sequences_are_numbers_whatever_their_columns_are_called(rng):
    frames = [
        pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"]) for n in (3, 5, 4, 2)
    ]
    model = small().fit(frames, [0, 1, 0, 1])
    assert model.n_features_in_ == 2
    arrays = [frame.to_numpy() for frame in frames]
    np.testing.assert_array_equal(
        model.predict_proba(frames), model.predict_proba(arrays)
    )
    with pytest.raises(ValueError, match=r"X\[1\] must have the columns of X\[0\]"):
        model.predict([frames[0], frames[1][["b", "a"]]])


@pytest.mark.parametrize("change", [{"tokenizer": "char"}, {"input_type": "numeric"}])
def test_a_prediction_does_not_depend_on_later_parameters(change):
    model = small().fit(TEXTS, LABELS)
    expected = model.predict_proba(TEXTS)
    model.set_params(**change)
    np.testing.assert_array_equal(model.predict_proba(TEXTS), expected)


@pytest.mark.parametrize(
    "change", [{"hidden_size": 5}, {"tokenizer": "char"}, {"optimizer": "sgd"}]
)
def test_a_network_cannot_change_while_training_goes_on(change):
    model = small(warm_start=True).fit(TEXTS, LABELS)
    expected = model.predict_proba(TEXTS)
    model.set_params(**change)
    name = next(iter(change))
    with pytest.raises(ValueError, match=f"{name} was .* when the network was built"):
        model.fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match=f"{name} was .* when the network was built"):
        model.partial_fit(TEXTS, LABELS)
    np.testing.assert_array_equal(model.predict_proba(TEXTS), expected)


def test_weights_of_partial_fit_keep_their_size():
    def trained(weight):
        weights = np.full(len(LABELS), weight)
        model = small(optimizer="sgd", max_grad_norm=None)
        return model.partial_fit(TEXTS, LABELS, sample_weight=weights)

    assert not np.array_equal(
        trained(1.0).predict_proba(TEXTS), trained(0.01).predict_proba(TEXTS)
    )


def test_partial_fit_refuses_what_needs_all_the_data():
    with pytest.raises(ValueError, match='"balanced" cannot be used in partial_fit'):
        small(class_weight="balanced").partial_fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match="early_stopping=True is of no use"):
        small(early_stopping=True).partial_fit(TEXTS, LABELS)


def test_a_class_weight_for_a_class_that_a_fold_lacks_is_no_error():
    weights = {0: 1.0, 1: 2.0, 2: 3.0}
    small(class_weight=weights).fit(TEXTS, LABELS)


def test_an_unknown_score_is_refused_before_training():
    with pytest.raises(ValueError, match="acuracy"):
        small(scoring="acuracy").fit(TEXTS, LABELS)


def test_a_score_of_skorchs_own_is_refused_with_a_hint():
    with pytest.raises(ValueError, match=r"callbacks\[0\] is a EpochScoring.* scoring"):
        small(callbacks=[EpochScoring("accuracy")]).fit(TEXTS, LABELS)


def test_an_optimizer_without_weight_decay_can_be_used():
    model = SequenceRegressor(hidden_size=4, max_epochs=2, optimizer=Rprop, lr=0.01)
    model.fit(np.eye(12, 5), np.arange(12.0))


def test_weight_decay_auto_is_for_the_optimizer_that_it_was_chosen_for():
    X, y = np.random.default_rng(0).normal(size=(40, 4)), np.arange(40.0)
    groups = [
        SequenceRegressor(hidden_size=4, max_epochs=1, optimizer=name)
        .fit(X, y)
        .net_.optimizer_.param_groups[0]["weight_decay"]
        for name in ("adamw", "adam")
    ]
    assert groups == [0.3, 0.0]


def test_sequences_of_one_step_do_not_ruin_the_scale_of_forecasts(rng):
    walks = list(rng.normal(size=(60, 10)).cumsum(axis=1))
    y = np.array([walk[-1] for walk in walks]) + rng.normal(size=60)
    model = SequenceRegressor(instance_norm="last", hidden_size=4, max_epochs=1)
    alone = model.fit(walks, y)._target_codec.scale
    walks += [np.ones(1)] * 20
    beside = model.fit(walks, np.append(y, 1 + rng.normal(size=20)))._target_codec.scale
    assert beside < 3 * alone


def test_integers_are_not_spelled_by_default():
    X = [[10, 11], [11, 12], [12], [10]] * 3
    model = small(input_type="tokens").fit(X, LABELS)
    assert model.net_.module_.input_layer.char_encoder is None
    assert small().fit(TEXTS, LABELS).net_.module_.input_layer.char_encoder is not None


def test_words_keep_the_marks_of_their_script():
    assert set(small().fit(["हिन्दी भाषा", "cafe\u0301"], [0, 1]).vocabulary_) == {
        "हिन्दी",
        "भाषा",
        "cafe\u0301",
    }


def test_vectors_of_cased_words_are_found_for_lower_cased_tokens():
    vectors = {"Good": np.ones(3), "BAD": -np.ones(3)}
    model = small(embeddings=vectors, max_epochs=1, lr=1e-9).fit(TEXTS, LABELS)
    weight = model.net_.module_.input_layer.embedding.weight
    np.testing.assert_allclose(weight[model.vocabulary_["good"]].detach(), 1, atol=1e-5)
    np.testing.assert_allclose(weight[model.vocabulary_["bad"]].detach(), -1, atol=1e-5)


NEAR = {  # two kinds of words, told apart by their vectors alone
    f"{kind}{i}": [sign, (-1) ** i, i % 3 - 1.0]
    for kind, sign in (("q", 1.0), ("x", -1.0))
    for i in range(40)
}
UNLIKE = {
    name: f"{i * 7919 % 1000:03d}" for i, name in enumerate(NEAR)
}  # no spelling helps
VECTORS = {UNLIKE[name]: vector for name, vector in NEAR.items()}
BY_VECTORS = {
    "embeddings": VECTORS,
    "freeze_embeddings": True,
    "lr": 0.02,
    "random_state": 0,
}


def told_apart(first, last):
    """Return sentences of some of the words of each kind, and their kinds."""
    rng = np.random.default_rng(0)
    X, y = [], list("qx" * 60)
    for kind in y:
        some = rng.integers(first, last, size=rng.integers(1, 5))
        X.append([UNLIKE[f"{kind}{i}"] for i in some])
    return X, y


@pytest.mark.parametrize("kind", [SequenceClassifier, FeedForwardClassifier])
@pytest.mark.parametrize("char_encoder", [None, "cnn"])
def test_words_that_only_the_vectors_know_are_understood(kind, char_encoder):
    seen, unseen = told_apart(0, 20), told_apart(20, 40)
    model = kind(char_encoder=char_encoder, max_epochs=25, **BY_VECTORS).fit(*seen)
    assert model.score(*unseen) > 0.95
    probabilities = model.predict_proba(unseen[0])
    backwards = model.predict_proba(unseen[0][::-1])[::-1]
    np.testing.assert_array_equal(probabilities, backwards)
    alone = np.vstack([model.predict_proba([x]) for x in unseen[0][:10]])
    np.testing.assert_allclose(probabilities[:10], alone, atol=1e-6)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(probabilities, loaded.predict_proba(unseen[0]))
    model.set_params(embeddings=None)
    assert model.score(*seen) > 0.95
    assert model.score(*unseen) < 0.8


def test_rare_words_that_the_vectors_know_are_learned_from():
    X, y = told_apart(0, 40)
    model = small(
        embeddings=VECTORS, max_vocabulary=1, max_epochs=25, lr=0.02, char_encoder=None
    )
    assert len(model.fit(X, y).vocabulary_) == 1
    assert model.score(X, y) > 0.95


def test_vectors_that_are_set_after_a_fit_without_them_change_nothing():
    model = small(char_encoder=None).fit(TEXTS, LABELS)
    unseen = [["never", "seen"]]
    before = model.predict_proba(unseen)
    model.set_params(embeddings={"never": np.ones(4), "seen": np.ones(4)})
    np.testing.assert_array_equal(model.predict_proba(unseen), before)


def test_frozen_tokens_without_a_vector_are_alike():
    vectors = {"good": np.ones(3)}
    model = small(embeddings=vectors, freeze_embeddings=True).fit(TEXTS, LABELS)
    weight = model.net_.module_.input_layer.embedding.weight
    lacking = [i for token, i in model.vocabulary_.items() if token != "good"]
    assert not weight[lacking].any()
    assert weight[model.vocabulary_["good"]].tolist() == [1, 1, 1]


@pytest.mark.parametrize("kind", [SequenceTagger, FeedForwardTagger])
def test_taggers_and_validation_know_words_by_their_vectors(kind):
    (X, kinds), (unseen, others) = told_apart(0, 20), told_apart(20, 40)
    y, y_unseen = (
        [[k] * len(x) for x, k in zip(*pair, strict=True)]
        for pair in ((X, kinds), (unseen, others))
    )
    model = kind(char_encoder=None, max_epochs=15, **BY_VECTORS)
    model.fit(X, y, X_val=unseen, y_val=y_unseen)
    assert model.score(unseen, y_unseen) > 0.95
    last = model.history_.iloc[-1]
    assert last["valid_loss"] < 2 * last["train_loss"] + 0.1


def test_training_that_goes_on_after_loading_does_not_repeat_itself():
    model = small().partial_fit(TEXTS, LABELS)
    loaded = pickle.loads(pickle.dumps(model))
    order = [net.net_.order_generator_.get_state().tolist() for net in (model, loaded)]
    assert order[0] == order[1]
    assert len(loaded.partial_fit(TEXTS, LABELS).history_) == 2


def test_the_validation_loss_is_on_the_scale_of_the_training_loss():
    model = small(label_smoothing=0, dropout=0, lr=1e-6)
    model.fit(TEXTS, LABELS, np.full(12, 1000.0), X_val=TEXTS, y_val=LABELS)
    last = model.history_.iloc[-1]
    assert last["valid_loss"] == pytest.approx(last["train_loss"], rel=0.05)


def test_labels_of_nullable_columns_are_labels():
    Y = pd.DataFrame({"a": LABELS, "b": [1, 1, 0, 0] * 3}).convert_dtypes()
    model = FeedForwardClassifier(hidden_layer_sizes=4, max_epochs=1).fit(TEXTS, Y)
    assert model.predict(TEXTS).shape == (12, 2)


def test_many_vectors_are_shown_by_their_number():
    vectors = {f"w{i}": np.zeros(3) for i in range(100_000)}
    model = SequenceClassifier(embeddings=vectors, hidden_size=5)
    assert "<100,000 vectors>" in repr(model)
    assert "hidden_size=5" in repr(model)
    assert model.embeddings is vectors
    assert len(model._repr_html_()) < 1_000_000


def test_words_are_spelled_once_in_a_prediction_and_mean_the_same(monkeypatch):
    X = [["oak", "Elm"], ["ash"], ["oak", "yew", "elm"]] * 4
    model = SequenceClassifier(
        hidden_size=4, max_epochs=1, char_encoder="cnn", random_state=0
    ).fit(X, [0, 1, 1] * 4)
    char_encoder = model.net_.module_.input_layer.char_encoder
    calls = []
    char_encoder.register_forward_hook(
        lambda module, inputs, output: calls.append(output)
    )
    expected = model.predict_proba(X)
    assert [len(output) for output in calls] == [5]
    monkeypatch.setattr(model.net_.module_.input_layer, "spell", None)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-6)
