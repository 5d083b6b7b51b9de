"""Subwords: byte-pair encoding, and copies of trained tokenizers of the library."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import threading
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import skrnn.data.subwords as module
from skrnn.data.subwords import PARALLELISM, TrainedTokenizer
from skrnn.data.tokenizers import (
    SubwordTokenizer,
    check_tokenizer,
    gives_subwords,
    prepare_tokenizer,
)

tokenizers = pytest.importorskip("tokenizers")

TEXTS = ["low lower lowest", "new newer newest", "wide wider widest"] * 4
TRAINED = TrainedTokenizer.train_bpe(TEXTS)

#: Trains without threads, forks, and trains again with two of them, in another order.
TRAIN_TWICE = """
import os
from skrnn.data.subwords import PARALLELISM, TrainedTokenizer
texts = [f"{a}{b}er Straße {b}{a}est 🙂" for a in "lmnpqrst" for b in "aeiou"] * 3
tokenizer = TrainedTokenizer.train_bpe(texts, 300)
tokenizer.split("lower")
assert PARALLELISM not in os.environ
if os.fork() == 0:
    tokenizer.split("newest")
    os._exit(0)
os.wait()
os.environ[PARALLELISM] = "true"
assert TrainedTokenizer.train_bpe(texts[::-1], 300) == tokenizer
assert os.environ[PARALLELISM] == "true"
"""


def words_tokenizer(**model):
    """Return a trained tokenizer of the library whose tokens are words."""
    vocabulary = {"[UNK]": 0, "the": 1, "oak": 2, "elm": 3}
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]", **model)
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return tokenizer


# --- the way there and back -------------------------------------------------------------


@given(st.text())
@settings(max_examples=150, deadline=None)
def test_every_text_comes_back(text):
    assert TRAINED.join(TRAINED.split(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "  two  spaces ",
        "Übermäßig größer",
        "👩‍👩‍👧 🙂",
        "\ttab\nline\r\n",
        "Ġ Ċ",
        "<unk> [PAD]",
        "\x00",
        "e\u0301 \u00e9",
        "",
    ],
)
def test_texts_that_other_tokenizers_change_come_back(text):
    assert TRAINED.join(TRAINED.split(text)) == text


def test_a_single_surrogate_is_read_as_the_replacement_character():
    assert TRAINED.join(TRAINED.split("a\ud800b")) == "a\ufffdb"


def test_a_pair_of_surrogates_is_the_character_that_it_stands_for():
    assert TRAINED.split("\ud83d\ude42") == TRAINED.split("🙂")


def test_bytes_that_are_no_text_become_the_replacement_character():
    first, *_ = TRAINED.split("ü")
    assert TRAINED.join([first, "n"]) == "\ufffdn"


def test_tokens_that_the_tokenizer_does_not_know_are_left_out():
    assert TRAINED.join(["low", "no such token", "e", "r"]) == "lower"


def test_all_texts_are_split_as_each_is():
    assert TRAINED.split_all(TEXTS) == [TRAINED.split(text) for text in TEXTS]


# --- training ---------------------------------------------------------------------------


def merges_of(texts, n_merges):
    """Return the first merges of byte-pair encoding, counted afresh for each.

    Of equally frequent pairs the one whose parts came first into the vocabulary.
    """
    words = [list("Ġ" * (i > 0) + w) for t in texts for i, w in enumerate(t.split(" "))]
    bytes_ = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    ids = {symbol: i for i, symbol in enumerate(bytes_)}
    merges = []
    for _ in range(n_merges):
        counts = {}
        for word in words:
            for pair in pairwise(word):
                counts[pair] = counts.get(pair, 0) + 1
        a, b = min(counts, key=lambda p: (-counts[p], ids[p[0]], ids[p[1]]))
        merges.append(a + b)
        ids[a + b] = len(ids)
        for word in words:
            i = 0
            while i < len(word) - 1:
                if (word[i], word[i + 1]) == (a, b):
                    word[i : i + 2] = [a + b]
                i += 1
    return merges


def test_the_most_frequent_pair_is_merged_again_and_again():
    found = TrainedTokenizer.train_bpe(TEXTS, 256 + 12)
    ids = found_ids(found)
    assert [token for token in ids if len(token) > 1] == merges_of(TEXTS, 12)


def found_ids(tokenizer):
    """Return the tokens by id."""
    library = tokenizers.Tokenizer.from_str(tokenizer.document)
    return [library.id_to_token(i) for i in range(library.get_vocab_size())]


def test_threads_and_order_change_no_merge_and_a_fork_brings_no_warning():
    environment = {k: v for k, v in os.environ.items() if k != PARALLELISM}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", TRAIN_TWICE],
        env={**environment, "RAYON_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_training_leaves_the_environment_as_it_was(monkeypatch):
    monkeypatch.delenv(PARALLELISM, raising=False)
    TrainedTokenizer.train_bpe(TEXTS)
    assert PARALLELISM not in os.environ


def test_threads_may_train_side_by_side():
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(TrainedTokenizer.train_bpe(TEXTS)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [TRAINED] * 4


def test_a_vocabulary_smaller_than_the_bytes_is_refused():
    with pytest.raises(
        ValueError, match="vocabulary_size=255 is less than the 256 bytes"
    ):
        TrainedTokenizer.train_bpe(TEXTS, 255)
    assert TrainedTokenizer.train_bpe(TEXTS, 256).split("low") == ["l", "o", "w"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("abc",), TypeError, "^texts is one string, 'abc'; pass a list"),
        ((b"abc",), TypeError, "^texts is one string, b'abc'"),
        ((5,), TypeError, "^texts must be an iterable of strings, got 5"),
        ((pd.DataFrame({"a": TEXTS}),), TypeError, "^texts must be an iterable of str"),
        ((["a", None],), TypeError, r"^texts\[1\] is None, expected a string"),
        ((iter([["a"]]),), TypeError, r"^texts\[0\] is \['a'\], expected a string"),
        ((TEXTS, 300.5), TypeError, "^vocabulary_size must be an instance of int"),
        ((TEXTS, "300"), TypeError, "^vocabulary_size must be an instance of int"),
        ((TEXTS, True), ValueError, "^vocabulary_size=True is less than the 256 bytes"),
    ],
)
def test_arguments_of_training_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        TrainedTokenizer.train_bpe(*arguments)


@pytest.mark.parametrize(("min_count", "error"), [(0, ValueError), (1.5, TypeError)])
def test_impossible_counts_of_pairs_are_named(min_count, error):
    with pytest.raises(error, match=r"^min_count"):
        TrainedTokenizer.train_bpe(TEXTS, min_count=min_count)


@pytest.mark.parametrize("tokenizer", ["bpe", None, TRAINED])
def test_what_is_no_tokenizer_of_the_library_is_named(tokenizer):
    with pytest.raises(TypeError, match=r"^tokenizer must be a trained"):
        TrainedTokenizer.from_library(tokenizer)


def test_a_vocabulary_larger_than_the_texts_give_is_warned_of():
    with pytest.warns(UserWarning, match=r"vocabulary_size=9000 .* give 27\d:"):
        found = TrainedTokenizer.train_bpe(TEXTS, 9000)
    assert found == TRAINED  # the default size says nothing


def test_rare_pairs_are_not_merged():
    twice = TrainedTokenizer.train_bpe(["ab ab", "xyz"])
    assert twice.split("abxyz") == ["ab", "x", "y", "z"]
    thrice = TrainedTokenizer.train_bpe(["ab ab", "xyz"], min_count=3)
    assert thrice.split("abxyz") == [*"abxyz"]


# --- without the library ------------------------------------------------------------------


def test_without_the_library_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    module._load.cache_clear()
    for use in (lambda: TrainedTokenizer.train_bpe(TEXTS), lambda: TRAINED.split("low")):
        with pytest.raises(ImportError, match=r'pip install "skrnn\[subwords\]"'):
            use()
    assert TRAINED.is_readable()  # as far as can be known


def test_a_document_that_the_library_cannot_read_is_named():
    assert not TrainedTokenizer("{}").is_readable()
    with pytest.raises(ValueError, match="cannot read a trained tokenizer"):
        TrainedTokenizer("no JSON").split("low")


# --- tokenizers of the library ------------------------------------------------------------


def test_later_changes_of_a_tokenizer_do_not_reach_its_copy():
    original = words_tokenizer()
    copied = TrainedTokenizer.from_library(original)
    original.add_tokens(["the oak"])
    assert copied.split("the oak") == ["the", "oak"]
    assert TrainedTokenizer.from_library(original).split("the oak") == ["the oak"]


def test_padding_and_truncation_are_switched_off():
    original = words_tokenizer()
    original.enable_truncation(1)
    original.enable_padding(length=5, pad_token="[UNK]")
    assert TrainedTokenizer.from_library(original).split("the oak") == ["the", "oak"]
    assert original.truncation["max_length"] == 1


def test_random_segmentation_is_switched_off():
    library = tokenizers.Tokenizer.from_str(TRAINED.document)
    library.model.dropout = 0.5
    copied = TrainedTokenizer.from_library(library)
    assert {tuple(copied.split("lowest")) for _ in range(30)} == {
        tuple(TRAINED.split("lowest"))
    }


def test_special_tokens_are_not_added():
    library = words_tokenizer()
    library.post_processor = tokenizers.processors.TemplateProcessing(
        single="the $A the", special_tokens=[("the", 1)]
    )
    assert TrainedTokenizer.from_library(library).split("oak") == ["oak"]


def trained_bytes_tokenizer():
    """Return a trained tokenizer of a class of the library's own."""
    tokenizer = tokenizers.ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(TEXTS, vocab_size=260, show_progress=False)
    return tokenizer


