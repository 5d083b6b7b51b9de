"""Tokens: the vocabulary, unseen and empty ones, characters, pre-trained vectors."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skrnn import Seq2SeqTransformer

# --- tokens that training lacks ------------------------------------------------------


@pytest.mark.parametrize("X", [[["§ẞ", "日本"], ["sequoia"], ["oak", "🌳"], [""]]])
def test_unseen_tokens_are_no_error(make_estimator, words, y, outputs, answers, X):
    model = make_estimator().fit(words, y)
    assert np.isfinite(outputs(model, X)).all()
    assert len(answers(model, X)) == 4


@pytest.mark.parametrize("char_encoder", [None, "cnn", "ngrams", "lstm"])
def test_unseen_characters_are_no_error(make_reader, words, y, outputs, char_encoder):
    model = make_reader(char_encoder=char_encoder).fit(words, y)
    X = [["§ẞ", "日本"], ["sequoia"], ["oak", "🌳"], [""]]
    assert np.isfinite(outputs(model, X)).all()


def test_without_a_char_encoder_all_unseen_tokens_are_one(make_reader, words, y, outputs):
    model = make_reader(char_encoder=None).fit(words, y)
    first, second = outputs(model, [["sequoia", "oak"], ["baobab", "oak"]])
    assert_allclose(first, second, rtol=1e-6)


def test_a_generator_has_one_unknown_token(make_generator, words):
    model = make_generator().fit(words)
    first, second = model.score_samples([["sequoia", "oak"], ["baobab", "oak"]])
    assert first == second


@pytest.mark.parametrize("char_encoder", ["cnn", "ngrams", "lstm"])
def test_with_a_char_encoder_unseen_words_differ(
    make_reader, words, y, outputs, char_encoder
):
    model = make_reader(char_encoder=char_encoder).fit(words, y)
    first, second = outputs(model, [["elms", "oak"], ["oaks", "oak"]])
    assert not np.allclose(first, second, rtol=1e-6)


# --- sequences without tokens --------------------------------------------------------

BLANK = {"list": [], "tuple": (), "array": np.array([])}


@pytest.mark.parametrize("blank", BLANK)
def test_an_empty_text_is_read_as_one_unknown_token(
    make_unaligned, words, y, outputs, blank
):
    params = {"char_encoder": None}
    model = make_unaligned(**params).fit(words, y)
    found = outputs(model, [BLANK[blank], *words, BLANK[blank]])
    assert_allclose(found[[0]], outputs(model, [["never seen"]]), rtol=1e-5, atol=1e-6)
    assert_allclose(found[1:-1], outputs(model, words), rtol=1e-5, atol=1e-6)
    assert_array_equal(found[0], found[-1])


@pytest.mark.parametrize("char_encoder", [None, "cnn", "ngrams", "lstm"])
def test_blank_texts_cost_no_other_text_its_answer(make_unaligned, outputs, char_encoder):
    X = ["oak elm", "", "ash", "  ", "Yew"] * 3
    model = make_unaligned(char_encoder=char_encoder)
    model.fit(X, make_unaligned.targets(X))
    found = outputs(model, X)
    assert np.isfinite(found).all()
    assert_allclose(found[1], found[3], rtol=1e-6)
    assert_allclose(outputs(model, [""])[0], found[1], rtol=1e-5, atol=1e-6)
    assert_allclose(outputs(model, X[::2]), found[::2], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("blank", BLANK)
def test_a_tagger_gives_an_empty_sequence_no_labels(make_tagger, X, y, outputs, blank):
    model = make_tagger().fit(X, y)
    empty = BLANK[blank]
    predicted = model.predict([empty, *X, empty])
    assert predicted[[0, -1]].tolist() == [[], []]
    assert predicted[1:-1].tolist() == model.predict(X).tolist()
    assert_array_equal(outputs(model, [empty, *X, empty])[1:-1], outputs(model, X))
    for n in (1, 3):
        assert model.predict([empty] * n).tolist() == [[]] * n
        assert [p.shape for p in model.predict_proba([empty] * n)] == [(0, 3)] * n


def test_empty_sequences_change_no_fit_of_a_tagger_or_generator(
    make_stepwise, X, y, outputs
):
    def with_empty(parts, empty):
        return None if parts is None else [*parts[:5], empty, *parts[5:], empty]

    expected = make_stepwise().fit(X, y)
    model = make_stepwise().fit(with_empty(X, X[0][:0]), with_empty(y, []))
    assert_array_equal(outputs(model, X), outputs(expected, X))


def test_empty_sequences_are_left_out_with_their_weights(make_stepwise, X, y, outputs):
    weights = np.random.default_rng(0).integers(1, 4, size=24).astype(float)
    expected = make_stepwise().fit(X, y, sample_weight=weights)
    y_with_empty = None if y is None else [[], *y]
    model = make_stepwise().fit(
        [X[0][:0], *X], y_with_empty, sample_weight=[100, *weights]
    )
    assert_array_equal(outputs(model, X), outputs(expected, X))


@pytest.mark.parametrize("X_empty", [[[]], [[], []], [""]])
def test_nothing_to_learn_from_is_an_error(make_stepwise, X_empty):
    y = None if make_stepwise.answer == "itself" else [[] for _ in X_empty]
    for fit in (make_stepwise().fit, make_stepwise().partial_fit):
        with pytest.raises(ValueError, match="X has no steps: all its sequences are emp"):
            fit(X_empty, y)


# --- the vocabulary ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "vocabulary"),
    [
        ({}, {"don't", "stop", ",", "go"}),
        ({"lowercase": False}, {"Don't", "stop", "Stop", ",", "go"}),
        ({"tokenizer": "char"}, set("Don't stop, gS")),
        ({"tokenizer": str.split}, {"don't", "stop,", "stop", "go"}),
        ({"min_count": 2}, {"stop", "go"}),
        ({"max_vocabulary": 1}, {"stop"}),
    ],
    ids=["words", "cased", "char", "callable", "min_count", "max_vocabulary"],
)
def test_texts_are_split_into_the_vocabulary(make_unaligned, params, vocabulary):
    X = ["Don't stop, go", "Stop stop", "go", "stop"]
    model = make_unaligned(**params).fit(X, make_unaligned.targets(X))
    assert set(model.vocabulary_) == vocabulary
    assert not hasattr(model, "n_features_in_")


class WordIds:
    """A user's tokenizer, whose ids change when a word is added in front."""

    def __init__(self, words):
        self.words = list(words)

    def encode(self, text):
        ids = {word: i for i, word in enumerate(self.words)}
        return [ids.get(word, len(ids)) for word in text.split()]

    def decode(self, ids):
        return " ".join(self.words[i] for i in ids)


