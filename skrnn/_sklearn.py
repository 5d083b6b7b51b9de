"""The private parts of scikit-learn that skrnn uses, all imported here.

A release of scikit-learn that moves or renames one of them breaks this file alone. Scorers
are made here too, with messages that fit on a line.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from inspect import signature
from typing import Any

from sklearn import get_config, metrics
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import _check_feature_names as check_feature_names
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _get_feature_names as get_feature_names

__all__ = [
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "SequenceOf",
    "SubclassOf",
    "StrOptions",
    "check_feature_names",
    "check_feature_names_in",
    "check_method_params",
    "check_scoring",
    "get_feature_names",
    "restored_on_failure",
    "safe_indexing",
    "scorer_name",
    "takes_weights",
    "validate_parameter_constraints",
]


@contextmanager
def restored_on_failure(estimator: object) -> Iterator[None]:
    """Put the attributes of an estimator back as they were if the block fails."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


class SequenceOf(HasMethods):
    """A constraint: a list, tuple or array whose elements all satisfy another one.

    With ``distinct`` none may come twice. It extends ``HasMethods`` because scikit-learn
    accepts only its own constraints.
    """

    def __init__(
        self,
        element: Interval | type[object],
        min_size: int = 1,
        *,
        distinct: bool = False,
    ):
        super().__init__(["__iter__", "__len__"])
        self.element = element
        self.min_size = min_size
        self.distinct = distinct

    def is_satisfied_by(self, val: object) -> bool:
        """Return whether ``val`` is long enough and each of its elements is allowed."""
        if isinstance(val, str) or not super().is_satisfied_by(val):
            return False
        elements = list(val)  # type: ignore[call-overload]
        if len(elements) < self.min_size:
            return False
        if self.distinct and any(one in elements[:i] for i, one in enumerate(elements)):
            return False
        if isinstance(self.element, type):
            return all(isinstance(one, self.element) for one in elements)
        return all(self.element.is_satisfied_by(one) for one in elements)

    def __str__(self) -> str:
        distinct = " without repeats" if self.distinct else ""
        if self.element is object:
            return f"a list of at least {self.min_size}{distinct}"
        return f"a sequence of at least {self.min_size}{distinct} of: {self.element}"


class SubclassOf(HasMethods):
    """A constraint: a class that derives from another one."""

    def __init__(self, base: type):
        super().__init__([])
        self.base = base

    def is_satisfied_by(self, val: object) -> bool:
        """Return whether ``val`` is a subclass."""
        return isinstance(val, type) and issubclass(val, self.base)

    def __str__(self) -> str:
        return f"a class of {self.base.__module__}.{self.base.__qualname__}"


def check_scoring(estimator: object, scoring: Any, more: Collection[str] = ()) -> Any:
    """Return the scorer of any ``scoring`` of scikit-learn.

    ``more`` are names beside those of scikit-learn, for the message.

    Raises
    ------
    TypeError
        If it is of no kind that scikit-learn takes, or if a metric of a dict is not.
    ValueError
        If it holds a name that is not a metric; the message names similar ones.
    """
    kinds = "a metric's name or a callable"
    if isinstance(scoring, Mapping | list | tuple | set) and not scoring:
        raise ValueError("scoring is empty, expected at least one metric")
    if isinstance(scoring, Mapping):
        entries = {f"scoring[{name!r}]": metric for name, metric in scoring.items()}
    elif isinstance(scoring, list | tuple | set):
        names = [metric for metric in scoring if isinstance(metric, str)]
        entries = {f"{name!r} in scoring": name for name in names}
    else:
        entries = {} if scoring is None else {"scoring": scoring}
        kinds = "a metric's name, a callable, a list or dict of those, or None"
    for place, metric in entries.items():
        if isinstance(metric, str):
            _check_metric(place, metric, more)
        elif not callable(metric):
            raise TypeError(f"{place} must be {kinds}, got {type(metric).__name__}")
    return metrics.check_scoring(estimator, scoring)


def takes_weights(scorer: Any, n_classes: int = 0) -> bool:
    """Return whether a scorer takes ``sample_weight``: its metric, or the user's function.

    A scorer whose metadata request refuses them does not.
    """
    try:
        parameters = signature(getattr(scorer, "_score_func", scorer)).parameters
    except ValueError:  # some of C
        return False
    if "sample_weight" not in parameters:
        return False
    if getattr(scorer, "_kwargs", {}).get("multi_class") == "ovo" and n_classes > 2:
        return False  # roc_auc_score has the parameter, and raises
    if not get_config()["enable_metadata_routing"] or not hasattr(scorer, "_score_func"):
        return True
    requests = scorer.get_metadata_routing().score.requests
    return requests.get("sample_weight") is not False


def _check_metric(place: str, name: str, more: Collection[str]) -> None:
    """Raise a ValueError that names similar metrics unless ``name`` is one."""
    known = metrics.get_scorer_names()
    if name in known:
        return
    similar = get_close_matches(name.lower(), [*more, *known], cutoff=0.5)
    initials = {each: "".join(word[0] for word in each.split("_")) for each in known}
    similar += [
        each
        for each in known
        if len(name) > 2 and initials[each].endswith(name.lower()) and each not in similar
    ]
    meant = f"; did you mean {' or '.join(map(repr, similar[:4]))}?" if similar else ";"
    got = "" if repr(name) in place else f"={name[:80]!r}"
    beside = f" beside {' and '.join(map(repr, more))}" if more else ""
    raise ValueError(
        f"{place}{got} is not a metric of scikit-learn{meant} "
        f"sklearn.metrics.get_scorer_names() lists all{beside}"
    )


def scorer_name(scorer: object) -> str:
    """Return the name of a scorer's metric, or of a function, else "score"."""
    metric = getattr(scorer, "_score_func", scorer)
    return getattr(metric, "__name__", "score")
