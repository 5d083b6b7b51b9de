"""The private parts of scikit-learn that skrnn uses, all imported here.

A release of scikit-learn that moves or renames one of them breaks this file alone.
"""

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
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
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
    "check_sample_weight",
    "get_feature_names",
    "safe_indexing",
    "scorer_name",
    "validate_parameter_constraints",
]


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


def scorer_name(scorer: object) -> str:
    """Return the name of a scorer's metric, or of a function, else "score"."""
    metric = getattr(scorer, "_score_func", scorer)
    return getattr(metric, "__name__", "score")
