"""Callbacks of skorch, optimizers and schedules that the user chooses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, EpochScoring
from torch.optim import Rprop


class Count(Callback):
    """Counts what the loop calls."""

    def __init__(self):
        self.epochs, self.batches = 0, 0

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.epochs += 1

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        self.batches += training


@pytest.mark.parametrize("named", [False, True])
def test_callbacks_are_called(make_estimator, words, y, named):
    count = Count()
    callbacks = [("count", count)] if named else [count]
    make_estimator(callbacks=callbacks, max_epochs=3, batch_size=8).fit(words, y)
    assert (count.epochs, count.batches) == (3, 9)


def test_callbacks_see_the_epoch_after_which_nothing_improves(make_many_to_one, words, y):
    count = Count()
    params = {"lr_schedule": "constant", "lr": 1e-12, "n_iter_no_change": 2}
    model = make_many_to_one(callbacks=[count], max_epochs=9, **params)
    model.set_params(early_stopping=True, scoring=lambda model, X, y: 0.5).fit(words, y)
    assert model.n_iter_ == count.epochs == 3


def test_skorchs_early_stopping_may_stop_training(make_estimator, words, y):
    stopper = EarlyStopping(monitor="train_loss", patience=2, threshold=100.0)
    stopper.set_params(sink=lambda text: None)
    model = make_estimator(callbacks=[stopper], max_epochs=20).fit(words, y)
    assert model.n_iter_ < 5
    assert len(model.predict(words)) == 24


def test_epochs_are_counted_though_a_checkpoint_replaces_the_history(
    make_recurrent, words, y, tmp_path
):
    checkpoint = Checkpoint(monitor="train_loss_best", dirname=tmp_path, load_best=True)
    checkpoint.set_params(sink=lambda text: None)
    params = {"max_epochs": 4, "lr": 0.3, "max_grad_norm": None, "optimizer": "sgd"}
    model = make_recurrent(callbacks=[checkpoint], **params).fit(words, y)
    assert model.n_iter_ == 4
    assert len(model.predict(words)) == 24


def test_a_score_of_skorchs_is_refused_with_a_hint(make_estimator, words, y):
    model = make_estimator(callbacks=[EpochScoring("accuracy")])
    with pytest.raises(ValueError, match=r"callbacks\[0\] \(EpochScoring\) .* scoring"):
        model.fit(words, y)


def weight_decay_of(model):
    return model.net_.optimizer_.param_groups[0].get("weight_decay")


def test_an_optimizer_without_weight_decay_can_be_used(make_estimator, words, y):
    model = make_estimator(optimizer=Rprop, lr=0.01).fit(words, y)
    assert np.isfinite(model.history_["train_loss"]).all()


def test_callbacks_may_have_any_names(make_estimator, words, y):
    names = ["early_stopping", "lr_schedule", "train_score", "progress", "end_training"]
    callbacks = [(name, Count()) for name in names]
    model = make_estimator(callbacks=callbacks, verbose=1, early_stopping=True)
    model.fit(words, y)
    assert set(names) <= set(dict(model.net_.callbacks_))


class HandingOn(torch.optim.AdamW):
    """An optimizer whose own signature does not name its weight decay."""

    def __init__(self, params, **options):
        super().__init__(params, **options)


def test_weight_decay_reaches_a_base_of_the_optimizer(make_estimator, words, y):
    model = make_estimator(optimizer=HandingOn, weight_decay=0.0).fit(words, y)
    assert weight_decay_of(model) == 0.0


@pytest.mark.parametrize(
    "optimizer", ["adam", "adamw", "sgd", "rmsprop", torch.optim.NAdam]
)
def test_every_optimizer_lowers_the_loss(make_estimator, optimizer):
    X, y = make_estimator.learnable
    model = make_estimator(
        optimizer=optimizer,
        lr={"sgd": 0.3, "rmsprop": 0.005}.get(optimizer, 0.03),
        max_epochs=6,
        dropout=0.0,
    ).fit(X, y)
    losses = model.history_["train_loss"]
    assert losses.iloc[-1] < 0.95 * losses.iloc[0]


def test_automatic_weight_decay_is_for_the_optimizer_that_it_was_chosen_for(
    make_estimator, words, y
):
    adamw, adam, given, none = (
        weight_decay_of(make_estimator(**params, max_epochs=1).fit(words, y))
        for params in (
            {"optimizer": "adamw", "weight_decay": "auto"},
            {"optimizer": "adam", "weight_decay": "auto"},
            {"optimizer": "adam", "weight_decay": 0.2},
            {"optimizer": torch.optim.AdamW, "weight_decay": 0.0},  # whose own is 0.01
        )
    )
    assert (adamw, adam, given, none) == (0.3, 0.0, 0.2, 0.0)
