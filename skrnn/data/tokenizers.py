"""Tokenizers: how a text becomes tokens, and how tokens become a text again.

A tokenizer has ``split``, ``join`` and ``learn_spacing``. ``check_tokenizer`` makes one of
whatever users pass; a kind of foreign tokenizer is one class and one branch there. Where
spaces belong between tokens is the matter of ``spacing``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from inspect import signature
from itertools import pairwise
from numbers import Integral
from typing import Any, Protocol

from skrnn._warnings import warn
from skrnn.data.spacing import (
    APART,
    Boundaries,
    Spacing,
    SpacingRules,
    find_boundaries,
    join_tokens,
    learn_spacing,
)
from skrnn.data.steps import Split, SplitAll, shown
from skrnn.data.subwords import BPE, TrainedTokenizer, is_of_library

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
#: Texts, and characters of each, that are looked at for lists of numbers.
N_LOOKED_AT, N_CHARACTERS = 20, 500
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class Tokenizer(Protocol):
    """A way to split texts and its way back."""

    def split(self, text: str) -> list[Any]:
        """Return the tokens of a text."""
        ...

    def join(self, tokens: Sequence[Hashable], spacing: Spacing | None = None) -> str:
        """Return the text of tokens."""
        ...

    def learn_spacing(self, texts: Iterable[str]) -> Spacing:
        """Return where texts have spaces, for ``join``."""
        ...


@dataclass(frozen=True)
class WordTokenizer:
    """Split texts into words, numbers and marks, and join them again.

    A word keeps its inner apostrophes and hyphens, a number the marks between its digits.
    Every other mark is a token. A grapheme (a letter with its combining marks, an emoji of
    several code points) is never cut. Chinese characters are one token each, and runs of
    hiragana and of katakana are words. Thai, Lao, Khmer and Burmese are written without
    spaces, too, but a run of their letters stays one token: use ``CharTokenizer`` or a
    subword tokenizer there.

    Tokens hold no white space. To put spaces where training texts have them, ``join`` takes
    what ``learn_spacing`` found in those texts.

    Parameters
    ----------
    normalize : {"NFC", "NFD", "NFKC", "NFKD"} or None, default="NFC"
        Unicode normalization form of the tokens, so that one word has one form. None keeps
        the code points of the text.

    See Also
    --------
    CharTokenizer : One token a character.

    Notes
    -----
    A text that was split and joined, with the spacing of the texts that it is one of, comes
    back in the normalization form and with single spaces (no space at the ends), if each
    pair of neighbouring tokens always had the same spacing in those texts. A pair with both
    takes the commoner one; if both are equally frequent, the mark's commoner one beside words
    or numbers decides. A quotation mark counts as two marks, one that opens and one that closes.

    Splitting a joined text gives the same tokens, whatever the spacing.

    References
    ----------
    Unicode Standard Annex #29, Unicode Text Segmentation: extended grapheme clusters.

    Examples
    --------
    >>> from skrnn.preprocessing import WordTokenizer
    >>> tokenizer = WordTokenizer()
    >>> tokenizer.split("Don't stop, e-mail me!")
    ["Don't", 'stop', ',', 'e-mail', 'me', '!']
    >>> tokenizer.join(["Don't", "stop", ",", "e-mail", "me", "!"])
    "Don't stop, e-mail me!"
    >>> spacing = tokenizer.learn_spacing(["Ça va ?", "Oui : « bien » !"])
    >>> tokenizer.join(["Ça", "va", "«", "bien", "»", "?"], spacing)
    'Ça va « bien » ?'
    """

    normalize: str | None = "NFC"

    def __post_init__(self) -> None:
        _check_form(self.normalize)

    def split(self, text: str) -> list[str]:
        """Return the words, numbers and marks of a text.

        Parameters
        ----------
        text : str
            Any text.

        Returns
        -------
        tokens : list of str
            Without white space; empty for a blank text.
        """
        tokens: list[str] = []
        for chunk in _normalized(text, self.normalize).split():
            tokens += _words_of(chunk)
        return tokens

    def join(self, tokens: Sequence[Hashable], spacing: Spacing | None = None) -> str:
        """Return the text of tokens.

        Parameters
        ----------
        tokens : sequence of str
            Tokens from ``split`` or from a model.
        spacing : dict, default=None
            The result of ``learn_spacing``. Without it, closing marks follow directly,
            opening marks have no space after them, Chinese and Japanese have no spaces, and
            all else is apart.

        Returns
        -------
        text : str
            The tokens, with single spaces.
        """
        texts = list(map(str, tokens))
        gaps = SpacingRules(spacing).gaps(texts)
        starts = [0, *(i for i, gap in enumerate(gaps, 1) if gap), len(texts)]
        chunks = [texts[start:end] for start, end in pairwise(starts)]
        return APART.join(map(self._join_chunk, chunks))

    def learn_spacing(self, texts: Iterable[str]) -> Spacing:
        """Return where texts have spaces.

        Parameters
        ----------
        texts : iterable of str
            The texts, such as training targets.

        Returns
        -------
        spacing : dict
            Plain dicts of strings, for ``join``.
        """
        return learn_spacing(texts, self._boundaries_of)

    def _boundaries_of(self, text: str) -> Boundaries:
        tokens: list[str] = []
        together: list[bool] = []
        for chunk in _normalized(text, self.normalize).split():
            words = _words_of(chunk)
            tokens += words
            together += [False, *[True] * (len(words) - 1)]
        return tokens, together[1:]

    def _join_chunk(self, tokens: list[str]) -> str:
        """Join tokens that stand together, but for those that would become another token."""
        text = "".join(tokens)
        if len(tokens) < 2:
            return text
        split = self.split(text)
        wrong = next(
            (i for i, (a, b) in enumerate(zip(split, tokens, strict=False)) if a != b),
            None,
        )
        if wrong is None:
            return text
        cut = min(wrong + 1, len(tokens) - 1)
        return APART.join(map(self._join_chunk, (tokens[:cut], tokens[cut:])))


@dataclass(frozen=True)
class CharTokenizer:
    """Split texts into characters as readers see them, and join them again.

    A token is a grapheme: a letter with its combining marks, an emoji of several code points,
    a white space character.

    Parameters
    ----------
    normalize : {"NFC", "NFD", "NFKC", "NFKD"} or None, default="NFC"
        Unicode normalization form of the tokens, so that one character has one form. None
        keeps the code points of the text.

    See Also
    --------
    WordTokenizer : One token a word, number or mark.

    References
    ----------
    Unicode Standard Annex #29, Unicode Text Segmentation: extended grapheme clusters.

    Examples
    --------
    >>> from skrnn.preprocessing import CharTokenizer
    >>> tokenizer = CharTokenizer()
    >>> tokenizer.split("Hi नमस्ते")
    ['H', 'i', ' ', 'न', 'म', 'स्ते']
    >>> tokenizer.join(["H", "i"])
    'Hi'
    """

    normalize: str | None = "NFC"

    def __post_init__(self) -> None:
        _check_form(self.normalize)

    def split(self, text: str) -> list[str]:
        """Return the characters of a text.

        Parameters
        ----------
        text : str
            Any text.

        Returns
        -------
        tokens : list of str
            White space included.
        """
        text = _normalized(text, self.normalize)
        if text.isascii() and "\r" not in text:
            return list(text)
        return _grapheme_pattern().findall(text)

    def join(self, tokens: Sequence[Hashable], spacing: Spacing | None = None) -> str:
        """Return the text of tokens, with nothing between them.

        Parameters
        ----------
        tokens : sequence of str
            Tokens from ``split`` or from a model.
        spacing : dict, default=None
            Not used; as in ``WordTokenizer``.

        Returns
        -------
        text : str
            The text.
        """
        return "".join(map(str, tokens))

    def learn_spacing(self, texts: Iterable[str]) -> Spacing:
        """Return an empty dict: white space is among the tokens.

        Parameters
        ----------
        texts : iterable of str
            Not used; as in ``WordTokenizer``.

        Returns
        -------
        spacing : dict
            Empty.
        """
        return {}


@dataclass(frozen=True)
class FunctionTokenizer:
    """A function that splits, and joining by the spacing of the texts."""

    function: Callable[[str], Sequence[Hashable]]

    def split(self, text: str) -> list[Any]:
        """Return the function's tokens."""
        tokens = self.function(text)
        if isinstance(tokens, str | bytes) or not hasattr(tokens, "__iter__"):
            raise TypeError(
                f"the tokenizer gave {shown(tokens)} for {shown(text)}, expected a list of tokens"
            )
        return list(tokens)

    def join(self, tokens: Sequence[Hashable], spacing: Spacing | None = None) -> str:
        """Join as ``WordTokenizer`` does."""
        return join_tokens(tokens, spacing)

    def learn_spacing(self, texts: Iterable[str]) -> Spacing:
        """Return the spacing of the texts whose tokens are pieces of them."""
        return learn_spacing(texts, lambda text: find_boundaries(text, self.split(text)))


