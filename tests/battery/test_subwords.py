"""Subwords in every estimator that reads or writes tokens."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import skrnn
from skrnn import (
    FeedForwardClassifier,
    FeedForwardGenerator,
    FeedForwardRegressor,
    FeedForwardTagger,
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.inspection import hidden_states
from skrnn.onnx import load, to_onnx
from skrnn.persistence import load_model, save_model
from skrnn.preprocessing import TrainedTokenizer, WordTokenizer

tokenizers = pytest.importorskip("tokenizers")

TEXTS = [
    "the  lowest price 🙂",
    "Größere Häuser",
    "a lower price!",
    "the newest,  größte offer",
    "newer",
    "low low",
] * 3
WORDS = [text.split() for text in TEXTS]
TAGS = [["U" if word[0].isupper() else "l" for word in words] for words in WORDS]
TINY = {"max_epochs": 2, "embedding_dim": 4, "random_state": 0}
RECURRENT = {**TINY, "hidden_size": 4}
DENSE = {**TINY, "hidden_layer_sizes": (4,)}
LABELS = ["no", "yes", "no"] * 6
NUMBERS = np.linspace(0, 1, 18)


def make(cls, **parameters):
    """Return a small estimator that reads, and generates, subwords."""
    own = DENSE if cls.__name__.startswith("FeedForward") else RECURRENT
    targets = {"target_tokenizer": "bpe"} if cls is Seq2SeqTransformer else {}
    return cls(**{**own, "tokenizer": "bpe", **targets, **parameters})


#: X and y of each estimator.
DATA = {
    SequenceClassifier: (TEXTS, LABELS),
    SequenceRegressor: (TEXTS, NUMBERS),
    SequenceTagger: (WORDS, TAGS),
    Seq2SeqTransformer: (TEXTS, [text[::-1] for text in TEXTS]),
    SequenceGenerator: (TEXTS, None),
    FeedForwardClassifier: (TEXTS, LABELS),
    FeedForwardRegressor: (TEXTS, NUMBERS),
    FeedForwardTagger: (WORDS, TAGS),
    FeedForwardGenerator: (TEXTS, None),
}
TAGGERS = (SequenceTagger, FeedForwardTagger)


def fitted(cls, **parameters):
    """Return a small fitted estimator."""
    return make(cls, **parameters).fit(*DATA[cls])


@pytest.fixture(scope="module")
def models():
    """Return a fitted estimator of each class, made when it is first asked for."""
    made = {}
    return lambda cls: made.setdefault(cls, fitted(cls))


def answers(model, X):
    """Return predictions, and probabilities where there are some, as lists."""
    found = [*map(str, model.predict(X))]
    if hasattr(model, "predict_proba"):
        found += [np.asarray(row).round(5).tolist() for row in model.predict_proba(X)]
    return found


# --- every estimator -----------------------------------------------------------------


@pytest.mark.parametrize("cls", DATA)
def test_the_tokenizer_is_learned_from_the_training_texts(models, cls):
    model = models(cls)
    X, _ = DATA[cls]
    texts = [word for words in X for word in words] if cls in TAGGERS else X
    assert model.tokenizer_ == TrainedTokenizer.train_bpe(texts)
    seen = {piece for text in texts for piece in model.tokenizer_.split(text)}
    assert set(model.vocabulary_) == seen
    assert model._inputs.codecs[0].char_encoder is None


@pytest.mark.parametrize("cls", DATA)
def test_texts_of_other_scripts_and_blank_ones_are_no_error(models, cls):
    X = ["Цена", "", " ", "🙂🙂", "e\u0301", "a\ud800"]
    if cls in TAGGERS:
        X = [[text] for text in X] + [[]]
    assert len(models(cls).predict(X)) == len(X)


@pytest.mark.parametrize("cls", DATA)
def test_pickles_and_model_files_answer_alike(models, cls, tmp_path):
    model, (X, _) = models(cls), DATA[cls]
    save_model(model, tmp_path / "model")
    for other in (pickle.loads(pickle.dumps(model)), load_model(tmp_path / "model")):
        assert other.tokenizer_ == model.tokenizer_
        assert answers(other, X[:6]) == answers(model, X[:6])


@pytest.mark.parametrize("cls", [*DATA][:4])
def test_onnx_predictors_answer_alike(models, cls, tmp_path):
    model, (X, _) = models(cls), DATA[cls]
    to_onnx(model, tmp_path / "model.onnx")
    predictor = load(tmp_path / "model.onnx", n_threads=1)
    expected, found = model.predict(X[:6]), predictor.predict(X[:6])
    if cls is SequenceRegressor:
        assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    else:
        assert [*map(str, found)] == [*map(str, expected)]


@pytest.mark.parametrize("cls", DATA)
def test_a_clone_learns_the_same(models, cls):
    again = clone(models(cls)).fit(*DATA[cls])
    assert answers(again, DATA[cls][0][:6]) == answers(models(cls), DATA[cls][0][:6])


@pytest.mark.parametrize("cls", DATA)
def test_members_share_the_tokenizer(cls):
    model = fitted(cls, n_estimators=2, max_epochs=1)
    assert {id(member.tokenizer_) for member in model.estimators_} == {
        id(model.tokenizer_)
    }
    assert len(model.predict(DATA[cls][0])) == 18


@pytest.mark.parametrize("cls", DATA)
def test_partial_fit_keeps_the_tokenizer(cls):
    X, y = DATA[cls]
    rest = {"classes": ["no", "yes"]} if y is LABELS else {}
    model = make(cls).partial_fit(X, y, **rest)
    before, size = model.tokenizer_, len(model.vocabulary_)
    others = [["Newcastle"] * 2] * 2 if cls in TAGGERS else ["Newcastle"] * 2
    targets = [["U", "l"]] * 2 if cls in TAGGERS else None if y is None else y[:2]
    model.partial_fit(others, targets)
    assert model.tokenizer_ is before
    assert len(model.vocabulary_) == size


@pytest.mark.parametrize("cls", [SequenceTagger, Seq2SeqTransformer])
def test_skops_reads_what_it_wrote(models, cls):
    skops = pytest.importorskip("skops.io")
    written = skops.dumps(models(cls))
    types = skops.get_untrusted_types(data=written)
    assert not [name for name in types if name.startswith("tokenizers.")]
    X = DATA[cls][0][:6]
    assert answers(skops.loads(written, trusted=types), X) == answers(models(cls), X)


def test_a_fresh_process_answers_alike(models, tmp_path):
    model = models(SequenceTagger)
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps(model))
    code = (
        "import pickle, sys\n"
        "with open(sys.argv[1], 'rb') as file:\n"
        "    model = pickle.load(file)\n"
        "print(ascii(model.predict([['Größere', 'Preise']]).tolist()))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(path)],
        capture_output=True,
        text=True,
    )
    expected = ascii(model.predict([["Größere", "Preise"]]).tolist())
    assert (run.stdout.strip(), run.stderr) == (expected, "")


def test_a_fit_resumes_from_its_checkpoint(models, tmp_path):
    path = tmp_path / "checkpoint"
    fitted(SequenceClassifier, checkpoint=path)
    again = fitted(SequenceClassifier, checkpoint=path)
    assert answers(again, TEXTS) == answers(models(SequenceClassifier), TEXTS)


def test_a_search_over_tokenizers_learns_one_in_each_fit():
    search = GridSearchCV(
        make(SequenceClassifier, max_epochs=1),
        {"tokenizer": ["word", "bpe"], "max_vocabulary": [270]},
        cv=2,
    )
    search.fit(TEXTS, LABELS)
    assert search.best_estimator_.predict(TEXTS).shape == (18,)


# --- parameters -------------------------------------------------------------------------


def test_the_size_of_the_vocabulary_is_a_parameter():
    model = fitted(SequenceClassifier, max_vocabulary=260)
    assert model.tokenizer_.vocabulary_size == 260
    model = fitted(Seq2SeqTransformer, max_vocabulary=258, target_max_vocabulary=261)
    assert model.tokenizer_.vocabulary_size == 258
    assert model.target_tokenizer_.vocabulary_size == 261


@pytest.mark.parametrize("name", ["max_vocabulary", "target_max_vocabulary"])
def test_sizes_out_of_range_name_the_parameter(name):
    with pytest.raises(ValueError, match=f"^{name}=100 is less than the 256 bytes"):
        fitted(Seq2SeqTransformer, **{name: 100})
    with pytest.warns(UserWarning, match=rf"^{name}=5000 subwords .* texts give \d+:"):
        fitted(Seq2SeqTransformer, max_epochs=1, **{name: 5000})


def test_case_is_kept_unless_it_is_not_wanted():
    model = fitted(SequenceClassifier)
    a, b = model.predict_proba(["Häuser", "häuser"])
    assert not np.allclose(a, b)
    for cls, X in ((SequenceClassifier, TEXTS), (SequenceTagger, WORDS)):
        model = fitted(cls, lowercase=True, max_epochs=1)
        assert not any(
            piece[:1].isupper() and piece.isascii() for piece in model.vocabulary_
        )
        loud = "LOW PRICE" if X is TEXTS else ["LOW", "PRICE"]
        soft = "low price" if X is TEXTS else ["low", "price"]
        a, b = model.predict_proba([loud, soft])
        assert_array_equal(a, b)


@pytest.mark.parametrize("cls", [SequenceTagger, SequenceClassifier])
def test_characters_of_subwords_are_read_where_asked_for(cls):
    model = fitted(cls, char_encoder="cnn")
    alone = [answers(model, [x])[-1] for x in DATA[cls][0][:4]]
    assert_allclose(
        np.concatenate([np.ravel(a) for a in alone]),
        np.concatenate([np.ravel(p) for p in model.predict_proba(DATA[cls][0][:4])]),
        atol=1e-4,
    )


@pytest.mark.parametrize("cls", [SequenceClassifier, SequenceTagger, Seq2SeqTransformer])
def test_vectors_of_words_are_refused(cls):
    with pytest.raises(
        ValueError, match='no vectors of the subwords that tokenizer="bpe"'
    ):
        fitted(cls, embeddings={"the": np.ones(4)})


def test_vectors_of_the_tokens_of_a_trained_tokenizer_are_read():
    tokenizer = TrainedTokenizer.train_bpe(TEXTS)
    vectors = {piece: np.full(4, 2.0) for piece in tokenizer.split("the newest")}
    model = fitted(
        SequenceClassifier,
        tokenizer=tokenizer,
        embeddings=vectors,
        freeze_embeddings=True,
    )
    row = model.net_.module_.input_layer.embedding.weight[model.vocabulary_["Ġnewest"]]
    assert row.tolist() == [2.0] * 4


@pytest.mark.filterwarnings("ignore:.*bpe.* is not used")
def test_strings_after_a_fit_on_token_lists_are_refused():
    model = make(SequenceClassifier).fit(WORDS, LABELS)
    with pytest.raises(ValueError, match='X holds strings, but tokenizer="bpe" was not'):
        model.predict(TEXTS)
    assert not hasattr(model, "tokenizer_")
    model = make(SequenceGenerator).fit(WORDS)
    assert set(model.vocabulary_) == {word for words in WORDS for word in words}
    model = make(Seq2SeqTransformer).fit(TEXTS, WORDS)
    with pytest.raises(ValueError, match="y holds strings, but target_tokenizer="):
        model.score(TEXTS, TEXTS)


# --- trained tokenizers that are passed ----------------------------------------------------


def pieces_tokenizer():
    """Return a trained WordPiece tokenizer of the library."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.decoder = tokenizers.decoders.WordPiece()
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=60, special_tokens=["[UNK]"], show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


