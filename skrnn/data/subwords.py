"""Subwords: byte-pair encoding, and trained tokenizers of the library ``tokenizers``.

A trained tokenizer is kept as its JSON; the library's object is built again in each process.
The library is optional and imported here alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral
from threading import Lock
from typing import Any, NamedTuple

from sklearn.utils.validation import check_scalar

from skrnn._optional import import_optional
from skrnn._warnings import warn
from skrnn.data.spacing import Spacing
from skrnn.data.steps import shown

#: The name of the tokenizer that ``fit`` trains.
BPE = "bpe"
#: Bytes, each of which is a subword.
N_BYTES = 256
#: Subwords of a vocabulary whose size is not given, and occurrences that a pair needs.
DEFAULT_SIZE, MIN_PAIR_COUNT = 4000, 2
#: The variable that says whether the library may start threads.
PARALLELISM = "TOKENIZERS_PARALLELISM"

_one_training = Lock()


@dataclass(frozen=True, repr=False)
class TrainedTokenizer:
    """Split texts into the subwords of a trained tokenizer, and join them again.

    Made by :meth:`train_bpe` from texts, or by :meth:`from_library` of any trained
    ``tokenizers.Tokenizer``. Estimators make it of what you pass as ``tokenizer`` or
    ``target_tokenizer``: a model keeps a copy, which later changes of your object do not reach.

    Parameters
    ----------
    document : str
        JSON of the library ``tokenizers``, as from ``Tokenizer.to_str``.

    See Also
    --------
    WordTokenizer : Words, numbers and marks.
    CharTokenizer : One token a character.

    Notes
    -----
    It needs ``pip install "skrnn[subwords]"``. Padding, truncation and random segmentation
    of the tokenizer are switched off, and special tokens are not added: a text always has
    the same tokens. Single surrogates, which have no UTF-8, are read as U+FFFD.

    References
    ----------
    Sennrich, Haddow, Birch (2016). Neural machine translation of rare words with subword
    units. ACL, section 3.2.
    Wang, Cho, Gu (2020). Neural machine translation with byte-level subwords. AAAI.

    Examples
    --------
    >>> from skrnn.preprocessing import TrainedTokenizer
    >>> texts = ["low", "lower", "lowest", "new", "newer", "newest"] * 5
    >>> tokenizer = TrainedTokenizer.train_bpe(texts, 264)
    >>> tokenizer.split("slower")
    ['s', 'lower']
    >>> tokenizer.join(["s", "lower"])
    'slower'
    """

    document: str

    @classmethod
    def train_bpe(
        cls,
        texts: Iterable[str],
        vocabulary_size: int | None = None,
        *,
        min_count: int = MIN_PAIR_COUNT,
    ) -> TrainedTokenizer:
        """Learn byte-pair encoding from texts.

        The 256 bytes of UTF-8 are subwords; the most frequent pair of neighbouring subwords
        within a word becomes one, again and again. No text is unknown, and each comes back
        from ``join`` as it was.

        Parameters
        ----------
        texts : iterable of str
            The texts. Their order, and the number of threads, change nothing.
        vocabulary_size : int, default=None
            Subwords, at least 256; None is 4,000, or as many as the texts give. More make
            tokens longer and sequences shorter.
        min_count : int, default=2
            How often a pair must occur to become one subword.

        Returns
        -------
        tokenizer : TrainedTokenizer
            The trained tokenizer.

        Raises
        ------
        ImportError
            If the library is not installed: ``pip install "skrnn[subwords]"``.
        TypeError
            If ``texts`` is one string, or holds another object; if a number is not whole.
        ValueError
            If ``vocabulary_size`` is less than 256, or ``min_count`` less than 1.

        Warns
        -----
        UserWarning
            If the texts give fewer subwords than ``vocabulary_size``.
        """
        if vocabulary_size is not None:
            check_scalar(vocabulary_size, "vocabulary_size", Integral)
        check_scalar(min_count, "min_count", Integral, min_val=1)
        return train_bpe(
            _checked(texts), vocabulary_size, min_count=min_count, name="vocabulary_size"
        )

    @classmethod
    def from_library(cls, tokenizer: Any) -> TrainedTokenizer:
        """Copy a trained tokenizer of the library.

        Parameters
        ----------
        tokenizer : tokenizers.Tokenizer
            Of any model, or an object with its ``to_str``.

        Returns
        -------
        tokenizer : TrainedTokenizer
            Equal to others with the same vocabulary and settings.

        Raises
        ------
        TypeError
            If it has no ``to_str``.
        """
        if not callable(getattr(tokenizer, "to_str", None)):
            raise TypeError(
                f"tokenizer must be a trained tokenizers.Tokenizer, got {shown(tokenizer)}"
            )
        settings = json.loads(tokenizer.to_str())
        settings |= {"truncation": None, "padding": None}
        if settings["model"].get("dropout") is not None:
            settings["model"]["dropout"] = None
        return cls(json.dumps(settings, ensure_ascii=False, separators=(",", ":")))

    @property
    def vocabulary_size(self) -> int:
        """Tokens that the tokenizer knows."""
        return len(_load(self.document).names)

    @property
    def unknown(self) -> str | None:
        """The token that stands for what the tokenizer does not know; None without one."""
        model = json.loads(self.document)["model"]
        if model.get("unk_id") is not None:  # of a unigram model
            return str(model["vocab"][model["unk_id"]][0])
        return model.get("unk_token")

    def is_readable(self) -> bool:
        """Return whether the library can read the document; True where it is not installed."""
        try:
            _load(self.document)
        except ImportError:
            return isinstance(self.document, str)
        except (TypeError, ValueError):
            return False
        return True

    def split(self, text: str) -> list[str]:
        """Return the subwords of a text.

        Parameters
        ----------
        text : str
            Any text.

        Returns
        -------
        tokens : list of str
            As the library names them: byte-level ones have "Ġ" for a space, and two or more
            characters for a letter outside ASCII.
        """
        return self.split_all([text])[0]

    def split_all(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the subwords of each text.

        Parameters
        ----------
        texts : sequence of str
            Any texts.

        Returns
        -------
        tokens : list of lists of str
            As from ``split``.

        Raises
        ------
        ValueError
            If the library cannot split a text, as where the unknown token of a tokenizer
            is not in its own vocabulary.
        """
        library, names, _ = _load(self.document)
        encode = library.encode
        try:
            return [
                [names[i] for i in encode(_as_utf8(text), add_special_tokens=False).ids]
                for text in texts
            ]
        except Exception as error:  # the library raises no narrower one
            raise ValueError(
                f"the trained tokenizer cannot split a text: {str(error)[:200]}"
            ) from error

    def join(self, tokens: Sequence[Any], spacing: Spacing | None = None) -> str:
        """Return the text of tokens.

        Parameters
        ----------
        tokens : sequence of str
            Tokens from ``split`` or from a model; others are left out. Bytes that are no
            UTF-8 become U+FFFD.
        spacing : dict, default=None
            Not used; as in ``WordTokenizer``.

        Returns
        -------
        text : str
            The text.
        """
        library, _, ids = _load(self.document)
        return library.decode([ids[token] for token in tokens if token in ids])

    def learn_spacing(self, texts: Iterable[str]) -> Spacing:
        """Return an empty dict: spaces are within the tokens.

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

    def __repr__(self) -> str:
        return f"TrainedTokenizer(<{len(self.document):,} characters>)"


def train_bpe(
    texts: Iterable[str],
    size: int | None,
    *,
    min_count: int = MIN_PAIR_COUNT,
    name: str,
) -> TrainedTokenizer:
    """Return byte-pair encoding; ``name`` is that of the parameter ``size`` in messages.

    Raises
    ------
    ImportError, ValueError
        As ``TrainedTokenizer.train_bpe``.
    """
    library = import_library()
    check_size(size, name)
    levels = library.pre_tokenizers.ByteLevel
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = levels(add_prefix_space=False)
    tokenizer.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(
        vocab_size=DEFAULT_SIZE if size is None else int(size),
        min_frequency=max(MIN_PAIR_COUNT, min_count),
        initial_alphabet=sorted(levels.alphabet()),
        show_progress=False,
    )
    with _without_threads():
        tokenizer.train_from_iterator(map(_as_utf8, texts), trainer)
    trained = TrainedTokenizer.from_library(tokenizer)
    reached = tokenizer.get_vocab_size()
    if size is not None and reached < size:
        warn(
            f"{name}={size} subwords were asked for, but the training texts give {reached}: "
            "no other pair of neighbouring subwords occurs often enough to become one"
        )
    return trained


def check_size(size: int | None, name: str) -> None:
    """Raise a ValueError for a vocabulary that is smaller than the bytes."""
    if size is not None and size < N_BYTES:
        raise ValueError(
            f'{name}={size} is less than the {N_BYTES} bytes of which "{BPE}" makes subwords'
        )


def vocabulary_limits(
    tokenizer: object, min_count: int, max_size: int | None, *, learned: bool
) -> dict[str, Any]:
    """Return the limits of a vocabulary of a tokenizer's tokens, for ``Vocabulary.learn``.

    Subwords that were ``learned`` from the same texts have none: the limits said which of
    them there are.
    """
    limits = {"min_count": min_count, "max_size": max_size}
    if not isinstance(tokenizer, TrainedTokenizer):
        return limits
    return ({} if learned else limits) | {"unknown": tokenizer.unknown}


def why_unknown(min_count: int, parameter: str) -> str:
    """Return the reason why a vocabulary has no token, for a message."""
    if min_count == 1:
        return "is known to the tokenizer"
    return f"is seen {parameter}={min_count} times"


def untrained(parameter: str, name: str) -> str:
    """Return the message about strings after a fit on token lists."""
    return (
        f'{name} holds strings, but {parameter}="{BPE}" was not trained: in fit, {name} had '
        "no strings"
    )


def warn_if_untrained(tokenizer: object, parameter: str, name: str) -> None:
    """Warn of "bpe" after a fit without strings."""
    if isinstance(tokenizer, str) and tokenizer == BPE:
        warn(f'{parameter}="{BPE}" is not used: {name} holds no strings')


def import_library() -> Any:
    """Return the library ``tokenizers``.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    caller = f'tokenizer="{BPE}", or a trained tokenizer,'
    return import_optional("tokenizers", caller, "subwords")