@dataclass(frozen=True)
class SubwordTokenizer:
    """An object with ``encode`` and ``decode``.

    Tokens are the pieces that ``encode`` gives: those of objects like ``tokenizers.Tokenizer``
    (whose encodings have tokens beside ids), of SentencePiece (which takes ``out_type``), or
    strings. Of an object that knows ids alone, tokens are the ids as strings.
    """

    tokenizer: Any

    def split(self, text: str) -> list[str]:
        """Return the pieces of a text."""
        return list(map(str, self._encode(text)))

    def join(self, tokens: Sequence[Hashable], spacing: Spacing | None = None) -> str:
        """Return the text that the object decodes."""
        pieces: list[Any] = list(map(str, tokens))
        if hasattr(self.tokenizer, "token_to_id"):
            ids = map(self.tokenizer.token_to_id, pieces)
            pieces = [i for i in ids if i is not None]
        elif self._has_ids:
            pieces = list(map(int, pieces))
        return self.tokenizer.decode(pieces)

    def learn_spacing(self, texts: Iterable[str]) -> Spacing:
        """Return an empty dict: the object knows where spaces belong."""
        return {}

    def _encode(self, text: str) -> Sequence[Any]:
        if hasattr(self.tokenizer, "token_to_id"):
            return self.tokenizer.encode(text, add_special_tokens=False).tokens
        if self._takes_out_type:
            return self.tokenizer.encode(text, out_type=str)
        encoded = self.tokenizer.encode(text)
        return getattr(encoded, "ids", encoded)

    @cached_property
    def _takes_out_type(self) -> bool:
        try:
            return "out_type" in signature(self.tokenizer.encode).parameters
        except ValueError:  # a compiled function without a signature
            return False

    @cached_property
    def _has_ids(self) -> bool:
        pieces = self._encode("A few words, to see: 1 2 3.")
        return any(isinstance(piece, Integral) for piece in pieces)


