"""Tokenizers: splitting, the way back, and the tokenizers of other libraries."""

from __future__ import annotations

import copy
import pickle
import time
import unicodedata
from itertools import pairwise
from threading import Lock
from types import SimpleNamespace

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

import skrnn.data.tokenizers as module
from skrnn import SequenceClassifier
from skrnn.data.spacing import name_quotes
from skrnn.data.tokenizers import (
    CharTokenizer,
    WordTokenizer,
    check_tokenizer,
    warn_of_numbers,
)

DETERMINISTIC = settings(derandomize=True, deadline=None, database=None, max_examples=200)
#: Pieces from which hypothesis builds texts of one script or of several.
SCRIPTS = {
    "English": [
        "cat",
        "dogs'",
        "don't",
        '"',
        "'",
        "(",
        ")",
        ",",
        ".",
        "?",
        "-",
        "$",
        "5%",
    ],
    "French": [
        "ça",
        "où",
        "l’été",
        "«",
        "»",
        "?",
        "!",
        ";",
        ":",
        ",",
        "\u00a0",
        "\u202f",
    ],
    "German": ["Öl", "„", "“", "»", "«", "‚", "‘", "7:05", "1,5", "–", "/"],
    "Arabic": ["كيف", "حالُك", "،", "؟", "؛", "«", "»", "١٬٢٠٠٫٥", "می\u200cخواهم"],
    "Hebrew": ["שָׁלוֹם", 'צה"ל', "״", "'", "־", "?", "וכו׳"],
    "Hindi": ["नमस्ते", "क्षि", "।", "॥", "?", ",", "१२"],
    "Thai": ["สวัสดี", "น้ำ", "ๆ", "ฯ", "(", ")"],
    "Chinese": [
        "我",
        "喜欢",
        "。",
        "，",
        "「",
        "」",
        "《",
        "》",
        "“",
        "”",
        "3",
        "月",
        "OK",
    ],
    "Japanese": [
        "東京",
        "に",
        "行きました",
        "コーヒー",
        "ﾊﾞ",
        "が\u3099",
        "、",
        "。",
        "！",
    ],
    "Korean": ["한국어", "는", "\u1112\u1161\u11ab", ".", ",", "“", "”"],
    "emoji": ["👩\u200d👩\u200d👧", "🇩🇪", "👍🏽", "1️⃣", "❤️", ":)", "ok"],
    "marks": ["e\u0301", "\u0301", "\u200d", "\u200b", "\ufeff", "...", "__", "@x", "#y"],
}


def texts_of(script):
    """Return a strategy of texts of a script, with and without spaces between its pieces."""
    pieces = st.sampled_from(SCRIPTS[script] + [" "] * 4)
    return st.lists(pieces, max_size=12).map("".join)


ANY_TEXTS = st.one_of(
    *map(texts_of, SCRIPTS),
    st.lists(st.sampled_from(sum(SCRIPTS.values(), [" "] * 40)), max_size=15).map(
        "".join
    ),
    st.text(max_size=20),
)


