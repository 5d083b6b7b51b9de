"""Tokenizers: splitting, and the way back."""

from __future__ import annotations

import pytest

from skrnn.data.tokenizers import TOKENIZERS, check_tokenizer, join_words, split_words

SENTENCES = [
    "Don't stop, e-mail me!",
    "A list (of two, or three) [see page 4].",
    "He said: “no”, and left; nobody asked why?",
    "It costs $5, €6 or £7 in all.",
    "Ça coûte 50% de moins…",
    "¿Qué hora es? ¡Ya!",
    "Mail @someone about #topic.",
    "well-known mother-in-law’s",
    "At 2:30 they paid $1,000.50 (3.14 each) on 25.12.2024.",
    "25.000 Menschen um 7:05 Uhr, 1,5 Liter.",
    "„Danke“, sagte er. „Bitte!“ (leise)",
    "„Tak”, rzekł; she said “yes”.",
    "Er: „no“ means “nein”; „ja“ “yes”.",
]


@pytest.mark.parametrize("text", SENTENCES)
def test_words_join_back_to_the_sentence(text):
    assert join_words(split_words(text)) == text


@pytest.mark.parametrize("text", [*SENTENCES, "  two  spaces ", "a\tb\n", ""])
def test_characters_join_back_to_any_text(text):
    tokenizer = TOKENIZERS["char"]
    assert tokenizer.join(tokenizer.split(text)) == text


@pytest.mark.parametrize("text", [*SENTENCES, "a - b", 'he said "x" to-- me', "1/2 & 3"])
def test_joining_and_splitting_again_gives_the_same_words(text):
    words = split_words(text)
    assert split_words(join_words(words)) == words


def test_words_keep_inner_marks_and_lose_outer_ones():
    assert split_words("'tis o'clock, re-do -x- U.S.") == [
        *["'", "tis", "o'clock", ",", "re-do"],
        *["-", "x", "-", "U", ".", "S", "."],
    ]


def test_numbers_keep_the_marks_between_their_digits():
    assert split_words("2:30, 25.000; 1,000.50. v1.2.x 3.a :5 7.") == [
        *["2:30", ",", "25.000", ";", "1,000.50", ".", "v1.2", ".", "x"],
        *["3", ".", "a", ":", "5", "7", "."],
    ]


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_blank_text_has_no_words(text):
    assert split_words(text) == []


def test_tokens_that_are_no_strings_are_written_out():
    assert join_words([1, "+", 2]) == "1 + 2"
    assert join_words([]) == ""


def test_a_callable_is_a_tokenizer_joined_by_spaces():
    tokenizer = check_tokenizer(str.split)
    assert tokenizer.split("a  b") == ["a", "b"]
    assert tokenizer.join(["a", "b"]) == "a b"


@pytest.mark.parametrize("wrong", ["sentence", None, 3])
def test_an_unknown_tokenizer_is_an_error_that_names_the_choices(wrong):
    with pytest.raises(ValueError, match=r"tokenizer must be one of \['char', 'word'\]"):
        check_tokenizer(wrong)