@dataclass(frozen=True)
class ForeignTokenizer:
    """An object with ``tokenize``, and a way back where it has one.

    That is ``detokenize``, or ``convert_tokens_to_string`` (as in transformers).
    """

    tokenizer: Any

    def split(self, text: str) -> list[Any]:
        """Return the object's tokens."""
        return FunctionTokenizer(self.tokenizer.tokenize).split(text)

    def join(self, tokens: Sequence[Hashable], spacing: Spacing | None = None) -> str:
        """Join as the object does, or else as ``WordTokenizer`` does."""
        way_back = self._way_back
        return way_back(list(tokens)) if way_back else join_tokens(tokens, spacing)

    def learn_spacing(self, texts: Iterable[str]) -> Spacing:
        """Return the spacing of the texts, if the object does not know it."""
        if self._way_back:
            return {}
        return FunctionTokenizer(self.tokenizer.tokenize).learn_spacing(texts)

    @property
    def _way_back(self) -> Callable[[list], str] | None:
        names = ("detokenize", "convert_tokens_to_string")
        return next(filter(None, (getattr(self.tokenizer, n, None) for n in names)), None)


TOKENIZERS: dict[str, type[WordTokenizer] | type[CharTokenizer]] = {
    "word": WordTokenizer,
    "char": CharTokenizer,
}