@pytest.mark.parametrize("cls", [*DATA][:5])
def test_tokens_added_after_fit_change_nothing(cls, tmp_path):
    tokenizer = pieces_tokenizer()
    targets = {"target_tokenizer": tokenizer} if cls is Seq2SeqTransformer else {}
    model = fitted(cls, tokenizer=tokenizer, **targets)
    X = DATA[cls][0][:6]
    before = answers(model, X)
    tokenizer.add_tokens(["lowest price", "Häuser", "low"])
    assert answers(model, X) == before
    save_model(model, tmp_path / "model")
    assert answers(load_model(tmp_path / "model"), X) == before
    assert answers(pickle.loads(pickle.dumps(model)), X) == before
    model.set_params(tokenizer="word")
    assert answers(model, X) == before


def test_subwords_of_a_copied_tokenizer_are_joined_by_its_decoder():
    model = SequenceGenerator(tokenizer=pieces_tokenizer(), **RECURRENT).fit(TEXTS)
    texts = model.sample(5, 20, random_state=0)  # a first piece keeps its marks
    assert not any("##" in text.removeprefix("##") for text in texts)


def test_a_warm_start_keeps_the_tokenizer(models):
    model = make(SequenceClassifier, warm_start=True).fit(TEXTS, LABELS)
    before = model.tokenizer_
    assert model.fit(TEXTS[:6], LABELS[:6]).tokenizer_ is before
    with pytest.raises(
        ValueError, match="tokenizer was 'bpe' when the network was built"
    ):
        model.set_params(tokenizer="word").fit(TEXTS, LABELS)


