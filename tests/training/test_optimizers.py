"""Adam by rows against torch's Adam over whole tables."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from skrnn import Seq2SeqTransformer, SequenceClassifier
from skrnn.modules.parallel import Piece, one_thread_each, with_all_threads
from skrnn.training import optimizers
from skrnn.training.optimizers import MAX_MOMENTUM, Adam, AdamW

OF_TORCH = {Adam: torch.optim.Adam, AdamW: torch.optim.AdamW}
N_ROWS, N_COLUMNS = 12, 3
KINDS = pytest.mark.parametrize("kind", [Adam, AdamW])


@pytest.fixture(autouse=True)
def small_tables(monkeypatch):
    """Update the rows of every table one by one, however small it is."""
    monkeypatch.setattr(optimizers, "MIN_TABLE", 1)


class Readings:
    """A table and a vector of other weights, updated by batches of ids."""

    def __init__(self, kind, **options):
        self.generator = torch.Generator().manual_seed(0)
        self.embedding = nn.Embedding(N_ROWS, N_COLUMNS, padding_idx=0)
        with torch.no_grad():
            self.embedding.weight.normal_(generator=self.generator)
        self.other = nn.Parameter(torch.ones(N_COLUMNS))
        self.optimizer = kind([self.embedding.weight, self.other], lr=0.05, **options)

    def update(self, batches, lr):
        """Make one update by the sum over micro-batches; return the rows that were read."""
        self.optimizer.param_groups[0]["lr"] = lr
        self.optimizer.zero_grad()
        read = []
        for ids in batches:
            rows = self.embedding(ids)  # (B, T, C)
            read.append(rows.detach())
            # gradients do not depend on rows: rounding errors do not grow
            factors = torch.randn(rows.shape, generator=self.generator)
            (rows * factors + self.other * factors).sum().backward()
        self.optimizer.step()
        return read


def draw(rng, n_updates, n_batches=1):
    """Return ids of each micro-batch of each update; some rows are rare, row 11 never read."""
    rare = rng.random((n_updates, N_ROWS)) < 0.5 ** np.arange(N_ROWS)
    rare[:, -1] = False
    found = []
    for chosen in rare:
        rows = np.flatnonzero(chosen) if chosen.any() else np.array([1])
        batches = [rng.choice(rows, size=(2, 3)) for _ in range(n_batches)]
        found.append([torch.from_numpy(ids) for ids in batches])
    return found


@KINDS
@pytest.mark.parametrize("n_batches", [1, 3])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_rows_that_are_read_equal_those_of_torch(kind, n_batches, weight_decay, rng):
    ours = Readings(kind, weight_decay=weight_decay)
    theirs = Readings(OF_TORCH[kind], weight_decay=weight_decay)
    ours.optimizer.watch([ours.embedding])
    by_row = not weight_decay or kind is AdamW
    assert ours.embedding.sparse == by_row
    n_updates = 2 * MAX_MOMENTUM + 9  # rows rest longer than momentum lasts
    for step, batches in enumerate(draw(rng, n_updates, n_batches)):
        lr = 0.05 * np.cos(step / n_updates)
        for a, b in zip(
            ours.update(batches, lr), theirs.update(batches, lr), strict=True
        ):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
        if step == 100:
            ours.optimizer.flush()
    stale = (ours.embedding.weight - theirs.embedding.weight).abs().max()
    assert (stale > 1e-3) == by_row
    ours.optimizer.release()
    assert not ours.embedding.sparse
    for name in ("embedding", "other"):
        got, expected = getattr(ours, name), getattr(theirs, name)
        got, expected = (getattr(part, "weight", part) for part in (got, expected))
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    for key in ("exp_avg", "exp_avg_sq"):
        torch.testing.assert_close(
            ours.optimizer.state[ours.embedding.weight][key],
            theirs.optimizer.state[theirs.embedding.weight][key],
            rtol=1e-4,
            atol=1e-6,
        )


@KINDS
def test_whole_weights_equal_those_of_torch_exactly(kind, rng):
    ours = Readings(kind, weight_decay=0.1)
    theirs = Readings(OF_TORCH[kind], weight_decay=0.1, fused=True)
    for batches in draw(rng, 20):
        ours.update(batches, 0.01)
        theirs.update(batches, 0.01)
    assert torch.equal(ours.embedding.weight, theirs.embedding.weight)


@KINDS
@pytest.mark.parametrize("size", [70_001, 9_001])  # cut, not cut
@pytest.mark.parametrize("openmp", [False, True])
def test_updates_by_several_threads_have_the_same_bits(
    kind, size, openmp, rng, monkeypatch
):
    monkeypatch.setattr(optimizers, "MIN_SHARED", 1)
    values, gradients = rng.normal(size=(2, 3, size)).astype(np.float32)
    before, found = torch.get_num_threads(), []
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        weights = [torch.from_numpy(value.copy()).requires_grad_() for value in values]
        optimizer = kind(weights, lr=0.1, weight_decay=0.1)
        with one_thread_each():
            if openmp:
                with_all_threads(Piece(torch.sin, (torch.zeros(1),)))
            for _ in range(2):
                for weight, gradient in zip(weights, gradients, strict=True):
                    weight.grad = torch.from_numpy(gradient)
                optimizer.step()
        found.append(torch.stack(weights))
    torch.set_num_threads(before)
    assert torch.equal(*found)


@pytest.mark.parametrize("sizes", [(300_000,), (9, 200_000, 70_000, 70_000, 5), (90, 3)])
def test_two_threads_share_the_weights_and_one_is_cut_at_most(sizes, monkeypatch):
    monkeypatch.setattr(optimizers, "n_free_threads", lambda: 2)
    weights = [torch.arange(float(size)) for size in sizes]
    parts = optimizers._parts_of([(w, w, w, w, torch.zeros(())) for w in weights])
    pieces = [weight for part in parts for weight, *_ in part]
    assert torch.equal(torch.cat(pieces).sort()[0], torch.cat(weights).sort()[0])
    if sum(sizes) < optimizers.MIN_SHARED:
        assert len(parts) == 1
        return
    assert len(pieces) <= len(sizes) + 1
    first, second = (sum(weight.numel() for weight, *_ in part) for part in parts)
    assert abs(first - second) <= 2 * optimizers.ALIGNED


def test_the_state_is_one_of_torch_with_all_rows_up_to_date(rng):
    ours = Readings(AdamW)
    theirs = Readings(torch.optim.AdamW, weight_decay=0.0)
    ours.optimizer.watch([ours.embedding])
    for batches in draw(rng, 20):
        ours.update(batches, 0.01)
        theirs.update(batches, 0.01)
    state = ours.optimizer.state_dict()
    assert state["state"].keys() == theirs.optimizer.state_dict()["state"].keys()
    torch.testing.assert_close(ours.embedding.weight, theirs.embedding.weight)
    theirs.optimizer.load_state_dict(state)
    ours.optimizer.load_state_dict(state)


def test_copies_train_on_and_watch_nothing(rng):
    ours = Readings(AdamW)
    ours.optimizer.watch([ours.embedding])
    batches = draw(rng, 2)
    ours.update(batches[0], 0.01)
    embedding = copy.deepcopy(ours.embedding).train()
    assert embedding(torch.tensor([[1, 2]])).shape[:2] == (1, 2)
    other = copy.deepcopy(ours.optimizer)
    assert not other.tables
    assert (
        other.state_dict()["state"].keys() == ours.optimizer.state_dict()["state"].keys()
    )
    ours.update(batches[1], 0.01)


def test_frozen_tables_are_left_alone():
    ours = Readings(AdamW)
    ours.embedding.weight.requires_grad_(False)
    ours.optimizer.watch([ours.embedding])
    assert not ours.optimizer.tables


# --- in training ----------------------------------------------------------------------


class Looks(Callback):
    """Records whether each gradient is sparse."""

    def __init__(self):
        self.seen = set()

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.seen |= {p.grad.is_sparse for _, p in named_parameters}


def weights_of(kind=SequenceClassifier, **parameters):
    """Return the weights of an estimator fitted to texts of rare words."""
    rng = np.random.default_rng(0)
    X = [[f"w{i}" for i in rng.zipf(1.5, size=n) % 40] for n in rng.integers(1, 9, 60)]
    y = X if kind is Seq2SeqTransformer else [len(x) > 4 for x in X]
    model = kind(
        hidden_size=4, embedding_dim=3, batch_size=8, max_epochs=3, random_state=0
    )
    model.set_params(**parameters).fit(X, y)
    return model.net_.module_.state_dict(), model


@pytest.mark.parametrize("kind", [SequenceClassifier, Seq2SeqTransformer])
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@pytest.mark.parametrize("max_grad_norm", [None, 0.1])
def test_training_by_rows_equals_training_of_the_whole(
    kind, optimizer, max_grad_norm, monkeypatch
):
    options = {"optimizer": optimizer, "max_grad_norm": max_grad_norm}
    by_row, model = weights_of(kind, **options)
    assert not model.net_.optimizer_.tables
    assert not any(
        getattr(part, "sparse", False) for part in model.net_.module_.modules()
    )
    monkeypatch.setattr(optimizers, "MIN_TABLE", 1 << 30)
    whole, _ = weights_of(kind, **options)
    torch.testing.assert_close(by_row, whole, rtol=1e-3, atol=1e-4)


def test_large_tables_have_sparse_gradients_in_training(monkeypatch):
    seen = set()
    step = AdamW.step

    def watched(self, closure=None):
        loss = step(self, closure)
        seen.update(p.grad.is_sparse for p in self.param_groups[0]["params"])
        return loss

    monkeypatch.setattr(AdamW, "step", watched)
    weights_of()
    assert seen == {True, False}


def test_callbacks_of_users_see_dense_gradients():
    looks = Looks()
    weights_of(callbacks=[looks])
    assert looks.seen == {False}


class Records(Callback):
    """Records the tables after each epoch."""

    def __init__(self):
        self.seen = []

    def on_epoch_end(self, net, **kwargs):
        self.seen.append(net.module_.input_layer.embedding.weight.detach().clone())


@pytest.mark.parametrize("n_epochs", [2, 3])
def test_callbacks_that_see_whole_epochs_change_no_bit(n_epochs):
    records = Records()
    watched, _ = weights_of(callbacks=[records], lr_schedule="constant")
    alone, _ = weights_of(lr_schedule="constant")
    for name, weight in alone.items():
        assert torch.equal(weight, watched[name])
    # what a callback sees is what a training that ends there has learned
    short, _ = weights_of(lr_schedule="constant", max_epochs=n_epochs)
    torch.testing.assert_close(
        records.seen[n_epochs - 1], short["input_layer.embedding.weight"]
    )


def test_optimizers_of_users_get_dense_gradients():
    by_theirs, _ = weights_of(optimizer=torch.optim.AdamW)
    by_row, _ = weights_of(optimizer="adamw", weight_decay=0.01)
    torch.testing.assert_close(by_theirs, by_row, rtol=1e-3, atol=1e-4)


def test_tied_tables_are_updated_as_a_whole():
    _, model = weights_of(Seq2SeqTransformer, tie_weights=True)
    network = model.net_.module_
    assert network.embedding not in network.lookup_tables()
    assert network.input_layer.embedding in network.lookup_tables()


def test_training_resumes_from_rows_that_are_up_to_date():
    parameters = {"max_epochs": 1, "lr_schedule": "constant", "warm_start": True}
    _, model = weights_of(**parameters)
    before = model.net_.snapshot()["optimizer"]["state"]
    model.fit([["w1"], ["w2"]], [True, False])
    after = model.net_.optimizer_.state_dict()["state"]
    assert {int(state["step"]) for state in before.values()} == {8}
    assert {int(state["step"]) for state in after.values()} == {9}


@KINDS
def test_a_loaded_state_continues_as_the_one_that_was_saved(kind, rng):
    one = Readings(kind)
    one.optimizer.watch([one.embedding])
    batches = draw(rng, 30)
    for ids in batches[:10]:
        one.update(ids, 0.05)
    state = copy.deepcopy(one.optimizer.state_dict())
    weights = [weight.detach().clone() for weight in (one.embedding.weight, one.other)]
    generator = one.generator.get_state()
    found = []
    for _ in range(
        2
    ):  # the second time rows have missed updates when the state is loaded
        for ids in batches[10:]:
            one.update(ids, 0.02)
        one.optimizer.flush()
        found.append(one.embedding.weight.detach().clone())
        for ids in batches[:5]:
            one.update(ids, 0.05)
        one.optimizer.load_state_dict(copy.deepcopy(state))
        with torch.no_grad():
            one.embedding.weight.copy_(weights[0])
            one.other.copy_(weights[1])
        one.generator.set_state(generator)
    assert torch.equal(*found)


@KINDS
def test_a_state_without_moments_replaces_those_there_are(kind, rng):
    one = Readings(kind)
    state = copy.deepcopy(one.optimizer.state_dict())
    one.update(draw(rng, 1)[0], 0.05)
    one.optimizer.load_state_dict(state)
    moments = one.optimizer.state_dict()["state"]
    assert all((v == 0).all() for one in moments.values() for v in one.values())
