"""Several estimators on the same folds: checks, folds, fits."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state, get_tags, indexable
from sklearn.utils.parallel import Parallel, delayed

from skrnn.data.tokenizers import gives_subwords
from skrnn.model_selection._comparison import Comparison
from skrnn.model_selection._lengths import LengthBins, cut_lengths, lengths_of
from skrnn.model_selection._measure import Fit, Scoring, final_estimator, measure

Indices = NDArray[np.int64]


class Job(NamedTuple):
    """One fit: of which estimator, on which sequences.

    ``whole`` says that ``train`` is the whole training set of the fold, not a part of it for
    a learning curve.
    """

    name: str
    fold: int
    train: Indices
    test: Indices
    whole: bool


def compare_estimators(
    estimators: Mapping[str, Any],
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    params: Mapping[str, Any] | None = None,
    train_sizes: Sequence[float] | None = None,
    by_length: int | Sequence[float] | None = None,
    lengths: Any = None,
    random_state: Any = None,
    verbose: int = 0,
) -> Comparison:
    """Cross-validate several estimators on the same folds and compare their scores.

    Any estimators of scikit-learn can take part, Pipelines and searches too, if all accept
    the same X and y. The first is the reference: the scores of the others are compared
    with its scores, fold by fold, by the corrected resampled t-test, which accounts for
    the overlap of the training sets.

    Parameters
    ----------
    estimators : dict of str to estimator
        Estimators by name, the reference first. They are cloned.
    X : list, ndarray, Series or DataFrame of n_sequences sequences
        As the estimators accept it.
    y : list, ndarray or Series of n_sequences targets, default=None
        As the estimators accept it: a label or number a sequence, tags, sequences.
    groups : array-like of shape (n_sequences,), default=None
        For splitters such as GroupKFold, which keep a group on one side of a split.
    scoring : str, callable, list, tuple, set or dict, default=None
        As for :func:`~sklearn.model_selection.cross_validate`; higher is better. None takes
        the ``score`` of the estimators. For tags and sequences see ``skrnn.metrics``.
    cv : int, cross-validation generator or iterable, default=None
        As for :func:`~sklearn.model_selection.cross_validate`: None makes five folds,
        stratified for classifiers, without shuffling. More folds, or
        :class:`~sklearn.model_selection.RepeatedKFold`, make the test more powerful.
    n_jobs : int, default=None
        Fits at the same time; None means 1. With more, ``fit_time`` and ``predict_time``
        measure fits that compete for the cores.
    params : dict, default=None
        Passed to every ``fit``, for example ``sample_weight``. With metadata routing enabled
        in scikit-learn they are routed to estimators and scorers.
    train_sizes : array-like of float or int, default=None
        Training sizes of a learning curve, as shares of the training set (in (0, 1]) or
        numbers of sequences. Each larger set contains the smaller ones; for classifiers
        they are stratified. Each size is one more fit an estimator and fold.
    by_length : int or sequence of float, default=None
        Scores of the test sequences by length: the number of bins that hold about equally
        many sequences, or the increasing edges of bins in steps, each bin with its upper
        edge, the first with its lower edge too; sequences beyond the edges are left out.
    lengths : array-like of int of shape (n_sequences,), default=None
        Length of each sequence. By default the number of its steps; that of its tokens for
        a string, by the first estimator that has a ``tokenizer``, or that of its words.
    random_state : int, RandomState instance or None, default=None
        Of the training sets that ``train_sizes`` draws.
    verbose : int, default=0
        Above 0 a line is written to standard error after each fit.

    Returns
    -------
    comparison : Comparison
        Tables of scores, differences, times and sizes; prints as its table.

    Raises
    ------
    TypeError
        If ``estimators`` is not a dict of names to estimators.
    ValueError
        If it is empty, if the estimators are of different tasks, if X and y differ in
        length, or if an argument is out of its range.
    ValueError, TypeError or RuntimeError
        If an estimator or its scoring fails; the message names the estimator and the fold.

    See Also
    --------
    ComparisonDisplay : The pictures of a comparison.
    sklearn.model_selection.cross_validate : Scores of one estimator.

    References
    ----------
    Nadeau, Bengio (2003). Inference for the generalization error. Machine Learning 52.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrnn import SequenceClassifier
    >>> from skrnn.model_selection import compare_estimators
    >>> X = ["good not bad", "bad not good", "not bad good", "not good bad"] * 6
    >>> y = [1, 0, 1, 0] * 6
    >>> comparison = compare_estimators(
    ...     {
    ...         "recurrent": SequenceClassifier(
    ...             hidden_size=8, max_epochs=5, random_state=0
    ...         ),
    ...         "words": make_pipeline(TfidfVectorizer(), LogisticRegression()),
    ...     },
    ...     X,
    ...     y,
    ...     scoring="accuracy",
    ...     cv=3,
    ... )
    >>> comparison.table.index.tolist()
    ['recurrent', 'words']
    >>> comparison.differences.columns.tolist()  # doctest: +NORMALIZE_WHITESPACE
    ['metric', 'estimator', 'difference', 'standard_error', 'p_value', 'p_adjusted']
    """
    estimators = check_estimators(estimators)
    check_tasks(estimators, scoring)
    for estimator in estimators.values():
        Scoring(estimator, scoring)  # an unknown metric is refused before the first fit
    X, y, groups = _check_lengths_agree(X, y, groups)
    first = next(iter(estimators.values()))
    stratified = is_classifier(first)
    splitter = check_cv(cv, y, classifier=stratified)
    folds = [(np.asarray(a), np.asarray(b)) for a, b in splitter.split(X, y, groups)]
    # without y a table may be one series to forecast
    n_steps = lengths_of(
        X, lengths, tokenizer=_tokenizer(estimators), rows_are_sequences=y is not None
    )
    bins = None if by_length is None else cut_lengths(n_steps, by_length)
    sizes = _check_sizes(train_sizes, min(len(train) for train, _ in folds))
    jobs = list(_jobs(estimators, folds, sizes, y if stratified else None, random_state))
    run = Parallel(n_jobs=n_jobs, return_as="generator")
    fits: list[Fit] = []
    for fit in run(
        delayed(measure)(
            job.name,
            estimators[job.name],
            X,
            y,
            train=job.train,
            test=job.test,
            fold=job.fold,
            scoring=scoring,
            params=params,
            bin_of=bins.bin_of[job.test] if bins is not None and job.whole else None,
        )
        for job in jobs
    ):
        if verbose > 0:
            _report(jobs[len(fits)], fit)
        fits.append(fit)
    place = {name: i for i, name in enumerate(estimators)}
    results = sorted(
        zip(jobs, fits, strict=True),
        key=lambda pair: (place[pair[0].name], pair[0].fold, len(pair[0].train)),
    )
    return _collect(results, n_steps, bins, curves=bool(sizes))


# --- checks -------------------------------------------------------------------------------


def check_estimators(estimators: Any) -> dict[str, Any]:
    """Return a dict of estimators by name, or raise an error that says what it must be."""
    if not isinstance(estimators, Mapping):
        raise TypeError(
            "estimators must be a dict of names to estimators, such as {'recurrent': "
            f"SequenceClassifier()}}, got {type(estimators).__name__}"
        )
    if not estimators:
        raise ValueError("estimators is empty, expected at least one estimator")
    for name, estimator in estimators.items():
        if not isinstance(name, str):
            raise TypeError(f"the names in estimators must be strings, got {name!r}")
        if isinstance(estimator, type):
            raise TypeError(
                f"estimators[{name!r}] is a class, expected an estimator: "
                f"{estimator.__name__}()"
            )
        if not hasattr(estimator, "fit"):
            raise TypeError(
                f"estimators[{name!r}] has no fit, expected an estimator, got {estimator!r}"
            )
        try:
            clone(estimator)
        except Exception as error:
            raise TypeError(f"estimators[{name!r}] cannot be cloned: {error}") from error
    return dict(estimators)


def check_tasks(estimators: Mapping[str, Any], scoring: Any) -> None:
    """Raise a ValueError if estimators predict targets of different kinds.

    The kind is scikit-learn's ``estimator_type``. Estimators without one are compared
    freely by a given ``scoring``; without it they must share their ``score``.
    """
    first_name, *others = estimators
    first = estimators[first_name]
    for name in others:
        types = [_type_of(one) for one in (first, estimators[name])]
        if types[0] != types[1]:
            first_kind, kind = (
                "neither a classifier nor a regressor" if each is None else f"a {each}"
                for each in types
            )
            raise ValueError(
                "estimators of different tasks cannot be compared: "
                f"{first_name!r} ({_class_name(first)}) is {first_kind}, "
                f"{name!r} ({_class_name(estimators[name])}) is {kind}"
            )
        if (
            scoring is None
            and types[0] is None
            and not _scoring_bases(first) & _scoring_bases(estimators[name])
        ):
            raise ValueError(
                f"{first_name!r} ({_class_name(first)}) and {name!r} "
                f"({_class_name(estimators[name])}) each have a score of their own; pass "
                "scoring, so that both are measured alike"
            )


def _type_of(estimator: Any) -> str | None:
    """Return scikit-learn's ``estimator_type``; None of a foreign class without tags."""
    try:
        return get_tags(estimator).estimator_type
    except AttributeError:
        return None