def is_of_library(tokenizer: object) -> bool:
    """Return whether an object is a tokenizer of the library, which is not imported for it."""
    modules = {cls.__module__.partition(".")[0] for cls in type(tokenizer).__mro__}
    return "tokenizers" in modules and callable(getattr(tokenizer, "to_str", None))


def _checked(texts: Iterable[str]) -> Iterator[str]:
    """Return an iterator of texts.

    Raises
    ------
    TypeError
        If they are one string or not an iterable, and in turn for each that is not one.
    """
    if isinstance(texts, str | bytes):
        raise TypeError(f"texts is one string, {shown(texts)}; pass a list of strings")
    if not isinstance(texts, Iterable) or getattr(texts, "ndim", 1) != 1:
        raise TypeError(f"texts must be an iterable of strings, got {shown(texts)}")
    return _strings(texts)


def _strings(texts: Iterable[Any]) -> Iterator[str]:
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts[{i}] is {shown(text)}, expected a string")
        yield text


class _Loaded(NamedTuple):
    """A tokenizer of the library, its tokens by id, and its ids by token."""

    library: Any
    names: Mapping[int, str]
    ids: Mapping[str, int]


@lru_cache(maxsize=16)
def _load(document: str) -> _Loaded:
    """Return the library's object of a document.

    Raises
    ------
    ValueError
        If the library cannot read it.
    """
    tokenizers = import_library()
    try:
        library = tokenizers.Tokenizer.from_str(document)
    except BaseException as error:  # a panic of the library is not an Exception
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        raise ValueError(
            f"the library tokenizers cannot read a trained tokenizer: {str(error)[:200]}"
        ) from error
    library.no_padding()
    library.no_truncation()
    ids = library.get_vocab(with_added_tokens=True)
    return _Loaded(library, {i: token for token, i in ids.items()}, ids)


def _as_utf8(text: str) -> str:
    """Return a text without single surrogates, which the library refuses."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


@contextmanager
def _without_threads() -> Iterator[None]:
    """Let the library start no threads, unless the user's environment speaks of them.

    After its threads have run, it writes a warning to stderr wherever the process forks.
    """
    with _one_training:
        if PARALLELISM in os.environ:
            yield
            return
        os.environ[PARALLELISM] = "false"
        try:
            yield
        finally:
            os.environ.pop(PARALLELISM, None)