# --- texts that are generated ------------------------------------------------------------


@given(texts=st.lists(st.text(max_size=12), min_size=2, max_size=4, unique=True))
@settings(max_examples=25, deadline=None)
def test_targets_come_back_as_they_were(texts):
    targets = skrnn.data.targets.TokenTargets(target_tokenizer="bpe")
    inputs = skrnn.data.inputs.Inputs(input_type="tokens")
    X = inputs.check([["a"]] * (len(texts) + 1), estimator=None)
    texts = [*texts, "so that there is a token"]
    y = targets.check(texts, X)
    data = skrnn.data.targets.CheckedData(X, y)
    targets.fit(data, data)
    ids = targets.encode(data)
    ends = ids.values == targets.end
    without_ends = skrnn.data.ragged.RaggedArray.from_lengths(
        ids.values[~ends], ids.lengths - 1
    )
    assert targets.decode(without_ends, X) == texts


def test_a_translator_gives_back_spaces_and_emoji():
    model = Seq2SeqTransformer(
        target_tokenizer="bpe",
        hidden_size=16,
        lr=0.02,
        max_epochs=40,
        beam_size=1,
        random_state=0,
    )
    X = [["a"], ["b"]] * 8
    y = ["zwei  Häuser 🙂", " größer!"] * 8
    model.fit(X, y)
    assert model.predict([["a"], ["b"]]).tolist() == y[:2]
    assert {t for row in model.sample([["a"]], 5, temperature=0) for t in row} == {y[0]}