@pytest.mark.parametrize(
    "make",
    [
        words_tokenizer,
        trained_bytes_tokenizer,
        lambda: tokenizers.Tokenizer.from_str(TRAINED.document),
    ],
)
def test_tokenizers_of_the_library_are_known_by_their_class(make):
    original = make()
    assert gives_subwords(original)
    kept = prepare_tokenizer(original)
    assert isinstance(kept, TrainedTokenizer)
    assert check_tokenizer(kept) is kept
    assert kept == prepare_tokenizer(original)


@pytest.mark.parametrize("name", ["tokenizer", "target_tokenizer"])
def test_a_tokenizer_that_was_not_trained_is_named(name):
    empty = tokenizers.Tokenizer(tokenizers.models.BPE())
    with pytest.raises(ValueError, match=f"^{name} has no tokens: train it first"):
        prepare_tokenizer(empty, name)


def test_a_text_that_the_library_cannot_split_is_a_value_error():
    model = tokenizers.models.WordLevel({"oak": 0}, unk_token="[UNK]")
    copied = TrainedTokenizer.from_library(tokenizers.Tokenizer(model))
    assert copied.split("oak") == ["oak"]
    with pytest.raises(ValueError, match=r"cannot split a text: .*Missing \[UNK\]"):
        copied.split("elm")


def test_a_tokenizer_with_parts_in_python_is_used_as_it_is():
    class Splitter:
        def pre_tokenize(self, text):
            text.split(lambda i, part: part.split(" ", "removed"))

    library = words_tokenizer()
    library.pre_tokenizer = tokenizers.pre_tokenizers.PreTokenizer.custom(Splitter())
    kept = check_tokenizer(library)
    assert isinstance(kept, SubwordTokenizer)
    assert kept.split("the oak") == ["the", "oak"]


def test_the_name_alone_is_no_tokenizer():
    with pytest.raises(ValueError, match=r'tokenizer="bpe" is trained by the fit'):
        check_tokenizer("bpe")
    assert prepare_tokenizer("bpe") == "bpe"


# --- copies ---------------------------------------------------------------------------------


def test_copies_are_equal_and_split_alike():
    for other in (copy.deepcopy(TRAINED), pickle.loads(pickle.dumps(TRAINED))):
        assert other == TRAINED
        assert hash(other) == hash(TRAINED)
        assert other.split("slower") == TRAINED.split("slower")


def test_its_representation_is_short():
    assert len(repr(TRAINED)) < 60
    assert TRAINED.vocabulary_size == len(found_ids(TRAINED))