def normalized(text):
    """Return a text in NFC with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


SENTENCES = [
    "Don't stop, e-mail me!",
    "A list (of two, or three) [see page 4].",
    "He said: “no”, and left; nobody asked why?",
    'She said "yes", and he said "no".',
    '"A," she said, "and B."',
    "It costs $5, €6 or £7 in all.",
    "Ça coûte 50% de moins…",
    "¿Qué hora es? ¡Ya!",
    "Mail @someone about #topic.",
    "well-known mother-in-law’s",
    "At 2:30 they paid $1,000.50 (3.14 each) on 25.12.2024.",
    "25.000 Menschen um 7:05 Uhr, 1,5 Liter.",
    "„Danke“, sagte er. „Bitte!“ (leise)",
    "»Danke«, sagte er.",
    "„Tak”, rzekł; she said “yes”.",
    "Er: „no“ means “nein”; „ja“ “yes”.",
    "كيف حالك؟ بخير، شكرًا.",
    "नमस्ते। आप कैसे हैं?",
    "我用Python写代码。你好，世界！",
    "他说：“好。”（2024年）",
    "東京に行きました。「コーヒー」を飲む！",
    "한국어는 좋다.",
    'צה"ל שלום-עולם?',
]
#: Sentences whose spacing is not the default.
CUSTOMS = [
    "Il a dit : « oui » ; et vous ? Non !",
    "50 % des gens , peut-être",
    "re- and un-do / redo",
    "the end :) or :-( …",
    "5'10\" tall",
    "我 喜欢 猫 。",
    "a \u200b b",
]


# --- words ---------------------------------------------------------------------------


@pytest.mark.parametrize("text", SENTENCES)
def test_words_join_back_to_the_sentence_by_default(text):
    tokenizer = WordTokenizer()
    assert tokenizer.join(tokenizer.split(text)) == text
    assert tokenizer.join(tokenizer.split(text), {}) == text


@pytest.mark.parametrize("text", CUSTOMS)
def test_words_join_back_by_the_spacing_of_the_sentence_alone(text):
    tokenizer = WordTokenizer()
    tokens = tokenizer.split(text)
    assert tokenizer.join(tokens) != text
    assert tokenizer.join(tokens, tokenizer.learn_spacing([text])) == text


def test_sentences_of_many_languages_join_back_by_one_spacing():
    tokenizer = WordTokenizer()
    texts = SENTENCES[:12] + SENTENCES[16:]
    spacing = tokenizer.learn_spacing(texts)
    assert [tokenizer.join(tokenizer.split(text), spacing) for text in texts] == texts


def test_a_new_sentence_has_the_spacing_that_its_marks_had_in_training():
    tokenizer = WordTokenizer()
    spacing = tokenizer.learn_spacing(["Ça va ?", "Oui : « bien » !", "Non ; 3 fois ?"])
    text = "« Et toi » ? 5 : oui !"
    assert tokenizer.join(tokenizer.split(text), spacing) == text


@DETERMINISTIC
@given(ANY_TEXTS)
def test_tokens_are_the_text_without_its_white_space(text):
    tokens = WordTokenizer().split(text)
    assert "".join(tokens) == "".join(unicodedata.normalize("NFC", text).split())
    assert "" not in tokens


@DETERMINISTIC
@given(ANY_TEXTS)
def test_no_token_cuts_a_grapheme(text):
    tokens = iter(WordTokenizer().split(text))
    for chunk in normalized(text).split():
        ends = {match.end() for match in regex.finditer(r"\X", chunk)}
        end = 0
        while end < len(chunk):
            end += len(next(tokens))
            assert end in ends


@DETERMINISTIC
@given(st.text(st.characters(max_codepoint=127), max_size=30))
def test_ascii_is_split_by_the_same_rules_as_any_text(text):
    by_unicode = [
        t for chunk in text.split() for t in module._word_pattern().findall(chunk)
    ]
    assert WordTokenizer().split(text) == by_unicode


@DETERMINISTIC
@given(st.lists(ANY_TEXTS, max_size=5))
def test_a_text_without_ambiguous_pairs_joins_back(texts):
    tokenizer = WordTokenizer()
    spacing = tokenizer.learn_spacing(texts)
    gaps = {}
    for text in texts:
        for pair, gap in pairs_of(text):
            gaps.setdefault(pair, set()).add(gap)
    for text in texts:
        if all(len(gaps[pair]) == 1 for pair, _ in pairs_of(text)):
            assert tokenizer.join(tokenizer.split(text), spacing) == normalized(text)


def pairs_of(text):
    """Return each pair of neighbours, quotation marks by their role, and its spacing."""
    tokenizer, rest = WordTokenizer(), normalized(text)
    tokens = tokenizer.split(text)
    gaps = []
    for token in tokens:
        gaps.append(" " if rest.startswith(" ") else "")
        rest = rest.removeprefix(gaps[-1]).removeprefix(token)
    named = name_quotes(tokens)
    return list(zip(pairwise(named), gaps[1:], strict=True))


@DETERMINISTIC
@given(ANY_TEXTS, st.lists(ANY_TEXTS, max_size=3))
def test_splitting_a_joined_text_gives_the_tokens_again_whatever_the_spacing(
    text, others
):
    tokenizer = WordTokenizer()
    tokens = tokenizer.split(text)
    for spacing in (None, tokenizer.learn_spacing(others)):
        assert tokenizer.split(tokenizer.join(tokens, spacing)) == tokens


def test_tokens_that_together_would_be_another_token_stay_apart():
    tokenizer = WordTokenizer()
    spacing = tokenizer.learn_spacing(["pre- a", "b -war"])
    assert tokenizer.join(["pre", "-", "war"], spacing) == "pre -war"


def test_a_pair_with_both_spacings_takes_the_commoner_one():
    tokenizer = WordTokenizer()
    spacing = tokenizer.learn_spacing(
        ["a / b", "a / b", "a/b", "c/d", "c/d", "c/d", "c / d"]
    )
    assert tokenizer.join(["a", "/", "b"], spacing) == "a / b"
    assert tokenizer.join(["c", "/", "d"], spacing) == "c/d"
    assert (
        tokenizer.join(["e", "/", "f"], spacing) == "e/f"
    )  # as the mark has it more often


def test_spacing_holds_marks_and_kinds_but_no_pairs_of_words(rng):
    words = [f"w{i}" for i in range(300)]
    texts = [
        "{} {}, “{}” {} ({}) : {} !".format(*rng.choice(words, 6)) for _ in range(500)
    ]
    spacing = WordTokenizer().learn_spacing(texts)
    assert sum(map(len, spacing.values())) < 60
    assert pickle.loads(pickle.dumps(spacing)) == spacing
    assert len(pickle.dumps(spacing)) < 2000


def test_words_keep_inner_marks_and_lose_outer_ones():
    assert WordTokenizer().split("'tis o'clock, re-do -x- U.S.") == [
        *["'", "tis", "o'clock", ",", "re-do"],
        *["-", "x", "-", "U", ".", "S", "."],
    ]


def test_numbers_keep_the_marks_between_their_digits():
    assert WordTokenizer().split("2:30, 25.000; 1,000.50. v1.2.x 3.a :5 7.") == [
        *["2:30", ",", "25.000", ";", "1,000.50", ".", "v1.2", ".", "x"],
        *["3", ".", "a", ":", "5", "7", "."],
    ]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("我喜欢3D电影", ["我", "喜", "欢", "3D", "电", "影"]),
        ("コーヒーを飲みました", ["コーヒー", "を", "飲", "みました"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("👩\u200d👩\u200d👧👍🏽🇩🇪🇫🇷", ["👩\u200d👩\u200d👧", "👍🏽", "🇩🇪", "🇫🇷"]),
        ('צה"ל וכו׳', ['צה"ל', "וכו", "׳"]),
        ("col·lecció", ["col·lecció"]),
        ("cafe\u0301", ["café"]),
    ],
)
def test_scripts_are_split_at_their_words(text, tokens):
    assert WordTokenizer().split(text) == tokens


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_blank_text_has_no_words(text):
    tokenizer = WordTokenizer()
    assert tokenizer.split(text) == []
    assert tokenizer.join([], tokenizer.learn_spacing([text])) == ""


def test_tokens_other_than_strings_are_joined_as_strings():
    assert WordTokenizer().join([1, "+", 2]) == "1 + 2"
    assert CharTokenizer().join([1, "+", 2]) == "1+2"


# --- characters ----------------------------------------------------------------------


@DETERMINISTIC
@given(ANY_TEXTS)
def test_characters_are_graphemes_and_join_back_to_the_text(text):
    tokenizer = CharTokenizer()
    text = unicodedata.normalize("NFC", text)
    tokens = tokenizer.split(text)
    assert tokens == regex.findall(r"\X", text)
    assert tokenizer.join(tokens, tokenizer.learn_spacing([text])) == text


def test_characters_are_those_that_readers_see():
    assert CharTokenizer().split("e\u0301 षि👍🏽") == ["é", " ", "षि", "👍🏽"]
    assert CharTokenizer().split("a\r\n") == ["a", "\r\n"]


# --- settings and identity -----------------------------------------------------------

BOTH = pytest.mark.parametrize("tokenizer_class", [WordTokenizer, CharTokenizer])


@BOTH
def test_text_is_normalized_as_the_parameter_says(tokenizer_class):
    text = "e\u0301\ufb01"
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        tokens = tokenizer_class(normalize=form).split(text)
        assert "".join(tokens) == unicodedata.normalize(form, text)
    assert "".join(tokenizer_class(normalize=None).split(text)) == text


@BOTH
@pytest.mark.parametrize("wrong", ["nfc", True, 1, ""])
def test_an_unknown_form_is_an_error_that_names_the_choices(tokenizer_class, wrong):
    with pytest.raises(ValueError, match=r"normalize must be one of \('NFC'.* got"):
        tokenizer_class(normalize=wrong)


@BOTH
def test_tokenizers_of_equal_settings_are_equal(tokenizer_class):
    one, same, other = tokenizer_class(), tokenizer_class("NFC"), tokenizer_class(None)
    assert one == same != other
    assert hash(one) == hash(same)
    assert repr(other) == f"{tokenizer_class.__name__}(normalize=None)"
    for copied in (copy.deepcopy(other), pickle.loads(pickle.dumps(other))):
        assert copied == other
    estimator = clone(SequenceClassifier(tokenizer=other))
    assert estimator.tokenizer == other


def test_words_and_characters_differ():
    assert WordTokenizer() != CharTokenizer()


# --- what users pass -----------------------------------------------------------------


def test_names_stand_for_the_tokenizers_with_default_settings():
    assert check_tokenizer("word") == WordTokenizer()
    assert check_tokenizer("char") == CharTokenizer()


def test_a_tokenizer_stays_as_it_is():
    tokenizer = WordTokenizer(None)
    assert check_tokenizer(tokenizer) is tokenizer


def test_tokens_of_a_callable_are_joined_by_the_spacing_of_the_texts():
    tokenizer = check_tokenizer(str.split)
    assert tokenizer.split("a  b") == ["a", "b"]
    assert tokenizer.join(["a", "b"]) == "a b"
    assert check_tokenizer(str.split) == tokenizer


def cut_syllables(text):
    return regex.findall(r"[^\W\d_]{1,2}|[^\w\s]", text.lower())


@pytest.mark.parametrize("function", [list, str.split, cut_syllables])
@pytest.mark.parametrize("text", ["to be, or not to be?", "« où » ? ", "a"])
def test_texts_join_back_from_the_pieces_of_a_callable(function, text):
    tokenizer = check_tokenizer(function)
    joined = tokenizer.join(tokenizer.split(text), tokenizer.learn_spacing([text]))
    assert joined.strip() == normalized(text)


def test_texts_whose_tokens_are_no_pieces_of_them_teach_no_spacing():
    tokenizer = check_tokenizer(lambda text: [token + "</w>" for token in text.split()])
    assert tokenizer.learn_spacing(["a b", "c"]) == {}


@pytest.mark.parametrize("wrong", [str.upper, len])
def test_a_callable_must_return_tokens(wrong):
    with pytest.raises(TypeError, match=r"tokenizer gave .* for 'ab', expected a list"):
        check_tokenizer(wrong).split("ab")


class Subwords:
    """As a trained ``tokenizers.Tokenizer``, of pieces of at most three letters."""

    def __init__(self):
        self.pieces = []

    def encode(self, text, add_special_tokens=True):
        tokens = regex.findall(r"\s?\S{1,3}", text)
        self.pieces += [token for token in tokens if token not in self.pieces]
        ids = list(map(self.pieces.index, tokens))
        if add_special_tokens:
            tokens = ["[CLS]", *tokens]
        return SimpleNamespace(tokens=tokens, ids=ids)

    def token_to_id(self, token):
        return self.pieces.index(token) if token in self.pieces else None

    def decode(self, ids):
        return "".join(self.pieces[i] for i in ids)


class SentencePieces:
    """As ``sentencepiece.SentencePieceProcessor``."""

    def encode(self, text, out_type=int):
        assert out_type is str
        return regex.findall(r"▁?[^▁]{1,3}", "▁" + text.replace(" ", "▁"))

    def decode(self, pieces):
        return "".join(pieces).replace("▁", " ").strip()


class Ids:
    """As ``tiktoken.Encoding``, which knows ids alone."""

    def encode(self, text):
        return list(text.encode())

    def decode(self, ids):
        return bytes(ids).decode()


class EncodingsOfIds(Ids):
    """Encodings with tokens that cannot be looked up."""

    def encode(self, text):
        return SimpleNamespace(tokens=["?"] * len(text), ids=super().encode(text))


class Strings:
    """Pieces are strings."""

    def encode(self, text):
        return text.split("/")

    def decode(self, pieces):
        return "/".join(pieces)


class WithWayBack:
    """As the tokenizers of sacremoses."""

    def tokenize(self, text):
        return regex.findall(r"\w+|\S", text)

    def detokenize(self, tokens):
        return regex.sub(r" (?=[!,])", "", " ".join(tokens))


class Transformers(SentencePieces):
    """As ``transformers.PreTrainedTokenizer``: ids from encode, tokens from tokenize."""

    def tokenize(self, text):
        return super().encode(text, out_type=str)

    def encode(self, text):
        raise AssertionError("ids are not wanted")

    def convert_tokens_to_string(self, tokens):
        return self.decode(tokens)


class WithoutWayBack:
    """As the tokenizers of nltk."""

    def tokenize(self, text):
        return regex.findall(r"\w+|\S", text)


OBJECTS = [
    *[Subwords, SentencePieces, Ids, EncodingsOfIds, Strings],
    *[WithWayBack, Transformers, WithoutWayBack],
]


@pytest.mark.parametrize("object_class", OBJECTS)
def test_tokenizers_of_other_libraries_split_and_join(object_class):
    tokenizer = check_tokenizer(object_class())
    text = "never, never land!"
    tokens = tokenizer.split(text)
    assert set(map(type, tokens)) == {str}
    assert len(tokens) > 1 or object_class is Strings
    spacing = tokenizer.learn_spacing([text])
    assert (spacing == {}) == (object_class is not WithoutWayBack)
    assert tokenizer.join(tokens, spacing) == text


def test_special_tokens_of_a_subword_tokenizer_are_left_out():
    tokenizer = check_tokenizer(Subwords())
    assert tokenizer.split("never") == ["nev", "er"]
    assert tokenizer.join(["[SEP]", "nev", "er"]) == "never"


def test_objects_are_equal_where_what_they_hold_is():
    subwords = Subwords()
    assert (
        check_tokenizer(subwords)
        == check_tokenizer(subwords)
        != check_tokenizer(Subwords())
    )


@pytest.mark.parametrize("wrong", ["sentence", None, 3, b"word", object(), ["word"]])
def test_an_unknown_tokenizer_is_an_error_that_names_the_choices(wrong):
    with pytest.raises(ValueError, match=r"tokenizer must be one of \['char', 'word'\]"):
        check_tokenizer(wrong)
    with pytest.raises(ValueError, match=r"target_tokenizer must be one of"):
        check_tokenizer(wrong, "target_tokenizer")


@pytest.mark.parametrize("wrong", [WordTokenizer, CharTokenizer, Subwords, str])
def test_a_class_in_place_of_a_tokenizer_is_an_error_that_says_so(wrong):
    with pytest.raises(ValueError, match="a class: pass an object of it"):
        check_tokenizer(wrong)


# --- tokenizers that a model keeps ---------------------------------------------------------


class Reader:
    """Splits at a mark that may be changed, in each way that a tokenizer may have."""

    def __init__(self, mark=" ", lock=None):
        self.mark, self.lock = mark, lock

    def __call__(self, text):
        return text.split(self.mark)

    tokenize = __call__


@pytest.mark.parametrize(
    "give",
    [lambda reader: reader, lambda reader: reader.__call__],
    ids=["object", "method"],
)
def test_a_kept_object_is_a_copy_where_it_can_be_copied(give):
    reader, shared = Reader(), Reader(lock=Lock())
    kept, same = (module.prepare_tokenizer(give(one)) for one in (reader, shared))
    reader.mark = shared.mark = "-"
    assert check_tokenizer(kept).split("a b-c") == ["a", "b-c"]
    assert check_tokenizer(same).split("a b-c") == ["a b", "c"]


@pytest.mark.parametrize("tokenizer", [str.split, list, len, "word", "bpe"])
def test_functions_types_and_names_are_kept_themselves(tokenizer):
    assert module.prepare_tokenizer(tokenizer) is tokenizer


@pytest.mark.parametrize(
    "texts",
    [
        ["[0.5, 1.5, -2.0]", "[1, 0.25]"],
        ["[0.5 1.5\n -2.0]", "", "[1. 3]"],
        ["0.5 1.5 -2.0", "1.0, 2"],
        ["[[0.1, 2e-3], [1, 2]]"],
        ["[3, 1]", "[2, 2]"],
        ["0.5 " + "1000 " * 5000],
    ],
)
def test_texts_that_are_lists_of_numbers_are_noticed(texts):
    with pytest.warns(UserWarning, match="X holds lists of numbers as strings, such as"):
        warn_of_numbers(texts, "X")


@pytest.mark.parametrize(
    "texts",
    [
        ["123 456", "456"],
        ["(1+2)", "(3+4)"],
        ["[a] 1.5 2", "[0.5, 1]"],
        ["[]", "[1, 2]"],
        ["1.5"],
        ["[12]"],
        ["[2024-01-02]", "[1.2.3]", "[e4 e5]"],
        ["", " "],
        ["1.5 " + "1200 " * 40 + "nan"],
        [],
    ],
)
def test_other_texts_are_not_taken_for_lists_of_numbers(texts):
    start = time.perf_counter()
    warn_of_numbers(texts, "X")
    assert time.perf_counter() - start < 1  # without backtracking


@pytest.mark.parametrize("tokenizer", ["char", CharTokenizer()])
def test_characters_of_lists_of_numbers_are_wanted(tokenizer):
    texts = ["[3, 1]", "[2, 1]"] * 4
    model = SequenceClassifier(tokenizer=tokenizer, hidden_size=2, max_epochs=1)
    assert "[" in model.fit(texts, [0, 1] * 4).vocabulary_
