"""Generators: what they write, what they say of sequences, and how they read books."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MultiLabelBinarizer
from skorch.callbacks import Callback

from skrnn import FeedForwardGenerator, SequenceGenerator
from skrnn.data.targets import CheckedData, CheckedTargets
from skrnn.modules.networks.language import RecurrentLanguageModel
from skrnn.preprocessing import StepwiseTransformer
from skrnn.training import generation, inference

TEXTS = ["abcabcabc", "bcabca", "cabcab", "a", "abca"] * 4
SMALL = {
    SequenceGenerator: {"hidden_size": 6},
    FeedForwardGenerator: {"hidden_layer_sizes": (6,), "window": 3},
}
QUICK = {"max_epochs": 2, "embedding_dim": 4, "batch_size": 8, "random_state": 0}


def make(cls, **params):
    return cls(**{**SMALL[cls], **QUICK, **params})


@pytest.fixture(params=SMALL, ids=lambda cls: cls.__name__)
def make_generator(request):
    return partial(make, request.param)


@pytest.fixture
def chords(rng):
    return [(rng.random((n, 5)) < 0.4).astype(float) for n in (4, 7, 1, 5, 4, 9)]


# --- scores --------------------------------------------------------------------------


def test_the_probabilities_of_all_short_texts_and_their_beginnings_sum_to_one(
    make_generator,
):
    model = make_generator(max_epochs=60, lr=0.02).fit(["ab", "ba", "b"] * 4)
    # what is no text of up to two tokens begins with one of three, or holds an unknown
    ended = ["", "a", "b", "aa", "ab", "ba", "bb"]
    total = np.exp(model.score_samples(ended[1:])).sum()
    nothing = model.predict_proba([""])[0, -1]
    assert 0 < total + nothing < 1
    # what begins with two tokens and goes on, or holds what training has not seen
    warm = 1 - model.predict_proba(["aa", "ab", "ba", "bb"])[:, -1]
    known = np.exp(model.score_samples(["aa", "ab", "ba", "bb"]))
    beginnings = known / model.predict_proba(["aa", "ab", "ba", "bb"])[:, -1]
    whole = total + nothing + (beginnings * warm).sum()
    assert whole == pytest.approx(1, abs=0.05)  # less the unknown ones'
    assert whole <= 1 + 1e-6


def test_a_score_is_the_sum_of_the_steps_log_probabilities(make_generator):
    model = make_generator().fit(TEXTS)
    network = model.net_.module_
    text = "abcb"
    column = {token: i for i, token in enumerate(model.vocabulary_)}
    steps = [model.predict_proba([text[:n]])[0] for n in range(len(text) + 1)]
    chosen = [column[token] for token in text] + [len(column)]
    known = sum(np.log(p[c]) for p, c in zip(steps, chosen, strict=True))
    # predict_proba leaves out what padding and the unknown token have
    inputs = model._prompts([text], "X").steps
    tokens = torch.from_numpy(inputs.values)[None]
    lengths = torch.from_numpy(inputs.lengths)
    logits = network({"tokens": tokens, "lengths": lengths}).logits
    kept = logits.detach().softmax(-1)[0, :, 2:].sum(-1).log().sum()
    assert_allclose(model.score_samples([text])[0], known + float(kept), rtol=1e-4)


def test_score_is_the_mean_over_all_steps_with_their_ends(make_generator):
    model = make_generator().fit(TEXTS)
    total = model.score_samples(TEXTS).sum()
    assert_allclose(model.score(TEXTS), total / sum(len(t) + 1 for t in TEXTS))
    assert_allclose(model.perplexity(TEXTS), np.exp(-model.score(TEXTS)))
    assert type(model.score(TEXTS)) is float


def test_features_are_scored_by_independent_bernoullis(make_generator, chords):
    model = make_generator().fit(chords)
    song = chords[1]
    by_hand = 0.0
    for n, step in enumerate(song):
        p = model.predict_proba([song[:n]])[0].astype(float)
        by_hand += np.log(np.where(step == 1, p, 1 - p)).sum()
    assert_allclose(model.score_samples([song])[0], by_hand, rtol=1e-4)
    assert_allclose(
        model.score(chords), model.score_samples(chords).sum() / sum(map(len, chords))
    )


def test_an_unknown_token_scores_as_the_unknown_one(make_generator):
    model = make_generator().fit(TEXTS)
    assert model.score_samples(["az"]) == model.score_samples(["a?"])


def test_left_out_tokens_have_equal_parts_of_the_unknown_ones_probability(
    make_generator,
):
    model = make_generator(max_vocabulary=1).fit(["aab", "aac", "aad", "aae"] * 3)
    shared = model.score_samples(["a", "ab", "cb"])
    model._targets.n_left_out = 0
    alone = model.score_samples(["a", "ab", "cb"])
    assert_allclose(alone - shared, np.array([0, 1, 2]) * np.log(4), atol=1e-12)


@pytest.mark.parametrize("tie_weights", [False, True])
def test_tokens_of_later_calls_share_the_unknown_ones_probability(
    make_generator, tie_weights
):
    model = make_generator(tie_weights=tie_weights).partial_fit(["aaa"] * 8)
    assert not model.net_.module_.embed(torch.tensor([[1]])).any()
    for _ in range(2):
        model.partial_fit(["ab", "ac", "ad"] * 4)
    assert model._targets.n_left_out == 3
    assert model.net_.module_.embed(torch.tensor([[1]])).any()
    shared = model.score_samples(["ab"])
    model._targets.n_left_out = 0
    assert_allclose(model.score_samples(["ab"]) - shared, np.log(3), atol=1e-12)


def test_a_small_vocabulary_is_no_way_to_a_good_score(rng, make_generator):
    X = ["".join(rng.choice(list("abcdefgh"), 12)) for _ in range(60)]
    settings = {"max_epochs": 20, "lr": 0.02}
    whole = make_generator(**settings).fit(X).score(X)
    usual = int(np.median([sum(text.count(token) for text in X) for token in "abcdefgh"]))
    for fewer in ({"max_vocabulary": 1}, {"min_count": usual}):
        assert make_generator(**settings, **fewer).fit(X).score(X) < whole + 0.05


@pytest.mark.parametrize("tie_weights", [False, True])
def test_a_token_that_training_lacks_is_read_as_zeros(make_generator, tie_weights):
    model = make_generator(tie_weights=tie_weights, lr=0.05).fit(TEXTS)
    for fitted in (model, pickle.loads(pickle.dumps(model))):
        network = fitted.net_.module_
        assert not network.embed(torch.tensor([[1]])).any()
        assert network.embed(torch.tensor([[2]])).any()
    for nothing_left_out in ({"max_vocabulary": 1000}, {"min_count": 2}):
        model = make_generator(tie_weights=tie_weights, **nothing_left_out).fit(TEXTS)
        assert not model.net_.module_.embed(torch.tensor([[1]])).any()
    rare = make_generator(tie_weights=tie_weights, min_count=9).fit(["abc"] * 9 + ["abz"])
    assert rare.net_.module_.embed(torch.tensor([[1]])).any()


# --- books ---------------------------------------------------------------------------


def test_a_book_in_large_batches_can_be_learned(make_generator):
    make_generator(max_epochs=1, bptt=8, batch_size=512).fit(["abcd" * 1017])


def test_a_book_is_scored_in_chunks_as_in_one(make_generator, monkeypatch):
    model = make_generator(bptt=8).fit(TEXTS)
    book = ["abcab" * 60]
    whole, following = model.score_samples(book), model.predict_proba(book)
    monkeypatch.setattr(inference, "CHUNK", 10)
    assert_allclose(model.score_samples(book), whole, rtol=1e-5)
    assert_allclose(model.predict_proba(book), following, rtol=1e-4)


def test_a_book_is_read_in_streams_that_hold_all_its_steps(make_generator):
    model = make_generator(bptt=16, batch_size=4, max_epochs=1)
    book = "abcde" * 100
    model.fit([book])
    checked = model._check_X([book])
    data = CheckedData(checked, CheckedTargets(checked.steps))
    dataset = model._make_dataset(data, None, training=True)
    assert dataset.lengths.tolist() == [126, 125, 125, 125]  # 500 and the end
    late, targets = dataset.sequences.steps.values, dataset.targets.values
    assert late[0] == 0
    assert_array_equal(late[1:], targets[:-1])


@pytest.mark.parametrize(
    ("n_steps", "params", "rate"),
    [
        (1599, {}, 0.0),  # and the end: 50 steps for each of 2 * 4 * 4 weights
        (1598, {}, 0.1),
        (319, {}, 0.1),  # 10 steps for each
        (318, {}, 0.3),
        (99, {"hidden_size": np.int16(256)}, 0.3),
        (1599, {"hidden_size": 5}, 0.1),
        (1599, {"dropout": 0.1}, 0.1),
        (1, {"dropout": 0.0}, 0.0),
    ],
)
def test_auto_dropout_depends_on_steps_and_weights(n_steps, params, rate):
    given = {"hidden_size": 4, "num_layers": 2, "max_epochs": 1, "early_stopping": False}
    model = SequenceGenerator(**given | params).fit(["a" * n_steps])
    network = model.net_.module_
    assert network.dropout.p == network.layers.dropout.p == rate


@pytest.mark.parametrize("n_steps", [799, 800])
def test_auto_dropout_counts_steps_of_numbers_too(n_steps):
    X = [np.ones((n_steps, 2))]
    model = SequenceGenerator(hidden_size=4, max_epochs=1, early_stopping=False).fit(X)
    assert model.net_.module_.dropout.p == (0.1 if n_steps < 800 else 0.0)


def test_auto_dropout_is_that_of_the_first_call_and_of_all_members():
    model = SequenceGenerator(
        hidden_size=4, max_epochs=1, early_stopping=False, n_estimators=2
    )
    for n_steps in (100, 5000):
        model.partial_fit(["a" * n_steps])
        for member in model.net_.module_.members:
            assert member.dropout.p == member.layers.dropout.p == 0.3


def test_the_state_is_carried_from_chunk_to_chunk_and_not_across_sequences(monkeypatch):
    model = make(SequenceGenerator, bptt=4, batch_size=2, max_epochs=1, dropout=0.0)
    calls = []
    forward = RecurrentLanguageModel.forward

    def watched(network, inputs):
        outputs = forward(network, inputs)
        calls.append((len(inputs["lengths"]), inputs.get("state"), outputs.state))
        return outputs

    monkeypatch.setattr(RecurrentLanguageModel, "forward", watched)
    model.fit(["abcabcabcabc", "bca", "cab"])
    updates = calls[:-1]  # the last one tries the trained network
    assert {state is None for _, state, _ in updates} == {False, True}
    for (_, _, after), (n_sequences, state, _) in pairwise(updates):
        if state is not None:
            for part, expected in zip(state, after, strict=True):
                assert_array_equal(part, expected.detach()[:n_sequences])
                assert not part.requires_grad


def test_one_count_of_updates_serves_epochs_and_schedule():
    books = ["abcde" * 300, "edcba" * 290, "ab" * 400]
    model = make(SequenceGenerator, bptt=16, batch_size=8, max_epochs=1)
    net = model.fit(books).net_
    schedule = dict(net.callbacks_)["skrnn_lr_schedule"]
    assert abs(schedule.n_updates - net.history[0]["train_batch_count"]) <= 2


def test_scores_of_two_threads_do_not_meet(make_generator, monkeypatch):
    monkeypatch.setattr(inference, "CHUNK", 50)
    model = make_generator(bptt=8).fit(TEXTS)
    books = [["abcab" * 300], ["bacba" * 310]]
    expected = [model.score_samples(book) for book in books]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            assert_array_equal(list(pool.map(model.score_samples, books)), expected)


def test_a_callback_may_score_between_chunks():
    class Scores(Callback):
        def on_batch_end(self, net, training, **kwargs):
            if training:
                model.score(["abc"])

    model = make(SequenceGenerator, bptt=8, max_epochs=1).fit(TEXTS)
    book = ["abcab" * 60]
    settings = {"bptt": 8, "max_epochs": 1, "batch_size": 4}
    plain = make(SequenceGenerator, **settings).fit(book)
    watched = make(SequenceGenerator, callbacks=[Scores()], **settings).fit(book)
    assert_array_equal(plain.score_samples(TEXTS), watched.score_samples(TEXTS))


def test_going_on_takes_the_bptt_of_the_day():
    model = make(SequenceGenerator, warm_start=True, max_epochs=1).fit(TEXTS)
    model.set_params(bptt=4).fit(TEXTS)
    assert model.net_.bptt == 4


def test_long_sequences_of_great_weight_leave_the_loss_at_its_size(make_generator):
    texts = ["abcab" * 30, *TEXTS]
    weight = np.array([10.0, *[0.1] * len(TEXTS)])
    settings = {"max_epochs": 1, "lr": 1e-9, "dropout": 0.0}
    plain = make_generator(**settings).fit(texts).history_.train_loss.iloc[0]
    model = make_generator(**settings).fit(texts, sample_weight=weight)
    assert model.history_.train_loss.iloc[0] == pytest.approx(plain, rel=0.3)


def test_the_steps_of_short_sequences_weigh_no_more_than_those_of_long_ones():
    # batches hold sequences of like lengths: those of short ones have few steps
    texts = ["a"] * 64 + ["a" * 15] * 64
    model = make(
        FeedForwardGenerator,
        window=1,
        batch_size=32,
        max_epochs=60,
        lr=0.02,
        dropout=0.0,
    )
    ends, steps = 128, 64 + 64 * 15  # behind an "a"
    probability = model.fit(texts).predict_proba(["a"])[0, -1]
    assert probability == pytest.approx(ends / steps, abs=0.02)


def test_training_loss_counts_each_step_once(make_generator):
    model = make_generator(max_epochs=1, dropout=0.0, lr=1e-9, batch_size=4, bptt=16)
    model.fit(["abcab" * 50, "ab", "abcabcabcabcabcabcabcabc"])
    expected = -model.score(["abcab" * 50, "ab", "abcabcabcabcabcabcabcabc"])
    assert_allclose(model.history_.train_loss.iloc[0], expected, rtol=0.02)


# --- writing -------------------------------------------------------------------------


def test_writing_goes_on_as_the_whole_prefix_would(make_generator):
    model = make_generator(max_epochs=15, lr=0.02).fit(TEXTS)
    prompt, written = "ab", ""
    names = [*model.vocabulary_, None]
    for _ in range(6):  # the loop that recomputes the prefix
        best = names[int(model.predict_proba([prompt + written])[0].argmax())]
        if best is None:
            break
        written += best
    assert model.generate([prompt], 6, temperature=0).tolist() == [written]


def test_predict_is_greedy_and_stops_after_n_steps(make_generator):
    model = make_generator(max_length=4).fit(TEXTS)
    assert_array_equal(
        model.predict(["a", "b"]), model.generate(["a", "b"], temperature=0)
    )
    model.set_params(max_length=2)
    assert max(map(len, model.predict(["a", "b"]))) <= 2


def test_the_same_seed_writes_the_same_and_none_something_else(make_generator):
    model = make_generator().fit(TEXTS)
    first = model.sample(8, 10, random_state=3)
    assert_array_equal(first, model.sample(8, 10, random_state=3))
    np.random.seed(0)
    others = [model.sample(8, 10).tolist() for _ in range(2)]
    assert others[0] != others[1]


def test_samples_follow_the_probabilities(make_generator):
    model = make_generator().fit(TEXTS)
    firsts = [text[:1] for text in model.sample(4000, 1, random_state=0)]
    names = [*model.vocabulary_, ""]
    shares = [firsts.count(name) / 4000 for name in names]
    assert_allclose(shares, model.predict_proba([""])[0], atol=0.03)


@pytest.mark.parametrize("limits", [{"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-6}])
def test_the_narrowest_choice_is_the_greedy_one(make_generator, limits):
    model = make_generator(max_epochs=10, lr=0.02).fit(TEXTS)
    greedy = model.generate(["a", "b"], 5, temperature=0)
    assert_array_equal(model.generate(["a", "b"], 5, random_state=0, **limits), greedy)


def test_top_k_and_top_p_leave_out_what_is_improbable(make_generator):
    model = make_generator().fit(TEXTS)
    probabilities = model.predict_proba([""])[0]
    names = np.array([*model.vocabulary_, ""])
    order = probabilities.argsort()[::-1]
    for limits, allowed in (
        ({"top_k": 2}, order[:2]),
        ({"top_p": probabilities[order[:2]].sum() - 1e-3}, order[:2]),
    ):
        written = {t[:1] for t in model.sample(500, 1, random_state=0, **limits)}
        assert written == set(names[allowed])


def test_stop_ends_a_sequence_before_its_token(make_generator):
    model = make_generator(max_epochs=20, lr=0.02).fit(["ab.cd.ab.cd."] * 10)
    free = model.generate(["a"], 8, temperature=0)[0]
    stopped = model.generate(["a"], 8, temperature=0, stop=".")[0]
    assert "." not in stopped
    assert free.startswith(stopped)


def test_padding_and_the_unknown_token_are_never_written(make_generator):
    model = make_generator(min_count=3, max_epochs=1).fit(["abx", "aby", "abz"])
    written = "".join(model.sample(300, 4, random_state=0, temperature=50.0))
    assert set(written) == {"a", "b"}


def test_what_is_written_depends_on_no_other_prompt(make_generator, monkeypatch):
    model = make_generator(max_epochs=20, lr=0.02).fit(TEXTS)
    prompts = ["a", "", "ab", "c", "abcab"] * 3
    written = model.generate(prompts, 12, random_state=1)
    assert len(set(map(len, written))) > 1  # some end early
    fewer = model.generate([*prompts[:7], "b"], 12, random_state=1)
    assert_array_equal(fewer[:7], written[:7])
    longer = model.generate(prompts, 100, random_state=1)
    assert [text[:12] for text in longer] == written.tolist()
    monkeypatch.setitem(generation.MAX_ROWS, "cpu", 4)
    monkeypatch.setitem(generation.MAX_ROWS, "cuda", 4)
    assert_array_equal(model.generate(prompts, 12, random_state=1), written)


def test_the_first_sample_is_the_one_continuation_without_a_number(
    make_generator, chords
):
    for X in (TEXTS, chords):
        model = make_generator().fit(X)
        expected = model.generate(X[:5], 8, random_state=1)
        for n_samples in (1, 3):
            found = model.generate(X[:5], 8, n_samples=n_samples, random_state=1)
            for row, one in zip(found, expected, strict=True):
                assert len(row) == n_samples
                assert_array_equal(row[0], one)


def test_samples_of_a_prompt_follow_its_probabilities(make_generator):
    model = make_generator(max_epochs=10, lr=0.02).fit(TEXTS)
    names, prompts = [*model.vocabulary_, ""], ["ab", "", "a"]
    found = model.generate(prompts, 1, n_samples=3000, random_state=0)
    for row, expected in zip(found, model.predict_proba(prompts), strict=True):
        assert_allclose([row.count(t) / 3000 for t in names], expected, atol=0.03)


def test_a_prompt_is_read_once_for_all_its_samples(make_generator, monkeypatch):
    model, read = make_generator().fit(TEXTS), []

    def spy(net, prompts):
        read.append(len(prompts))
        return inference.read_prompts(net, prompts)

    monkeypatch.setattr(generation, "read_prompts", spy)
    model.generate(["ab", "c", "abc"], 3, n_samples=50, random_state=0)
    assert read == [3]


def test_probabilities_keep_no_states_of_prompts(make_generator, monkeypatch):
    model, states = make_generator().fit(TEXTS), []
    read = inference.read_prompts

    def spy(net, prompts, **options):
        logits, state = read(net, prompts, **options)
        states.append(state)
        return logits, state

    monkeypatch.setattr(inference, "read_prompts", spy)
    model.predict_proba(["ab", "c", "abc"])
    assert states == [()]


def test_prompts_of_any_length_are_written_on_together(make_generator):
    model = make_generator().fit(TEXTS)
    prompts = ["abc", "", "a", "zz", "abcabc"]
    together = model.generate(prompts, 5, temperature=0)
    alone = [model.generate([prompt], 5, temperature=0)[0] for prompt in prompts]
    assert together.tolist() == alone


def test_a_stream_yields_what_generate_writes(make_generator):
    model = make_generator().fit(TEXTS)
    tokens = list(model.stream("ab", 9, random_state=5))
    assert "".join(tokens) == model.generate(["ab"], 9, random_state=5)[0]


def test_a_stream_of_features_yields_what_generate_writes(make_generator, chords):
    model = make_generator().fit(chords)
    steps = list(model.stream(chords[0], 4, random_state=5))
    assert_array_equal(steps, model.generate([chords[0]], 4, random_state=5)[0])


def test_what_is_written_has_the_form_of_x(make_generator, chords):
    lists = [list(text) for text in TEXTS]
    cases = [
        (TEXTS, {}, str),
        (lists, {}, list),
        (["the cat sat.", "the dog."] * 4, {"tokenizer": "word"}, str),
        ([[1, 2, 3], [2, 3]] * 4, {"input_type": "tokens"}, list),
        (chords, {}, np.ndarray),
    ]
    for X, params, kind in cases:
        model = make_generator(**params).fit(X)
        for written in (model.sample(2, 3, random_state=0), model.generate(X[:2], 3)):
            assert written.shape == (2,)
            assert {type(each) for each in written} == {kind}
    assert model.sample(1, 3)[0].shape == (3, 5)
    assert set(np.unique(model.sample(9, 3)[0])) <= {0.0, 1.0}


# --- containers, copies, scikit-learn ------------------------------------------------


def test_y_is_ignored(make_generator):
    first = make_generator().fit(TEXTS)
    with pytest.warns(UserWarning, match=r"y is ignored: \w+ learns from X alone"):
        second = make_generator().fit(TEXTS, np.zeros(3))
    with pytest.warns(UserWarning, match=r"y is ignored: \w+ learns from X alone"):
        assert first.score(TEXTS) == second.score(TEXTS, "anything")


def test_partial_fit_keeps_the_vocabulary_of_the_first_call(make_generator):
    model = make_generator().partial_fit(TEXTS)
    vocabulary = dict(model.vocabulary_)
    before = model.score(TEXTS)
    for _ in range(5):
        model.partial_fit([*TEXTS, "xyz"])
    assert model.vocabulary_ == vocabulary
    assert model.score(TEXTS) > before


def test_held_out_texts_are_watched(make_generator):
    model = make_generator(max_epochs=4).fit(TEXTS, X_val=TEXTS[:3])
    assert model.history_.valid_loss.notna().all()
    assert_allclose(model.history_.valid_loss.min(), -model.score(TEXTS[:3]), rtol=1e-5)


def test_a_search_goes_by_the_mean_log_likelihood():
    search = GridSearchCV(make(SequenceGenerator), {"hidden_size": [2, 4]}, cv=2)
    search.fit(TEXTS)
    assert search.best_estimator_.score(TEXTS) == search.score(TEXTS)


def test_it_ends_a_pipeline(make_generator):
    lower = FunctionTransformer(lambda X: [text.lower() for text in X])
    model = make_pipeline(lower, make_generator()).fit([t.upper() for t in TEXTS])
    assert model.score(TEXTS) == make_generator().fit(TEXTS).score(TEXTS)


def test_it_learns_what_it_reads_better_than_the_frequencies_say():
    model = SequenceGenerator(
        hidden_size=16, lr=0.02, max_epochs=15, batch_size=16, random_state=0
    ).fit(TEXTS * 3)
    counts = pd.Series(list("".join(t + "$" for t in TEXTS))).value_counts(normalize=True)
    assert model.score(TEXTS) > float((counts * np.log(counts)).sum()) + 0.3


# --- bad input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_length": 0}, "'max_length' parameter"),
        ({"temperature": -1.0}, "'temperature' parameter"),
        ({"top_k": 0}, "'top_k' parameter"),
        ({"top_p": 0.0}, "'top_p' parameter"),
        ({"top_p": 1.5}, "'top_p' parameter"),
        ({"stop": "?"}, "stop='\\?' is not a token in vocabulary_"),
    ],
)
def test_an_argument_out_of_its_range_is_named(make_generator, arguments, message):
    model = make_generator(max_epochs=1).fit(TEXTS)
    with pytest.raises(ValueError, match=message):
        model.generate(["a"], **arguments)
    with pytest.raises(ValueError, match=message):
        list(model.stream("a", **arguments))


def test_prompts_of_another_kind_are_refused(make_generator, chords):
    model = make_generator(max_epochs=1).fit(TEXTS)
    with pytest.raises(ValueError, match="prompts holds numeric sequences"):
        model.generate(chords)
    model.fit(chords)
    with pytest.raises(ValueError, match="prompts holds token sequences"):
        model.generate(["a"])
    with pytest.raises(ValueError, match="has 3 features"):
        model.generate([np.zeros((2, 3))])
    with pytest.raises(ValueError, match="prompts holds token sequences"):
        model.generate([""])
    with pytest.raises(ValueError, match="has 3 features"):
        model.score([np.zeros((0, 3))])
    for method in (model.predict, model.predict_proba):
        with pytest.raises(ValueError, match=r"^X holds token sequences"):
            method(["a"])
    with pytest.raises(ValueError, match=r"Generator\.stream must be an int"):
        model.stream(chords[0], max_length=0)
    with pytest.raises(ValueError, match=r"Generator\.sample must be an int"):
        model.sample(2, max_length=0)
    with pytest.raises(ValueError, match=r"'temperature' .* outside int64"):
        model.sample(2, 3, temperature=10**400)
    for useless in ({"stop": "a"}, {"top_k": 3}, {"top_p": 0.5}):
        with pytest.raises(ValueError, match=f"{next(iter(useless))}=.* has no effect"):
            model.generate(chords, **useless)


def test_features_other_than_zeros_and_ones_are_refused(make_generator):
    X = [np.zeros((3, 2)), np.array([[0.0, 1.0], [0.5, 0.0]])]
    with pytest.raises(ValueError, match=r"X\[1\], step 1 holds other numbers"):
        make_generator().fit(X)


def test_a_text_of_one_character_can_be_learned(make_generator):
    model = make_generator(max_epochs=1).fit(["a"])
    assert set("".join(model.sample(20, 5, random_state=0))) <= {"a"}


def test_tokens_that_are_all_rare_are_refused(make_generator):
    with pytest.raises(ValueError, match="no token of X is seen min_count=9 times"):
        make_generator(min_count=9).fit(["ab", "ba"])


def test_an_unfitted_model_says_so(make_generator):
    model = make_generator()
    for call in (model.generate, model.score, model.predict_proba, model.perplexity):
        with pytest.raises(NotFittedError):
            call(TEXTS)
    with pytest.raises(NotFittedError):
        model.sample()


def test_a_failed_fit_keeps_the_earlier_one(make_generator):
    model = make_generator().fit(TEXTS)
    expected = model.score_samples(TEXTS)
    with pytest.raises(ValueError, match="holds other numbers"):
        model.fit([np.full((2, 2), 0.5)])
    assert_array_equal(model.score_samples(TEXTS), expected)
    assert isinstance(model.sample(1)[0], str)


def test_texts_after_token_lists_are_refused(make_generator, chords):
    words = make_generator().fit([["the", "dog"], ["a", "cat"]] * 4)
    for method in (words.generate, words.score, words.predict_proba):
        with pytest.raises(ValueError, match=r"holds strings, .* fitted on token lists"):
            method(["the"])
    with pytest.raises(ValueError, match=r"prompts\[0\], step 0 holds other numbers"):
        make_generator().fit(chords).generate([np.full((2, 5), 0.5)])
    with pytest.raises(ValueError, match=r"X_val holds strings, .* on token lists"):
        make_generator().fit([["the", "dog"]] * 4, X_val=["the dog"])


def test_a_text_may_be_split_already_but_no_token_is_split_again(make_generator):
    model = make_generator().fit(TEXTS)
    assert model.score([["a", "b"]]) == model.score(["ab"])
    with pytest.raises(ValueError, match=r"\[prompt\]\[0\], step 0 is 'ab'"):
        model.stream(["ab"])  # a list of prompts
    with pytest.raises(ValueError, match=r"X\[1\], step 1 is 'bc'"):
        model.score([["a"], ["a", "bc"]])


@pytest.mark.parametrize(
    ("tokenizer", "tokens"),
    [
        (lambda text: ["<s>", *text], ["<s>", "a", "b"]),  # splits its own tokens
        (lambda text: list(text.encode()), [97, 98]),  # gives integers
    ],
)
def test_what_a_tokenizer_gives_may_be_given_as_a_list(make_generator, tokenizer, tokens):
    model = make_generator(tokenizer=tokenizer, input_type="tokens").fit(TEXTS)
    assert model.score([tokens]) == model.score(["ab"])
    assert model.score([[*tokens, 7]]) < 0


def test_greedy_writing_leaves_numpys_generator_alone(make_generator):
    model = make_generator().fit(TEXTS)
    before = np.random.get_state()[1:3]
    model.predict(["a"])
    after = np.random.get_state()[1:3]
    assert_array_equal(before[0], after[0])
    assert before[1] == after[1]


def test_what_a_stream_yields_is_the_users_own(make_generator):
    model = make_generator().fit([np.eye(3)[[0, 1, 2, 0, 1]]] * 4)
    expected = list(model.stream(np.zeros((0, 3)), 30, random_state=0))
    for step, wanted in zip(
        model.stream(np.zeros((0, 3)), 30, random_state=0), expected, strict=True
    ):
        assert_array_equal(step, wanted)
        step[:] = 1


@pytest.mark.parametrize("X", [TEXTS, [list(text) for text in TEXTS]])
def test_a_sequence_without_tokens_has_the_score_of_its_end(make_generator, X):
    model = make_generator(max_epochs=60, lr=0.02).fit(X)
    end = np.log(model.predict_proba([X[0][:0]])[0, -1])
    for empty in ([X[0][:0]], [[]], [[], []]):
        assert_allclose(model.score(empty), end, rtol=0.02)  # the unknown token's share


@pytest.mark.parametrize("n_samples", [0, 2.5, "3"])
def test_a_number_of_samples_that_is_none_is_named(make_generator, n_samples):
    model = make_generator().fit(TEXTS)
    with pytest.raises(ValueError, match="n_samples"):
        model.sample(n_samples)


def test_more_bad_input_is_named(make_generator, chords):
    model = make_generator().fit(TEXTS)
    with pytest.raises(ValueError, match="is not a token in vocabulary_"):
        model.stream("a", stop="z")  # before the first step
    with pytest.raises(ValueError, match="is not a token in vocabulary_"):
        model.generate(["a"], stop=["a"])
    with pytest.raises(ValueError, match="is not a token in vocabulary_"):
        model.generate(["a"], stop=(["a"],))
    with pytest.raises(TypeError, match="X must be a list of sequences"):
        make_generator().fit(None)
    with pytest.raises(ValueError, match="max_length"):
        make_generator(max_length=None).fit(TEXTS)
    with pytest.raises(ValueError, match="window"):
        make(FeedForwardGenerator, window=0).fit(TEXTS)
    with pytest.raises(ValueError, match="no steps to score"):
        make_generator().fit(chords).score([np.zeros((0, 5))])


def test_pitches_go_through_a_pipeline():
    songs = [[[60, 64], [60], [62, 65]], [[60, 64], []]] * 6
    notes = StepwiseTransformer(MultiLabelBinarizer())
    model = make_pipeline(notes, make(SequenceGenerator)).fit(songs)
    assert model.score_samples(songs).shape == (12,)
    assert model.score_samples([[], songs[0]])[0] == 0  # features have no end
    assert model.predict([[]])[0].shape == (100, 4)  # from nothing
    search = GridSearchCV(model, {"sequencegenerator__hidden_size": [3, 4]}, cv=2)
    tunes = search.fit(songs).best_estimator_.predict(songs[:2])
    assert [tune.shape for tune in tunes] == [(100, 4)] * 2


@pytest.mark.parametrize("container", [list, np.array, pd.Series, pd.DataFrame])
def test_texts_without_tokens_take_no_part_in_training(make_generator, container):
    expected = make_generator().fit(TEXTS).score_samples(TEXTS)
    with_empty = make_generator().fit(container(["", *TEXTS, ""]))
    assert_allclose(with_empty.score_samples(TEXTS), expected, rtol=1e-6)
    parts = make_generator().partial_fit(container(["a", "", "b"]))
    assert set(parts.vocabulary_) == {"a", "b"}


def test_a_scorer_gets_held_out_sequences_without_y(make_generator):
    seen = []

    def score(model, X, y=None):
        seen.append((list(X), y))
        return model.score(X)

    make_generator(early_stopping=True, scoring=score).fit(["", *TEXTS])
    assert all(y is None and set(X) <= set(TEXTS) and len(X) == 2 for X, y in seen)
    assert len(seen) == 4  # training and held-out sequences of two epochs