def _scoring_bases(estimator: Any) -> set[type]:
    """Return the classes that define the ``score`` of an estimator, or override it."""
    bases = type(final_estimator(estimator)).__mro__
    return {base for base in bases if "score" in vars(base)}


def _class_name(estimator: Any) -> str:
    return type(final_estimator(estimator)).__name__


def _tokenizer(estimators: Mapping[str, Any]) -> Any:
    """Return the first tokenizer of the estimators, "word" without any and for subwords."""
    chosen = (
        final_estimator(estimator).get_params(deep=False).get("tokenizer")
        for estimator in estimators.values()
    )
    tokenizer = next((t for t in chosen if t is not None), "word")
    return "word" if gives_subwords(tokenizer) else tokenizer


def _check_lengths_agree(X: Any, y: Any, groups: Any) -> tuple[Any, Any, Any]:
    """Return X, y and groups in containers that can be indexed."""
    n_sequences = _n_samples(X, "X")
    for name, values in (("y", y), ("groups", groups)):
        if values is not None and _n_samples(values, name) != n_sequences:
            raise ValueError(
                f"X has {n_sequences} sequences, but {name} has {_n_samples(values, name)}"
            )
    X, y, groups = indexable(X, y, groups)
    return X, y, groups


def _n_samples(values: Any, name: str) -> int:
    shape = getattr(values, "shape", None)
    if isinstance(values, str | bytes) or not (shape or hasattr(values, "__len__")):
        raise TypeError(
            f"{name} must hold one entry a sequence, got {type(values).__name__}"
        )
    return int(shape[0]) if shape else len(values)