def test_what_a_users_tokenizer_learns_after_fit_changes_nothing(make_estimator, outputs):
    texts = ["oak elm", "ash", "elm fir oak"] * 4
    tokenizer = WordIds(["oak", "elm", "ash", "fir"])
    y = make_estimator.targets([text.split() for text in texts])
    model = make_estimator(tokenizer=tokenizer, max_epochs=1).fit(texts, y)
    expected = outputs(model, texts)
    tokenizer.words.insert(0, "yew")
    for again in (model, pickle.loads(pickle.dumps(model))):
        assert_array_equal(outputs(again, texts), expected)


def test_what_a_tokenizer_of_targets_learns_after_fit_changes_nothing():
    X, y = [["a"], ["b"]] * 6, ["oak elm", "ash"] * 6
    tokenizer = WordIds(["oak", "elm", "ash"])
    model = Seq2SeqTransformer(
        hidden_size=4, target_tokenizer=tokenizer, max_epochs=1, random_state=0
    ).fit(X, y)
    expected, likelihood = model.predict(X).tolist(), model.log_likelihood(X, y)
    tokenizer.words.insert(0, "yew")
    assert model.predict(X).tolist() == expected
    assert_array_equal(model.log_likelihood(X, y), likelihood)


def test_words_keep_the_marks_of_their_script(make_estimator):
    X = ["हिन्दी भाषा", "كِتاب"]
    model = make_estimator().fit(X, make_estimator.targets([text.split() for text in X]))
    assert set(model.vocabulary_) == {"हिन्दी", "भाषा", "كِتاب"}


