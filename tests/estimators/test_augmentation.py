"""A user's function that makes other training sequences in each pass."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from skorch.callbacks import Callback

from skrnn import (
    FeedForwardClassifier,
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.persistence import load_model, save_model
from skrnn.training import checkpoint

SMALL = {"max_epochs": 3, "hidden_size": 4, "batch_size": 4, "random_state": 0}
TOKENS = [["a", "b"], ["b", "c", "a"], ["c"], ["a", "a"]] * 3
TEXTS = [" ".join(tokens) for tokens in TOKENS]
rng = np.random.default_rng(0)
ARRAYS = [rng.normal(size=(len(tokens), 2)) for tokens in TOKENS]
NOTES = [(array > 0).astype(float) for array in ARRAYS]
LABELS = [0, 1] * 6
TAGS = [[f"of {token}" for token in tokens] for tokens in TOKENS]


class Recorder:
    """Gives the sequences back as they are, and keeps what it was called with."""

    def __init__(self):
        self.calls = []

    def __call__(self, X, random_state):
        self.calls.append((X, random_state.randint(1_000_000)))
        return X

    def __deepcopy__(self, memo):
        return self


def unchanged(X, random_state):
    """Return the sequences as they are."""
    return X


def in_place(X, random_state):
    """Set all values of arrays to noise, in place."""
    for x in X:
        x[:] = random_state.normal(size=x.shape)
    return X


CASES = {
    "classifier of tokens": (SequenceClassifier(**SMALL), TOKENS, LABELS),
    "classifier of texts": (SequenceClassifier(**SMALL), TEXTS, LABELS),
    "regressor of arrays": (SequenceRegressor(**SMALL), ARRAYS, np.arange(12.0)),
    "tagger": (SequenceTagger(**SMALL), TOKENS, TAGS),
    "translator": (Seq2SeqTransformer(**SMALL), TOKENS, TAGS),
    "generator of texts": (SequenceGenerator(tokenizer="word", **SMALL), TEXTS, None),
    "generator of notes": (SequenceGenerator(**SMALL), NOTES, None),
    "feed-forward": (
        FeedForwardClassifier(
            hidden_layer_sizes=(4,), max_epochs=3, batch_size=4, random_state=0
        ),
        ARRAYS,
        LABELS,
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    """Return an estimator with X and y in turn."""
    model, X, y = CASES[request.param]
    return pickle.loads(pickle.dumps(model)), X, y


def weights_of(model):
    return [w.detach().numpy() for w in model.net_.module_.parameters()]


def assert_same(model, other):
    for one, two in zip(weights_of(model), weights_of(other), strict=True):
        assert_array_equal(one, two)


def fit_with(augment, X=TOKENS, y=LABELS, kind=SequenceClassifier, **options):
    return kind(augment=augment, **(SMALL | options)).fit(X, y)


# --- what it is called with -----------------------------------------------------------


def test_each_pass_gets_the_sequences_in_the_form_of_X_and_other_random_numbers(case):
    model, X, y = case
    recorder = Recorder()
    model.set_params(augment=recorder).fit(X, y)
    assert len(recorder.calls) == 3
    assert len({number for _, number in recorder.calls}) == 3
    for given, _ in recorder.calls:
        assert type(given) is list
        for one, x in zip(given, X, strict=True):
            assert type(one) is type(x)
            assert_array_equal(one, x)


def test_images_keep_their_shape():
    X = [rng.normal(size=(3, 4, 5)) for _ in range(8)]
    recorder = Recorder()
    fit_with(recorder, X, [0, 1] * 4, step_encoder="cnn", embedding_dim=4)
    assert recorder.calls[0][0][0].shape == (3, 4, 5)


def test_static_columns_stay_with_their_sequences():
    frame = pd.DataFrame({"word": TEXTS, "n": np.arange(12.0)})
    recorder = Recorder()
    model = fit_with(recorder, frame, LABELS)
    assert recorder.calls[0][0] == TEXTS
    assert_array_equal(
        model.predict_proba(frame), fit_with(unchanged, frame).predict_proba(frame)
    )


@pytest.mark.parametrize("column", ["country", "n"])
def test_named_static_columns_stay_with_their_sequences(column):
    frame = pd.DataFrame(
        {"word": TEXTS, "country": ["fr", "de"] * 6, "n": np.arange(12.0)}
    ).drop(columns={"country": "n", "n": "country"}[column])
    recorder, given = Recorder(), {"static_features": [column]}
    model = fit_with(recorder, frame, LABELS, **given)
    assert recorder.calls[0][0] == TEXTS
    plain = fit_with(unchanged, frame, LABELS, **given)
    assert_array_equal(model.predict_proba(frame), plain.predict_proba(frame))


def test_held_out_sequences_are_not_augmented():
    recorder = Recorder()
    model = fit_with(recorder, X=ARRAYS, early_stopping=True, validation_fraction=0.25)
    assert {len(given) for given, _ in recorder.calls} == {9}
    swapped = fit_with(
        in_place, X=ARRAYS, early_stopping=True, validation_fraction=0.25, lr=1e-9
    )
    first = swapped.history_["valid_loss"].iloc[0]
    assert first == pytest.approx(model.history_["valid_loss"].iloc[0], abs=0.2)
    assert len(set(swapped.history_["valid_loss"].round(5))) == 1


# --- what it returns ------------------------------------------------------------------


def test_what_it_returns_is_what_is_trained_on():
    others = [x[::-1] for x in ARRAYS]
    made = fit_with(lambda X, random_state: [x[::-1] for x in X], ARRAYS)
    same = fit_with(lambda X, random_state: others, ARRAYS)
    assert_same(made, same)
    assert not np.array_equal(
        weights_of(made)[0], weights_of(fit_with(unchanged, ARRAYS))[0]
    )


def test_texts_are_split_and_read_by_the_vocabulary_of_fit():
    model = fit_with(lambda X, random_state: [f"{x} new b" for x in X], TEXTS)
    assert sorted(model.vocabulary_) == ["a", "b", "c"]


def test_sequences_may_become_longer_or_shorter_where_steps_have_no_targets():
    def repeat(X, random_state):
        return [np.repeat(x, random_state.randint(1, 4), axis=0) for x in X]

    for kind, X, y in (
        (SequenceClassifier, ARRAYS, LABELS),
        (SequenceGenerator, NOTES, None),
    ):
        model = fit_with(repeat, X, y, kind)
        assert np.isfinite(model.history_["train_loss"]).all()


def test_the_arrays_may_be_changed_in_place_and_X_stays():
    before = [x.copy() for x in ARRAYS]
    fit_with(in_place, ARRAYS)
    for one, two in zip(before, ARRAYS, strict=True):
        assert_array_equal(one, two)


def test_a_generator_learns_the_sequences_that_are_made():
    X = ["ab" * 4] * 20 + ["ba" * 4] * 20
    swap = str.maketrans("ab", "ba")
    model = SequenceGenerator(
        augment=lambda X, random_state: ["ab" * 4] * len(X),
        hidden_size=8,
        lr=0.02,
        max_epochs=20,
        random_state=0,
    ).fit(X)
    assert model.score(["ab" * 4]) > model.score([("ab" * 4).translate(swap)]) + 0.1


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda X, r: X[:-1], "augment returned 11 sequences for 12 sequences"),
        (lambda X, r: None, "augment returned None for 12 sequences"),
        (lambda X, r: ["a b"] * 12, "augment returned strings, but X holds token lists"),
        (lambda X, r: [[1.0]] * 12, "augment returned numbers, but X holds tokens"),
        (lambda X, r: [*X[:5], [], *X[6:]], r"augment returned no steps for X\[5\]"),
    ],
)
def test_what_cannot_stand_in_place_of_X_is_refused(made, message):
    with pytest.raises(ValueError, match=message):
        fit_with(made)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            lambda x: np.c_[x, x],
            r"augment returned steps of shape \(4,\), .* have \(2,\)",
        ),
        (lambda x: np.full_like(x, np.nan), r"contains NaN: augment\(X\)\[0\], step 0"),
        (lambda x: ["a"], "augment returned tokens, but X holds numbers"),
    ],
)
def test_arrays_that_cannot_stand_in_place_of_others_are_refused(made, message):
    with pytest.raises(ValueError, match=message):
        fit_with(lambda X, r: [made(x) for x in X], ARRAYS)


@pytest.mark.parametrize("kind", [SequenceTagger, SequenceRegressor])
def test_another_length_is_refused_where_each_step_has_a_target(kind):
    y = TAGS if kind is SequenceTagger else [x[:, 0] for x in ARRAYS]

    def longer(X, random_state):
        return [*X[:7], np.r_[X[7], X[7]], *X[8:]]

    message = (
        r"augment returned 4 steps for X\[7\], which has 2: each of them has a target"
    )
    with pytest.raises(ValueError, match=message):
        fit_with(longer, ARRAYS, y, kind)


def test_the_place_is_that_in_the_users_X_where_some_are_held_out():
    def shorter(X, random_state):
        return [x[:-1] if len(x) > 2 else x for x in X]

    with pytest.raises(
        ValueError, match=r"augment returned 2 steps for X\[(\d+)\]"
    ) as found:
        fit_with(shorter, ARRAYS, TAGS, SequenceTagger, early_stopping=True)
    place = int(str(found.value).split("X[")[1].split("]")[0])
    assert len(ARRAYS[place]) == 3


def test_a_failure_leaves_a_fitted_estimator_as_it_was():
    model = fit_with(None)
    before = model.predict_proba(TOKENS)
    model.set_params(augment=lambda X, random_state: X[:3])
    with pytest.raises(ValueError, match="augment returned 3 sequences"):
        model.fit(TOKENS, LABELS)
    assert_array_equal(model.predict_proba(TOKENS), before)


def test_several_fields_of_steps_are_refused():
    frame = pd.DataFrame({"word": TOKENS, "tag": TAGS})
    with pytest.raises(ValueError, match="are one column, but X has 'word', 'tag'"):
        fit_with(unchanged, frame)
    numbers = [np.zeros((len(tokens), 2)) for tokens in TOKENS]
    frame = pd.DataFrame(
        {"word": TOKENS, "pitch": numbers, "static": np.arange(len(TOKENS))}
    )
    with pytest.raises(ValueError, match="are one column, but X has 'word', 'pitch'"):
        fit_with(unchanged, frame)
    frame["word"] = numbers
    with pytest.raises(ValueError, match="are one column, but X has 'word', 'pitch'"):
        fit_with(unchanged, frame)
    times = [np.arange(len(tokens)) for tokens in TOKENS]
    frame = pd.DataFrame({"word": TOKENS, "when": times})
    with pytest.raises(ValueError, match="are one column, but X has 'word', 'when'"):
        fit_with(unchanged, frame, time="when")


# --- the same training ----------------------------------------------------------------


def test_a_killed_training_resumes_with_the_same_sequences(monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoint, "SPACING", 0)
    expected = fit_with(in_place, ARRAYS)

    class Dies:
        n_calls = 0

        def __call__(self, X, random_state):
            Dies.n_calls += 1
            if Dies.n_calls == 3:
                raise RuntimeError("killed")
            return in_place(X, random_state)

    model = SequenceClassifier(
        augment=Dies(), checkpoint=tmp_path / "fit.checkpoint", **SMALL
    )
    with pytest.raises(RuntimeError, match="killed"):
        model.fit(ARRAYS, LABELS)
    assert (tmp_path / "fit.checkpoint").exists()
    model.fit(ARRAYS, LABELS)
    assert_same(model, expected)


def test_the_same_seed_gives_the_same_model_and_none_changes_nothing():
    assert_same(fit_with(in_place, ARRAYS), fit_with(in_place, ARRAYS))
    members = [fit_with(in_place, ARRAYS, n_estimators=2, n_jobs=n) for n in (1, 2)]
    assert_array_equal(*[one.predict_proba(ARRAYS) for one in members])


class Counts:
    """Leaves out a step in each pass after the first, by a count of its own."""

    n_passes = 0

    def __call__(self, X, random_state):
        self.n_passes += 1
        return [x[: max(1, len(x) - self.n_passes + 1)] for x in X]


def test_a_fit_leaves_the_users_object_as_it_is():
    augment = Counts()
    model = SequenceClassifier(augment=augment, **SMALL).fit(TOKENS, LABELS)
    assert augment.n_passes == 0
    assert_same(model, SequenceClassifier(augment=augment, **SMALL).fit(TOKENS, LABELS))


def test_an_interrupted_fit_resumes_with_the_same_object(monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoint, "SPACING", 0)
    path, augment = tmp_path / "fit.checkpoint", Counts()
    model = SequenceClassifier(augment=augment, checkpoint=path, **SMALL)
    model.set_params(callbacks=[StopsOnce()])
    with pytest.raises(KeyboardInterrupt):
        model.fit(TOKENS, LABELS)
    assert path.exists()
    model.fit(TOKENS, LABELS)
    assert not path.exists()


class StopsOnce(Callback):
    """Ends the first training in its third epoch."""

    n_begun = 0

    def on_epoch_begin(self, net, **kwargs):
        StopsOnce.n_begun += 1
        if StopsOnce.n_begun == 3:
            raise KeyboardInterrupt


@pytest.mark.parametrize("way", ["partial_fit", "fit"])
def test_parts_and_warm_starts_carry_the_state_of_the_object(way):
    augment = Counts()
    model = SequenceClassifier(augment=augment, warm_start=True, **SMALL)
    model.fit(TOKENS, LABELS)
    for _ in range(2):
        getattr(model, way)(TOKENS, LABELS)
    assert augment.n_passes == 2 * (1 if way == "partial_fit" else model.n_iter_)


def test_partial_fit_augments_each_pass():
    recorder = Recorder()
    model = SequenceClassifier(augment=recorder, **SMALL)
    for _ in range(2):
        model.partial_fit(TOKENS, LABELS)
    assert len(recorder.calls) == 2


# --- files ----------------------------------------------------------------------------


def test_a_function_of_a_module_is_pickled_and_a_lambda_is_named(tmp_path):
    model = fit_with(unchanged)
    again = pickle.loads(pickle.dumps(model))
    assert again.augment is unchanged
    model.set_params(augment=lambda X, random_state: X)
    with pytest.raises(pickle.PicklingError, match=r"augment=.* cannot be pickled"):
        pickle.dumps(model)
    with pytest.raises(TypeError, match=r"augment=.*set_params\(augment=None\)"):
        save_model(model, tmp_path / "model.skrnn")
    save_model(model.set_params(augment=None), tmp_path / "model.skrnn")
    assert_array_equal(
        load_model(tmp_path / "model.skrnn").predict(TOKENS), model.predict(TOKENS)
    )


def test_a_forecaster_has_windows_and_no_augmentation():
    assert "augment" not in SequenceForecaster().get_params()


def test_a_function_of_other_arguments_is_named():
    model = SequenceClassifier(augment=len, hidden_size=4, max_epochs=1)
    with pytest.raises(TypeError, match=r"augment=.* is called as augment\(X, random_s"):
        model.fit([["a"], ["b"]] * 5, [0, 1] * 5)
    assert not hasattr(model, "net_")