# --- folds --------------------------------------------------------------------------------


def _check_sizes(train_sizes: Any, n_train: int) -> list[int]:
    """Return training sizes as numbers of sequences, smallest first.

    ``n_train`` is the size of the smallest training set.
    """
    if train_sizes is None:
        return []
    sizes = np.asarray(train_sizes)
    if sizes.ndim != 1 or not len(sizes) or sizes.dtype.kind not in "iuf":
        raise ValueError(
            "train_sizes must be a list of shares or numbers of sequences, got "
            f"{train_sizes!r}"
        )
    shares = sizes.dtype.kind == "f"
    largest, unit = (1.0, "shares") if shares else (n_train, "numbers of sequences")
    if not ((sizes > 0) & (sizes <= largest)).all():
        raise ValueError(
            f"train_sizes must be shares in (0, 1] or numbers of sequences in [1, {n_train}],"
            f" the smallest training set, got the {unit} {sizes.tolist()}"
        )
    numbers = np.maximum(1, np.round(sizes * n_train)) if shares else sizes
    return np.unique(numbers.astype(np.int64)).tolist()


def _jobs(
    estimators: Mapping[str, Any],
    folds: list[tuple[Indices, Indices]],
    sizes: list[int],
    labels: Any,
    random_state: Any,
) -> Iterator[Job]:
    """Yield every fit, fold by fold, so that a failing estimator is noticed early."""
    random = check_random_state(random_state)
    smallest = min(len(train) for train, _ in folds)
    for fold, (train, test) in enumerate(folds):
        parts = [(train, True)]
        if sizes:
            order = train[nested_order(labels, train, random)]
            parts += [(order[:size], False) for size in sizes if size < smallest]
        for part, whole in parts:
            for name in estimators:
                yield Job(name, fold, part, test, whole)