def test_tuples_and_other_hashable_objects_are_tokens(make_estimator):
    X = [[("a", 1), frozenset("b")], [("a", 2)], [("c",), 3.5]] * 6
    model = make_estimator.fit(X, input_type="tokens")
    assert set(model.vocabulary_) == {("a", 1), ("a", 2), frozenset("b"), ("c",), 3.5}
    assert len(model.predict([[("a", 1), "new"], [7]])) == 2


# --- characters ----------------------------------------------------------------------


def char_encoder_of(model):
    return model.net_.module_.input_layer.char_encoder


def test_characters_are_encoded_for_words_only_by_default(make_reader):
    texts = ["ab", "ba"] * 4
    letters = [list(text) for text in texts]
    y = make_reader.targets(letters)
    assert char_encoder_of(make_reader(tokenizer="char").fit(texts, y)) is None
    assert char_encoder_of(make_reader().fit(letters, y)) is None
    words = [["ab", "c"], ["b", "cd"]] * 4
    assert char_encoder_of(make_reader().fit(words, make_reader.targets(words)))
    numbers = [[10, 11], [11, 12]] * 4
    model = make_reader(input_type="tokens").fit(numbers, make_reader.targets(numbers))
    assert char_encoder_of(model) is None


@pytest.mark.parametrize("char_encoder", ["cnn", "ngrams", "lstm"])
def test_case_is_seen_though_words_are_lower_cased(make_labeller, char_encoder):
    X = [["may"], ["May"], ["oak"], ["Oak"]] * 8
    y = ["m", "M", "t", "T"] * 8
    if make_labeller.answer == "step labels":
        y = [[label] for label in y]
    model = make_labeller(char_encoder=char_encoder, max_epochs=40, lr=0.03, dropout=0.0)
    assert set(model.fit(X, y).vocabulary_) == {"may", "oak"}
    assert model.score(X, y) == 1


def test_each_distinct_word_is_encoded_once_in_a_prediction(make_reader):
    X = [["oak", "Elm"], ["ash"], ["oak", "yew", "elm"]] * 4
    model = make_reader.fit(X, char_encoder="cnn")
    encoded = []
    char_encoder_of(model).register_forward_hook(
        lambda module, inputs, output: encoded.append(output)
    )
    model.predict(X)
    assert [len(output) for output in encoded] == [5]


# --- pre-trained vectors -------------------------------------------------------------


def vectors_of(model):
    weight = model.net_.module_.input_layer.embedding.weight.detach().numpy()
    return {token: weight[i] for token, i in model.vocabulary_.items()}


class KeyedVectors:
    """Vectors by place and by token, as gensim keeps them."""

    def __init__(self, vectors):
        self.key_to_index = {token: i for i, token in enumerate(vectors)}
        self.vectors = list(vectors.values())

    def __contains__(self, token):
        return token in self.key_to_index

    def __getitem__(self, token):
        place = token if isinstance(token, int) else self.key_to_index[token]
        return self.vectors[place]


@pytest.mark.parametrize("wrap", [dict, KeyedVectors])
def test_embeddings_start_from_the_given_vectors(make_reader, words, y, rng, wrap):
    given = {word: rng.normal(size=7) for word in ["oak", "elm", "zebra"]}
    vectors = vectors_of(make_reader(embeddings=wrap(given), lr=1e-12).fit(words, y))
    assert_allclose(vectors["oak"], given["oak"], rtol=1e-5)
    assert_allclose(vectors["elm"], given["elm"], rtol=1e-5)
    assert "zebra" not in vectors
    assert vectors["ash"].shape == (7,)
    assert np.ptp(vectors["ash"]) > 0


def test_vectors_of_cased_words_are_found_for_lower_cased_tokens(make_reader):
    X = [["a", "good", "film"], ["so", "bad"]] * 6
    given = {"Good": np.ones(3), "BAD": -np.ones(3)}
    model = make_reader.fit(X, embeddings=given, max_epochs=1, lr=1e-9)
    assert_allclose(vectors_of(model)["good"], 1, atol=1e-5)
    assert_allclose(vectors_of(model)["bad"], -1, atol=1e-5)