def test_a_translators_score_counts_words(models):
    model = models(Seq2SeqTransformer)
    X, y = DATA[Seq2SeqTransformer]
    expected = 1 - skrnn.metrics.token_error_rate(y, model.predict(X), tokenizer="word")
    assert model.score(X, y) == pytest.approx(expected)
    by_hand = [WordTokenizer().split(text) for text in y]
    found = [WordTokenizer().split(text) for text in model.predict(X)]
    assert 1 - skrnn.metrics.token_error_rate(by_hand, found) == pytest.approx(expected)


def test_a_generator_streams_tokens_that_its_tokenizer_joins(models):
    model = models(SequenceGenerator)
    whole = model.generate(["low"], 12, random_state=3)[0]
    tokens = list(model.stream("low", 12, random_state=3))
    assert model.tokenizer_.join(tokens) == whole


def test_a_generator_stops_before_a_text_that_is_one_token(models):
    model = models(SequenceGenerator)
    assert "Ġprice" in model.vocabulary_
    for text in model.generate([""] * 20, 20, stop=" price", random_state=0):
        assert " price" not in text
    with pytest.raises(ValueError, match="is not a token in vocabulary_"):
        model.generate(["low"], stop="no single token")


# --- taggers -----------------------------------------------------------------------------


def test_the_state_at_a_words_first_subword_decides_its_label():
    """Against the network over all subwords, whose outputs are chosen by hand."""
    model = fitted(SequenceTagger, crf=False)
    X = [["Größere", "low", "newestest"], ["the", "Häuserpreis"], ["🙂"]]
    network = model.net_.module_
    for words, found in zip(X, model.predict_proba(X), strict=True):
        pieces = [model.tokenizer_.split(word) for word in words]
        ids = [model.vocabulary_.get(p, 1) for piece in pieces for p in piece]
        first = np.cumsum([0, *map(len, pieces[:-1])])
        inputs = {
            "tokens": torch.tensor([ids]),
            "lengths": torch.tensor([len(ids)]),
        }
        with torch.inference_mode():
            probabilities = network(inputs).logits.softmax(-1)[0].numpy()
        assert_allclose(found, probabilities[first], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("cls", TAGGERS)
def test_a_tagger_gives_one_label_a_word(cls, crf):
    model = fitted(cls, crf=crf)
    for words, labels, proba in zip(
        WORDS, model.predict(WORDS), model.predict_proba(WORDS), strict=True
    ):
        assert len(labels) == len(words)
        assert proba.shape == (len(words), 2)
        assert_allclose(proba.sum(1), 1, rtol=1e-5)
    assert model.predict([[], ["low"]])[0] == []
    assert (model.predict_log_likelihood(WORDS) <= 0).all()


def test_a_tagger_splits_strings_into_words_first():
    model = make(SequenceTagger).fit(TEXTS[1:2] * 8, [["U", "U"]] * 4 + [["l", "U"]] * 4)
    assert len(model.predict(["Größere Häuser!"])[0]) == 3
    word, text = (
        model.predict_proba([["newest", "low"]]),
        model.predict_proba(["newest low"]),
    )
    assert_array_equal(word[0], text[0])


@pytest.mark.parametrize("of_library", [False, True])
@pytest.mark.parametrize("cls", TAGGERS)
def test_a_tagger_splits_strings_into_words_before_a_trained_tokenizer(cls, of_library):
    texts = [" ".join(words) for words in WORDS]
    tags = [
        ["U" if word[0].isupper() else "l" for word in WordTokenizer().split(text)]
        for text in texts
    ]
    learned = make(cls).fit(texts, tags)
    given = learned.tokenizer_
    if of_library:
        given = tokenizers.Tokenizer.from_str(given.document)
    model = make(cls, tokenizer=given).fit(texts, tags)
    expected = learned.predict_proba(texts)
    copies = [model, clone(model).fit(texts, tags), pickle.loads(pickle.dumps(model))]
    for copy in copies:
        for one, other in zip(copy.predict_proba(texts), expected, strict=True):
            assert_array_equal(one, other)
    model.set_params(warm_start=True).fit(texts, tags).partial_fit(texts, tags)
    assert len(model.predict(texts[:1])[0]) == len(tags[0])


def test_a_taggers_trained_tokenizer_is_exported_with_the_splitting_of_words(tmp_path):
    texts = [" ".join(words) for words in WORDS]
    tokenizer = TrainedTokenizer.train_bpe(texts)
    model = make(SequenceTagger, tokenizer=tokenizer, char_encoder=None)
    tags = [["x"] * len(WordTokenizer().split(text)) for text in texts]
    tags[0][0] = "y"
    model.fit(texts, tags)
    to_onnx(model, tmp_path / "model.onnx")
    predictor = load(tmp_path / "model.onnx")
    for one, other in zip(
        predictor.predict_proba(texts), model.predict_proba(texts), strict=True
    ):
        assert_allclose(one, other, atol=1e-6)


def test_a_tokenizer_that_is_not_trained_is_said_so():
    cases = [
        (SequenceClassifier, WORDS, LABELS, "tokenizer", "X"),
        (SequenceGenerator, WORDS, None, "tokenizer", "X"),
        (SequenceRegressor, [[1.0, 2.0]] * 18, NUMBERS, "tokenizer", "X"),
        (SequenceTagger, [[3, 4]] * 18, [["a", "b"]] * 18, "tokenizer", "X"),
        (Seq2SeqTransformer, TEXTS, WORDS, "target_tokenizer", "y"),
    ]
    for cls, X, y, parameter, name in cases:
        expected = f'^{parameter}="bpe" is not used: {name} holds no strings$'
        with pytest.warns(UserWarning, match=expected):
            make(cls).fit(X, y)


def test_a_tagger_answers_alike_in_any_batch_and_order(models):
    model = models(SequenceTagger)
    together = model.predict_proba(WORDS[:6])
    for i, alone in enumerate(model.predict_proba(WORDS[:6][::-1])[::-1]):
        assert_array_equal(alone, together[i])
        assert_allclose(model.predict_proba([WORDS[i]])[0], together[i], atol=1e-6)


def test_a_tagger_learns_from_parts_of_words():
    """The label is the ending of a made-up word that training has not seen."""
    rng = np.random.default_rng(0)
    stems = ["".join(rng.choice(list("bdklmnprst"), 3)) for _ in range(40)]
    words = [[stem + "ing", stem + "ed"] for stem in stems]
    labels = [["V", "P"]] * len(words)
    words += [pair[::-1] for pair in words]
    labels += [["P", "V"]] * len(stems)
    model = SequenceTagger(
        tokenizer="bpe",
        max_vocabulary=259,
        hidden_size=8,
        max_epochs=12,
        lr=0.02,
        random_state=0,
    ).fit(words, labels)
    assert "ing" in model.vocabulary_
    assert model.score([["bdding", "kkled"], ["ttted"]], [["V", "P"], ["P"]]) == 1.0


def trained_by_library(texts, special=(), unknown="[UNK]"):
    """Return a tokenizer of whole words, which knows those of the texts."""
    model = tokenizers.models.WordLevel(unk_token=unknown)
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    trainer = tokenizers.trainers.WordLevelTrainer(
        special_tokens=[unknown, *special], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def test_the_unknown_token_of_a_tokenizer_is_that_of_the_network():
    words = [f"w{i}" for i in range(8)]
    known = trained_by_library(words[:4])
    texts = [f"{a} {b}" for a in words for b in words]
    rest = {"max_epochs": 3, "lr": 0.01}
    model = make(Seq2SeqTransformer, target_tokenizer=known, tokenizer=known, **rest)
    model.fit(texts, texts)
    for vocabulary in (model.vocabulary_, model.target_vocabulary_):
        assert sorted(vocabulary) == words[:4]
    assert not any("UNK" in text for text in model.set_params(beam_size=3).predict(texts))
    writer = make(SequenceGenerator, tokenizer=known, **rest).fit(texts)
    assert not any("UNK" in text for text in writer.sample(20, random_state=0))
    model = make(SequenceClassifier, tokenizer=known).fit(texts[:4], [0, 1] * 2)
    assert sorted(model.vocabulary_) == words[:4]
    with pytest.raises(ValueError, match="no token of X is known to the tokenizer"):
        make(SequenceClassifier, tokenizer=known).fit(["q r", "s t"] * 2, [0, 1] * 2)
    with pytest.raises(ValueError, match="no token of y is known to the tokenizer"):
        make(Seq2SeqTransformer, target_tokenizer=known).fit(["q r"] * 2, ["q r"] * 2)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "?"}, "?"),
        ({"type": "Unigram", "vocab": [["x", 0.0], ["<u>", 0.0]], "unk_id": 1}, "<u>"),
        ({"type": "BPE", "vocab": {"a": 0}, "merges": [], "unk_token": None}, None),
    ],
)
def test_tokenizers_name_their_unknown_token(model, expected):
    assert TrainedTokenizer(json.dumps({"model": model})).unknown == expected