def nested_order(
    labels: Any, train: Indices, random: np.random.RandomState
) -> NDArray[np.int64]:
    """Return a random order of a training set whose every beginning is stratified.

    Without ``labels`` of one value a sequence it is random alone.
    """
    shuffled = random.permutation(len(train))
    classes = None if labels is None else np.asarray(labels)
    if classes is None or classes.ndim != 1:
        return shuffled
    _, codes = np.unique(classes[train][shuffled], return_inverse=True)
    by_class = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    share = np.empty(len(train))  # of its class that comes no later than a sequence
    share[by_class] = (np.arange(len(train)) - starts + 0.5) / np.repeat(counts, counts)
    return shuffled[np.argsort(share, kind="stable")]


def _report(job: Job, fit: Fit) -> None:
    """Write a line about a fit to standard error."""
    scores = ", ".join(f"{name} {value:.3f}" for name, value in fit.scores.items())
    size = "" if job.whole else f" on {len(job.train):,} sequences"
    sys.stderr.write(
        f"fold {job.fold}, {job.name}{size}: {scores} ({fit.fit_time:.1f} s)\n"
    )


# --- results ------------------------------------------------------------------------------


def _collect(
    results: Sequence[tuple[Job, Fit]],
    lengths: NDArray[np.int64] | None,
    bins: LengthBins | None,
    *,
    curves: bool,
) -> Comparison:
    """Put the results of all fits into tables."""
    scores, fits, curve, binned = [], [], [], []
    first = _first_fits(results)
    for i, (job, fit) in enumerate(results):
        place = {"estimator": job.name, "fold": job.fold}
        rows = [place | {"metric": m, "score": value} for m, value in fit.scores.items()]
        size = {"train_size": len(job.train), "fit_time": fit.fit_time}
        curve += [row | size for row in rows]
        if not job.whole:
            continue
        scores += rows
        fits.append(place | _fit_row(job, fit, lengths) | {"first_call": i in first})
        if bins is None:
            continue
        for n, values in fit.by_bin.items():
            of_bin = place | {
                "shortest": bins.shortest[n],
                "longest": bins.longest[n],
                "n_sequences": int(np.sum(bins.bin_of[job.test] == n)),
            }
            binned += [of_bin | {"metric": m, "score": v} for m, v in values.items()]
    return Comparison(
        scores=pd.DataFrame(scores),
        fits=pd.DataFrame(fits),
        learning_curves=pd.DataFrame(curve) if curves else None,
        scores_by_length=None if bins is None else pd.DataFrame(binned),
    )


def _first_fits(results: Sequence[tuple[Job, Fit]]) -> set[int]:
    """Return the places of each estimator's first fit in each process.

    It also imports modules, compiles kernels and allocates memory.
    """
    earliest: dict[tuple[str, int], int] = {}
    for i, (job, fit) in enumerate(results):
        place = earliest.setdefault((job.name, fit.process), i)
        if fit.started < results[place][1].started:
            earliest[job.name, fit.process] = i
    return set(earliest.values())


def _fit_row(
    job: Job, fit: Fit, lengths: NDArray[np.int64] | None
) -> dict[str, float | int]:
    tested = None if lengths is None else lengths[job.test]
    return {
        "n_train": len(job.train),
        "n_test": len(job.test),
        "fit_time": fit.fit_time,
        "predict_time": fit.predict_time,
        "n_parameters": fit.n_parameters,
        "n_iter": fit.n_iter,
        "size": fit.size,
        "shortest": np.nan if tested is None else int(tested.min()),
        "longest": np.nan if tested is None else int(tested.max()),
    }
