"""Held-out data: which sequences, which epoch is kept, when training stops."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    mean_squared_error,
    r2_score,
)

from skrnn.data.ragged import object_array as objects_of

# A rate so high that the loss goes up and down, and a schedule that does not anneal.
RESTLESS = {"lr": 0.1, "lr_schedule": "constant", "max_epochs": 12, "dropout": 0.0}


@pytest.fixture
def held_out(case, rng):
    """Return ten more sequences."""
    return case.numeric([rng.normal(size=(n, 3)) for n in rng.integers(1, 7, size=10)])


@pytest.fixture
def held_out_labels(rng):
    return np.array(["u", "v", "w", *rng.choice(["u", "v", "w"], size=7)])


# --- whether sequences are held out --------------------------------------------------


def test_nothing_is_held_out_by_default(make_estimator, X, y):
    model = make_estimator().fit(X, y)
    assert model.history_["valid_loss"].isna().all()


def test_validation_data_are_recorded_whatever_early_stopping_is(
    make_estimator, numbers, y, held_out
):
    for early_stopping in ("auto", True, False):
        model = make_estimator(early_stopping=early_stopping, max_epochs=4)
        model.fit(numbers, y, **make_estimator.validation(held_out))
        assert model.history_["valid_loss"].notna().all()
        assert len(model.history_) == 4


def test_without_early_stopping_the_last_epoch_is_kept(
    make_estimator, numbers, y, held_out, outputs
):
    plain = make_estimator(**RESTLESS).fit(numbers, y)
    model = make_estimator(early_stopping=False, n_iter_no_change=1, **RESTLESS)
    model.fit(numbers, y, **make_estimator.validation(held_out))
    assert_array_equal(outputs(model, numbers), outputs(plain, numbers))


def test_validation_data_are_watched_where_early_stopping_is_true_or_auto(
    make_estimator, numbers, y, held_out, outputs
):
    given = make_estimator.validation(held_out)
    asked = make_estimator(early_stopping=True).fit(numbers, y, **given)
    auto = make_estimator().fit(numbers, y, **given)
    assert_array_equal(outputs(asked, numbers), outputs(auto, numbers))


def test_scoring_without_held_out_data_warns(make_estimator, numbers, y):
    model = make_estimator(scoring=lambda estimator, X, y: 0.0)
    with pytest.warns(UserWarning, match="is not used: nothing is held out. Pass X_val"):
        model.fit(numbers, y)
    assert model.history_["valid_score"].isna().all()


def test_held_out_weights_count_in_the_recorded_loss(
    make_estimator, numbers, y, held_out
):
    given = make_estimator.validation(held_out)
    first = {name: data[:3] for name, data in given.items()}
    weight = np.repeat([1.0, 0.0], [3, 7])
    weighted = make_estimator().fit(numbers, y, **given, sample_weight_val=weight)
    alone = make_estimator().fit(numbers, y, **first)
    if make_estimator.answer in ("label", "number"):  # one target a sequence
        expected = alone.history_["valid_loss"] * 3 / 10  # weights have mean 1
        scaled = weighted.history_["valid_loss"] * 3 / 10
        assert_allclose(scaled, expected, rtol=1e-4)
    assert not np.allclose(
        weighted.history_["valid_loss"],
        make_estimator().fit(numbers, y, **given).history_["valid_loss"],
    )


def test_held_out_weights_without_held_out_data_are_refused(make_estimator, numbers, y):
    with pytest.raises(ValueError, match="sample_weight_val needs held-out data"):
        make_estimator().fit(numbers, y, sample_weight_val=[1.0] * len(numbers))


@pytest.mark.parametrize("strategy", ["random", "last"])
def test_the_only_sequence_of_a_class_is_not_held_out(make_classifier, strategy):
    X = [["a"]] * 10 + [["b"]] * 9 + [["c"]]
    y = ["a"] * 10 + ["b"] * 9 + ["c"]
    params = {"validation_strategy": strategy, "lr": 0.1, "dropout": 0.0}
    model = make_classifier(early_stopping=True, max_epochs=40, **params)
    with pytest.warns(UserWarning, match="1 class has one sequence, which stays"):
        model.fit(X, y)
    assert model.predict([["c"]]).tolist() == ["c"]


def test_watching_does_not_change_the_course_of_training(
    make_estimator, numbers, y, held_out
):
    watched = make_estimator().fit(numbers, y, **make_estimator.validation(held_out))
    alone = make_estimator().fit(numbers, y)
    assert_array_equal(watched.history_["train_loss"], alone.history_["train_loss"])


@pytest.mark.parametrize("split", ["random", "last"])
def test_too_few_sequences_are_all_trained_on_with_a_warning(
    make_estimator, X, split, outputs
):
    model = make_estimator(early_stopping=True, validation_strategy=split)
    with pytest.warns(UserWarning, match="6 sequences are too few to hold some out"):
        model.fit(X[:6], make_estimator.targets(X[:6]))
    plain = make_estimator.fit(X[:6])
    assert_array_equal(outputs(model, X), outputs(plain, X))


@pytest.mark.parametrize("split", ["random", "last"])
def test_a_validation_part_of_everything_is_refused(make_estimator, X, y, split):
    model = make_estimator(
        early_stopping=True, validation_fraction=0.99, validation_strategy=split
    )
    with pytest.raises(ValueError, match=r"validation_fraction=0.99 holds out all of 24"):
        model.fit(X, y)


def test_a_score_without_validation_data_is_warned_of(make_estimator, words, y):
    def score(estimator, X, y=None):
        return 0.0

    with pytest.warns(UserWarning, match="scoring"):
        make_estimator(scoring=score).fit(words, y)


# --- which sequences are held out ----------------------------------------------------


@pytest.fixture
def signed():
    """Return sequences with a word of their own each, so that a split shows."""
    return [[f"word{i}"] for i in range(40)]


def held_out_of(model):
    return [i for i in range(40) if f"word{i}" not in model.vocabulary_]


@pytest.mark.parametrize(("fraction", "n"), [(0.1, 4), (0.25, 10), (0.01, 1)])
def test_the_validation_fraction_is_held_out(make_estimator, signed, fraction, n):
    params = {"early_stopping": True, "validation_fraction": fraction}
    held_out = held_out_of(make_estimator.fit(signed, **params))
    assert len(held_out) == n
    assert held_out != list(range(40 - n, 40)) or n == 1
    assert held_out_of(make_estimator.fit(signed, **params)) == held_out


def test_the_last_sequences_are_held_out_where_asked(make_estimator, signed):
    model = make_estimator.fit(signed, early_stopping=True, validation_strategy="last")
    assert held_out_of(model) == [36, 37, 38, 39]


@pytest.mark.parametrize("strategy", ["last", "random"])
def test_sequences_of_weight_0_are_not_held_out(make_classifier, signed, strategy):
    y, weight = ["a", "b"] * 20, np.arange(40) % 10 < 5
    given = {"early_stopping": True, "validation_strategy": strategy}
    model = make_classifier(**given).fit(signed, y, sample_weight=weight.astype(float))
    held_out = held_out_of(model)
    assert len(held_out) == 2
    assert weight[held_out].all()
    assert strategy == "random" or held_out == [33, 34]
    few = weight & (np.arange(40) < 14)
    with pytest.warns(UserWarning, match="9 sequences of some weight are too few"):
        make_classifier(**given).fit(signed, y, sample_weight=few.astype(float))


def test_held_out_sequences_that_do_not_count_are_an_error(make_classifier, signed):
    model = make_classifier(class_weight={"a": 0.0, "b": 1.0})
    y = ["b", "a"] * 10 + ["a"] * 20
    with pytest.raises(ValueError, match="every held-out sequence has weight 0"):
        model.fit(signed, y, X_val=signed[:2], y_val=["a", "a"])
    assert not hasattr(model, "net_")
    last = {"early_stopping": True, "validation_strategy": "last"}
    with pytest.warns(UserWarning, match="early_stopping is ignored: every held-out"):
        model.set_params(**last).fit(signed, y)
    assert model.history_["valid_loss"].isna().all()


def test_weights_of_held_out_sequences_alone_do_not_blame_the_others(
    make_classifier, signed
):
    model = make_classifier(class_weight={"a": 0.0, "b": 1.0})
    held_out = {"X_val": signed[:2], "y_val": ["a", "a"], "sample_weight_val": [1.0, 2.0]}
    with pytest.raises(ValueError, match="every held-out sequence has weight 0"):
        model.fit(signed, ["b", "a"] * 20, **held_out)


def test_another_random_state_holds_out_others(make_estimator, signed):
    splits = [
        held_out_of(make_estimator.fit(signed, early_stopping=True, random_state=seed))
        for seed in (0, 1)
    ]
    assert splits[0] != splits[1]


@pytest.mark.parametrize("container", [list, objects_of, pd.Series])
def test_a_part_of_any_container_is_held_out(make_estimator, words, y, container):
    def score(estimator, X, y=None):
        assert type(X) is type(container(words))
        return float(len(estimator.predict(X)))

    model = make_estimator(early_stopping=True, scoring=score)
    model.fit(container(words), y if y is None else container(y))
    assert model.history_["valid_score"].eq(2).all()


def test_a_random_split_keeps_the_shares_of_classes(make_classifier, signed):
    y = np.array(["a"] * 30 + ["b"] * 10)
    model = make_classifier(early_stopping=True, validation_fraction=0.2)
    held_out = held_out_of(model.fit(signed, y))
    assert sum(i >= 30 for i in held_out) == 2


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_the_only_sequence_of_a_class_stays_in_training(
    make_classifier, signed, fraction
):
    y = ["common"] * 17 + ["rare"] + ["usual"] * 21 + ["single"]
    for seed in range(8):
        model = make_classifier(
            early_stopping=True,
            validation_fraction=fraction,
            random_state=seed,
            max_epochs=1,
        )
        with pytest.warns(UserWarning, match="2 classes have one sequence each"):
            model.fit(signed, y)
        assert not {17, 39} & set(held_out_of(model))
        assert model.classes_.tolist() == ["common", "rare", "single", "usual"]


def test_classes_that_are_held_out_altogether_are_still_classes(make_labeller, signed):
    y = ["a", "b"] * 18 + ["c"] * 4
    if make_labeller.answer == "step labels":
        y = [[label] for label in y]
    model = make_labeller(early_stopping=True, validation_strategy="last")
    assert model.fit(signed, y).classes_.tolist() == ["a", "b", "c"]
    assert np.isfinite(model.history_["valid_loss"]).all()


# --- the best epoch ------------------------------------------------------------------


def test_the_epoch_of_least_validation_loss_is_kept(
    make_classifier, numbers, y, held_out, held_out_labels
):
    model = make_classifier(**RESTLESS)
    model.fit(numbers, y, X_val=held_out, y_val=held_out_labels)
    losses = model.history_["valid_loss"]
    got = log_loss(held_out_labels, model.predict_proba(held_out))
    assert_allclose(got, losses.min(), rtol=1e-4)
    assert losses.iloc[-1] > losses.min()  # or this test would see nothing


def test_the_epoch_of_least_validation_loss_is_kept_by_regressors(
    make_regressor, numbers, y, held_out, rng
):
    y_val = rng.normal(loc=3, scale=2, size=10)
    model = make_regressor(**RESTLESS).fit(numbers, y, X_val=held_out, y_val=y_val)
    losses = model.history_["valid_loss"]
    got = mean_squared_error(y_val, model.predict(held_out)) / y.var()
    assert_allclose(got, losses.min(), rtol=1e-4)
    assert losses.iloc[-1] > losses.min()


def macro_f1(estimator, X, y):
    return f1_score(y, estimator.predict(X), average="macro", zero_division=0)


@pytest.mark.parametrize("scoring", ["accuracy", "f1_macro", "neg_log_loss", macro_f1])
def test_the_epoch_of_best_score_is_kept(
    make_classifier, numbers, y, held_out, held_out_labels, scoring
):
    model = make_classifier(scoring=scoring, **RESTLESS)
    model.fit(numbers, y, X_val=held_out, y_val=held_out_labels)
    scores = model.history_["valid_score"]
    predicted = model.predict(held_out)
    got = {
        "accuracy": accuracy_score(held_out_labels, predicted),
        "neg_log_loss": -log_loss(held_out_labels, model.predict_proba(held_out)),
    }.get(scoring, macro_f1(model, held_out, held_out_labels))
    assert_allclose(got, scores.max(), rtol=1e-5)
    assert scores.nunique() > 1


def test_regressors_watch_a_score(make_regressor, numbers, y, held_out, rng):
    y_val = rng.normal(loc=3, scale=2, size=10)
    model = make_regressor(scoring="r2", **RESTLESS)
    model.fit(numbers, y, X_val=held_out, y_val=y_val)
    scores = model.history_["valid_score"]
    assert_allclose(r2_score(y_val, model.predict(held_out)), scores.max(), rtol=1e-6)
    assert scores.iloc[-1] < scores.max()


def test_an_unknown_scorer_is_refused(make_estimator, numbers, y):
    model = make_estimator(scoring="acuracy", early_stopping=True)
    with pytest.raises(ValueError, match="acuracy"):
        model.fit(numbers, y)


# --- when training stops ----------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_training_stops_when_nothing_improves(
    make_estimator, numbers, y, held_out, schedule
):
    model = make_estimator(
        **RESTLESS | {"max_epochs": 60, "lr_schedule": schedule}, n_iter_no_change=3
    ).fit(numbers, y, **make_estimator.validation(held_out))
    losses = model.history_["valid_loss"]
    assert model.n_iter_ == losses.idxmin() + 3 < 60


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
def test_an_annealing_schedule_is_run_to_its_end(
    make_estimator, numbers, y, held_out, schedule
):
    model = make_estimator(
        **RESTLESS | {"max_epochs": 20, "lr_schedule": schedule}, n_iter_no_change=1
    ).fit(numbers, y, **make_estimator.validation(held_out))
    assert model.n_iter_ == 20
    assert model.history_["lr"].iloc[-1] < 0.001


# --- weights -------------------------------------------------------------------------


def test_the_validation_loss_carries_class_weights(make_classifier, numbers, held_out):
    y = np.array(["a"] * 18 + ["b"] * 6)
    y_val = np.array(["a", "b"] * 5)
    given = {"a": 1.0, "b": 3.0}  # what "balanced" comes to for y, up to a factor
    for class_weight in (given, "balanced"):
        model = make_classifier(class_weight=class_weight, **RESTLESS)
        model.fit(numbers, y, X_val=held_out, y_val=y_val)
        loss = -model.predict_log_proba(held_out)[np.arange(10), [0, 1] * 5]
        weights = np.where(y_val == "b", 3.0, 1.0) / np.where(y == "b", 3.0, 1.0).mean()
        expected = np.mean(weights * loss)
        assert_allclose(model.history_["valid_loss"].min(), expected, rtol=1e-4)


def test_validation_data_may_lack_the_class_that_has_a_weight(
    make_classifier, numbers, y, held_out
):
    model = make_classifier(class_weight={"u": 3.0})
    model.fit(numbers, y, X_val=held_out, y_val=["w"] * 10)
    assert np.isfinite(model.history_["valid_loss"]).all()


def test_the_validation_loss_carries_sample_weights(make_classifier, signed):
    y = ["a", "b"] * 20
    params = {"early_stopping": True, "validation_strategy": "last", "lr": 1e-9}
    losses = []
    for last in (1.0, 3.0):
        weights = np.ones(40)
        weights[36:] = last
        model = make_classifier(**params).fit(signed, y, sample_weight=weights)
        losses.append(model.history_["valid_loss"].iloc[0])
    assert_allclose(losses[1], 3 * losses[0], rtol=1e-3)


def test_label_smoothing_stays_out_of_the_validation_loss(
    make_classifier, numbers, y, held_out, held_out_labels
):
    given = {"X_val": held_out, "y_val": held_out_labels}
    params = {"lr": 1e-9, "dropout": 0.0}
    sharp = make_classifier(label_smoothing=0.0, **params).fit(numbers, y, **given)
    smooth = make_classifier(label_smoothing=0.4, **params).fit(numbers, y, **given)
    assert_allclose(smooth.history_["valid_loss"], sharp.history_["valid_loss"], 1e-5)
    assert (smooth.history_["train_loss"] != sharp.history_["train_loss"]).all()


def test_early_stopping_keeps_a_better_network_than_the_last(make_classifier):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3, 2))
    y = (X[:, :, 0].sum(1) + 2 * rng.normal(size=60) > 0).astype(int)
    X_val, y_val = X[30:], y[30:]
    params = {"max_epochs": 60, "lr": 0.03, "lr_schedule": "constant", "dropout": 0.0}
    kept = make_classifier(**params, n_iter_no_change=60)
    kept.fit(X[:30], y[:30], X_val=X_val, y_val=y_val)
    last = make_classifier(**params).fit(X[:30], y[:30])
    losses = [log_loss(y_val, model.predict_proba(X_val)) for model in (kept, last)]
    assert losses[0] < losses[1]


@pytest.mark.parametrize("n_fits", [1, 2])
def test_a_fitted_estimator_does_not_keep_the_data_that_were_scored(
    make_classifier, n_fits, tmp_path
):
    model = make_classifier(scoring="accuracy", max_epochs=2)
    if n_fits == 2:  # the second takes what the first has trained
        model.set_params(checkpoint=tmp_path / "fits")
    for _ in range(n_fits):
        X = [np.arange(float(n % 3 + 2)) for n in range(12)]
        X_val = [x + 0.5 for x in X]
        y = ["a", "b", "c"] * 4
        model.fit(X, y, X_val=X_val, y_val=y)
    held = [weakref.ref(x) for x in (*X, *X_val)]
    del X, X_val
    gc.collect()
    assert not any(one() is not None for one in held)
    assert model.history_["valid_score"].notna().all()