@pytest.mark.parametrize("cls", DATA)
def test_rare_bytes_are_no_unknown_tokens(cls):
    X, y = DATA[cls]
    limits = {"min_count": 9}
    if cls is Seq2SeqTransformer:
        limits["target_min_count"] = 9
    model = make(cls, **limits).fit(X, y)
    words = [word for words in X for word in words] if cls in TAGGERS else X
    seen = {piece for text in words for piece in model.tokenizer_.split(text)}
    assert set(model.vocabulary_) == seen
    if cls is Seq2SeqTransformer:
        pieces = {piece for text in y for piece in model.target_tokenizer_.split(text)}
        assert set(model.target_vocabulary_) == pieces


@pytest.mark.parametrize("cls", [SequenceClassifier, SequenceTagger, SequenceGenerator])
def test_training_continues_with_an_equal_tokenizer_and_no_other(cls):
    X, y = DATA[cls]
    words = [word for text in TEXTS for word in text.split()]
    model = make(cls, tokenizer=trained_by_library(words), warm_start=True).fit(X, y)
    model.set_params(tokenizer=trained_by_library(words)).fit(X, y)
    assert len(model.history_) == 4
    model.set_params(tokenizer=trained_by_library(words[:2]))
    with pytest.raises(ValueError, match="tokenizer was Tokenizer"):
        model.partial_fit(X, y)