def check_tokenizer(tokenizer: object, name: str = "tokenizer") -> Tokenizer:
    """Return an object with ``split``, ``join`` and ``learn_spacing``.

    Parameters
    ----------
    tokenizer : {"word", "char"}, callable or object
        A callable splits a text into tokens. An object has the three methods, or ``encode``
        and ``decode``, or ``tokenize`` and possibly ``detokenize``.
    name : str
        The parameter's name.

    Raises
    ------
    ValueError
        If it is none of these, "bpe", which only the ``fit`` of an estimator trains, or a
        tokenizer of the library ``tokenizers`` that was not trained.
    """
    if isinstance(tokenizer, str):
        if tokenizer in TOKENIZERS:
            return TOKENIZERS[tokenizer]()
        if tokenizer == BPE:
            raise ValueError(
                f'{name}="{BPE}" is trained by the fit of an estimator; pass its tokenizer_ '
                "or target_tokenizer_, or a skrnn.preprocessing.TrainedTokenizer"
            )
    elif not isinstance(tokenizer, type):
        if _has(tokenizer, "split", "join", "learn_spacing"):
            return tokenizer  # type: ignore[return-value]
        if is_of_library(tokenizer) and (copied := _copy_of(tokenizer)) is not None:
            if not copied.vocabulary_size:
                raise ValueError(
                    f'{name} has no tokens: train it first, or pass "{BPE}", which fit '
                    "trains"
                )
            return copied
        if _has(tokenizer, "tokenize", "convert_tokens_to_string"):
            return ForeignTokenizer(tokenizer)
        if _has(tokenizer, "encode", "decode"):
            return SubwordTokenizer(tokenizer)
        if _has(tokenizer, "tokenize"):
            return ForeignTokenizer(tokenizer)
        if callable(tokenizer):
            return FunctionTokenizer(tokenizer)
    elif tokenizer in (list, tuple):
        return FunctionTokenizer(tokenizer)
    raise ValueError(
        f"{name} must be one of {sorted(TOKENIZERS)}, a callable that splits a string into "
        "tokens, or an object with encode and decode or with tokenize and detokenize, got "
        f"{shown(tokenizer)}"
        + (", a class: pass an object of it" if isinstance(tokenizer, type) else "")
    )


def prepare_tokenizer(tokenizer: object, name: str = "tokenizer") -> Any:
    """Return the tokenizer that a model keeps: a copy, which later changes do not reach.

    A function is kept itself, and so is an object that cannot be copied.

    Raises
    ------
    ValueError
        If it is not a tokenizer.
    """
    if isinstance(tokenizer, str) and tokenizer == BPE:
        return tokenizer
    checked = check_tokenizer(tokenizer, name)
    if isinstance(checked, TrainedTokenizer):
        return checked
    try:
        return deepcopy(tokenizer)
    except Exception:  # whatever a user's class raises
        return tokenizer


def warn_of_numbers(texts: Sequence[str], name: str) -> None:
    """Warn of texts that are lists of numbers, as a CSV file stores lists."""
    first = [text for text in texts[:N_LOOKED_AT] if text.strip()]
    if first and all(map(_lists_numbers, first)):
        warn(
            f"{name} holds lists of numbers as strings, such as {shown(first[0])}, whose "
            "numbers are read as tokens. To learn from their values, make an array of each "
            "string first: json.loads reads lists of JSON, str.split separates plain numbers"
        )


def _lists_numbers(text: str) -> bool:
    """Return whether a text is two or more numbers, in brackets or with a decimal point."""
    parts = re.split(r"[\s,;\[\]]+", text[:N_CHARACTERS])
    if len(text) > N_CHARACTERS:
        parts.pop()  # it may be cut
    numbers = [part for part in parts if part]
    return (
        len(numbers) > 1
        and all(map(NUMBER.fullmatch, numbers))
        and (text.lstrip().startswith("[") or any("." in number for number in numbers))
    )