@pytest.mark.parametrize("frozen", [False, True])
def test_frozen_vectors_stay_as_they_are(make_reader, words, y, frozen):
    given = {"oak": np.ones(3), "Yew": [0, 1, 2.0], "elm": np.full(3, -1.0)}
    params = {"embeddings": given, "freeze_embeddings": frozen, "max_epochs": 3}
    model = make_reader(**params).fit(words, y)
    untrained = make_reader(**params | {"lr": 1e-12}).fit(words, y)
    before, after = vectors_of(untrained), vectors_of(model)
    for token in after:
        assert np.array_equal(before[token], after[token]) == frozen
    assert_allclose(before["oak"], 1, atol=1e-6)
    assert_allclose(before["yew"], [0, 1, 2], atol=1e-6)
    if frozen:
        assert not after["ash"].any()
    further = pickle.loads(pickle.dumps(model)).partial_fit(words, y)
    assert np.array_equal(vectors_of(further)["oak"], after["oak"]) == frozen


def test_frozen_vectors_do_not_count_as_parameters(make_reader, words, y):
    given = {"oak": np.ones(3)}
    free, frozen = (
        make_reader(embeddings=given, freeze_embeddings=freeze).fit(words, y)
        for freeze in (False, True)
    )
    n_weights = frozen.net_.module_.input_layer.embedding.weight.numel()
    assert free.n_parameters_ - frozen.n_parameters_ == n_weights


NEAR = {  # two kinds of words that differ by their vectors alone
    f"{kind}{i}": [sign, (-1) ** i, i % 3 - 1.0]
    for kind, sign in (("q", 1.0), ("x", -1.0))
    for i in range(40)
}
UNLIKE = {name: f"{i * 7919 % 1000:03d}" for i, name in enumerate(NEAR)}
VECTORS = {UNLIKE[name]: vector for name, vector in NEAR.items()}
BY_VECTORS = {
    "embeddings": VECTORS,
    "freeze_embeddings": True,
    "lr": 0.02,
    "max_epochs": 25,
    "dropout": 0.1,
}


def sentences(case, first, last):
    """Return sentences of some of the words of each kind, and their kinds as targets."""
    rng = np.random.default_rng(0)
    X, kinds = [], list("qx" * 60)
    for kind in kinds:
        some = rng.integers(first, last, size=rng.integers(1, 5))
        X.append([UNLIKE[f"{kind}{i}"] for i in some])
    y = {
        "label": kinds,
        "step labels": [[k] * len(x) for k, x in zip(kinds, X, strict=True)],
    }
    return X, y[case.answer]


@pytest.mark.parametrize("char_encoder", [None, "cnn"])
def test_words_that_only_the_vectors_know_are_understood(
    make_labeller, outputs, char_encoder
):
    seen, unseen = (sentences(make_labeller, *part) for part in ((0, 20), (20, 40)))
    model = make_labeller(hidden_size=8) if make_labeller.has("cell") else make_labeller()
    model.set_params(char_encoder=char_encoder, **BY_VECTORS).fit(*seen)
    assert model.score(*unseen) > 0.9
    found = outputs(model, unseen[0])
    assert_array_equal(found, outputs(model, unseen[0][::-1])[::-1])
    assert_array_equal(found, outputs(pickle.loads(pickle.dumps(model)), unseen[0]))
    model.set_params(embeddings=None)
    assert model.score(*seen) > 0.95
    assert model.score(*unseen) < 0.8


def test_validation_data_know_words_by_their_vectors(make_labeller):
    (X, y), (unseen, others) = (
        sentences(make_labeller, *part) for part in ((0, 20), (20, 40))
    )
    model = make_labeller(char_encoder=None, **BY_VECTORS)
    model.fit(X, y, X_val=unseen, y_val=others)
    last = model.history_.iloc[-1]
    assert last["valid_loss"] < 2 * last["train_loss"] + 0.1


def test_rare_words_that_the_vectors_know_are_learned_from(make_labeller):
    X, y = sentences(make_labeller, 0, 40)
    model = make_labeller(char_encoder=None, max_vocabulary=1, **BY_VECTORS).fit(X, y)
    assert len(model.vocabulary_) == 1
    assert model.score(X, y) > 0.95


def test_vectors_that_are_set_after_a_fit_without_them_change_nothing(
    make_reader, words, y, outputs
):
    model = make_reader(char_encoder=None).fit(words, y)
    unseen = [["never", "seen"]]
    before = outputs(model, unseen)
    model.set_params(embeddings={"never": np.ones(4), "seen": np.ones(4)})
    assert_array_equal(outputs(model, unseen), before)