def test_a_tagger_reads_one_field_of_words():
    frame = pd.DataFrame({"words": WORDS, "tags": TAGS})
    with pytest.raises(ValueError, match="several step fields, but subwords are read of"):
        make(SequenceTagger).fit(frame, TAGS)
    frame = pd.DataFrame({"words": WORDS, "rank": NUMBERS})
    assert len(make(SequenceTagger).fit(frame, TAGS).predict(frame)) == 18


def test_states_of_a_tagger_are_those_at_the_words(models):
    model = models(SequenceTagger)
    states = hidden_states(model, WORDS[:3])
    assert [len(state) for state in states] == [len(words) for words in WORDS[:3]]
    one_piece = [["low"], ["the", "low"]]  # each word is one subword
    alone = hidden_states(model, one_piece)
    assert_allclose(alone[0], hidden_states(model, one_piece[:1])[0], atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*bpe.* is not used")
def test_integers_that_are_tokens_have_no_subwords():
    X = [[3, 1], [2]] * 6
    model = make(SequenceTagger, input_type="tokens").fit(X, [["a", "b"], ["a"]] * 6)
    assert set(model.vocabulary_) == {1, 2, 3}


def test_without_the_library_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    for cls in (SequenceClassifier, SequenceTagger):
        with pytest.raises(ImportError, match=r'pip install "skrnn\[subwords\]"'):
            fitted(cls)


def test_other_tokenizers_warn_of_nothing_new():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(SequenceClassifier, tokenizer="word", max_vocabulary=3)


# --- held-out texts ------------------------------------------------------------------

UNSEEN = ["the cat runs", "a dog sleeps"] * 18 + ["kubernetes rocks kubernetes"] * 4


@pytest.mark.parametrize(
    "cls", [SequenceClassifier, SequenceRegressor, SequenceGenerator, Seq2SeqTransformer]
)
@pytest.mark.parametrize(
    "hold", [list, pd.Series, lambda texts: pd.DataFrame({"x": texts})]
)
def test_held_out_texts_do_not_train_the_tokenizer(cls, hold):
    texts = hold([*UNSEEN[:3], "", *UNSEEN[3:]])  # generators leave out empty ones
    y = {
        SequenceClassifier: ["a", "b"] * 20 + ["a"],
        SequenceRegressor: np.arange(41.0),
        Seq2SeqTransformer: [*UNSEEN[:3], "", *UNSEEN[3:]],
    }.get(cls)
    held_out = {"validation_strategy": "last", "validation_fraction": 0.1}
    model = make(cls, early_stopping=True, **held_out)
    if cls is SequenceGenerator:
        model.fit(texts)
    else:
        model.fit(texts, y)
    apart = TrainedTokenizer.train_bpe(UNSEEN[:36])
    assert model.tokenizer_.split("kubernetes") == apart.split("kubernetes")
    assert len(model.tokenizer_.split("kubernetes")) == 10
    assert set(model.tokenizer_.split(UNSEEN[0])) <= set(model.vocabulary_)
    if cls is Seq2SeqTransformer:
        assert len(model.target_tokenizer_.split("kubernetes")) == 10


def test_subwords_that_the_training_part_lacks_are_warned_of():
    model = make(SequenceClassifier, early_stopping=True, validation_strategy="last")
    model.set_params(max_vocabulary=280)  # all texts have more
    TrainedTokenizer.train_bpe(UNSEEN, 280)
    with pytest.warns(
        UserWarning, match=r"max_vocabulary=280 .* the training texts give"
    ):
        model.fit(UNSEEN, ["a", "b"] * 20)


def test_a_tokenizer_is_trained_on_one_column():
    frame = pd.DataFrame({"color": ["red", "blue"] * 9, "size": ["big", "small"] * 9})
    with pytest.raises(ValueError, match='tokenizer="bpe" is trained on one column'):
        make(SequenceClassifier, tokenizer="bpe").fit(frame, LABELS)
    trained = TrainedTokenizer.train_bpe([*frame["color"], *frame["size"]])
    with pytest.raises(ValueError, match=r"has .* steps, but column"):
        make(SequenceClassifier, tokenizer=trained).fit(
            frame.replace("big", "bigger than small"), LABELS
        )