def comparable_tokenizer(value: Any) -> Any:
    """Return a copy, which compares equal to others, of a trained tokenizer; else the value."""
    copied = _copy_of(value) if is_of_library(value) else None
    return value if copied is None else copied


def users_object(tokenizer: Tokenizer) -> Any:
    """Return the object of the user that a tokenizer calls, or itself."""
    if isinstance(tokenizer, FunctionTokenizer):
        return tokenizer.function
    if isinstance(tokenizer, SubwordTokenizer | ForeignTokenizer):
        return tokenizer.tokenizer
    return tokenizer


def splitter_of(
    tokenizer: object, train: Callable[[Sequence[str]], TrainedTokenizer]
) -> Split:
    """Return how a model's tokenizer splits texts, for ``check_sequences``.

    ``train`` returns the tokenizer that "bpe" stands for, from the first texts.
    """
    if isinstance(tokenizer, str) and tokenizer == BPE:
        return SplitAll(lambda texts: train(texts).split_all(texts))
    checked = check_tokenizer(tokenizer)
    if isinstance(checked, TrainedTokenizer):
        return SplitAll(checked.split_all)
    return checked.split


def gives_subwords(tokenizer: object) -> bool:
    """Return whether a tokenizer gives subwords: "bpe", or a trained one."""
    if isinstance(tokenizer, str):
        return tokenizer == BPE
    return isinstance(check_tokenizer(tokenizer), TrainedTokenizer)


def _copy_of(tokenizer: object) -> TrainedTokenizer | None:
    """Return a copy of a library's tokenizer, None if it has parts written in Python."""
    try:
        return TrainedTokenizer.from_library(tokenizer)
    except Exception:
        return None


def _has(value: object, *methods: str) -> bool:
    return all(callable(getattr(value, method, None)) for method in methods)


def _check_form(normalize: object) -> None:
    if normalize is not None and normalize not in FORMS:
        raise ValueError(
            f"normalize must be one of {FORMS} or None, got {shown(normalize)}"
        )


def _normalized(text: str, form: str | None) -> str:
    return text if form is None or text.isascii() else unicodedata.normalize(form, text)  # type: ignore[arg-type]


#: ``_word_pattern`` for ASCII, where it is several times as fast.
ASCII_WORD = re.compile(
    r"[A-Za-z0-9_]+(?:(?:['\-]|(?<=\d)[.,:](?=\d))[A-Za-z0-9_]+)*|\S", re.ASCII
)


@cache
def _grapheme_pattern() -> Any:
    import regex

    return regex.compile(r"\X")


@cache
def _word_pattern() -> Any:
    """Return the pattern of a word, number or mark in text without white space.

    Everything is matched by whole graphemes but the marks inside words. Those are
    apostrophes, hyphens, the soft hyphen, the Catalan point, between digits points, commas
    and colons, between Hebrew letters quotation marks (in abbreviations).
    """
    import regex

    kana = r"\p{Hiragana}\p{Katakana}ーｰ"
    letter = rf"(?=[[\p{{L}}\p{{N}}\p{{M}}\p{{Pc}}]--[\p{{Han}}{kana}]])\X"
    inner = (
        r"(?:['’\-‐‑־·\u00ad\u2060]|(?<=\p{Nd})[.,:٫٬](?=\p{Nd})"
        r"|(?<=\p{Hebrew})[\"״׳](?=\p{Hebrew}))"
    )
    alternatives = [
        rf"(?:{letter})+(?:{inner}(?:{letter})+)*",
        r"(?:(?=[\p{Hiragana}ー])\X)+",
        r"(?:(?=[\p{Katakana}ーｰ])\X)+",
        r"\X",
    ]
    return regex.compile("(?V1)" + "|".join(alternatives))


@lru_cache(maxsize=2**16)
def _words_of(chunk: str) -> tuple[str, ...]:
    """Return the tokens of text without white space.

    >>> _words_of("1,000.5"), _words_of("25.12.2024,"), _words_of("-x-")
    (('1,000.5',), ('25.12.2024', ','), ('-', 'x', '-'))
    """
    pattern = ASCII_WORD if chunk.isascii() else _word_pattern()
    return tuple(pattern.findall(chunk))
