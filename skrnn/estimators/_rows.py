"""One row a parameter: default, constraint, documentation, part of the architecture.

A group of parameters is a dataclass of keyword-only fields, each made by ``parameter``.
An estimator inherits its groups and redeclares the defaults in which it differs;
``estimator`` generates its ``__init__`` from them, which stores its arguments and does
nothing else, and the Parameters section of its docstring. Validation reads the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from numbers import Integral, Real
from operator import attrgetter
from textwrap import fill, indent
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from skrnn._sklearn import (
    Interval,
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)

#: The groups of a docstring's Parameters section, in their order.
GROUPS = ("network", "inputs", "training", "stopping", "other")

#: Characters of a message about a parameter's value.
MAX_CHARACTERS = 450

#: A group of parameters. Identity, hash and repr stay scikit-learn's.
parameters = dataclass(kw_only=True, eq=False, repr=False)


class OneOf(NamedTuple):
    """A constraint: a name in one of the tables of variants, read at each validation.

    A row that is added to a table at run time is an allowed value at once.
    """

    table: Iterable[str]
    more: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Allowed names, the additional ones first."""
        return [*self.more, *self.table]


class Row(NamedTuple):
    """Constraints and documentation of a parameter."""

    constraints: list[Any]
    kind: str
    text: str
    architecture: bool


def parameter(
    default: Any,
    constraints: list[Any],
    text: str,
    *,
    kind: str | None = None,
    architecture: bool = False,
    positional: bool = False,
) -> Any:
    """Return the field of a parameter.

    Parameters
    ----------
    default : object
    constraints : list
        As scikit-learn's ``_parameter_constraints``, and ``OneOf``.
    text : str
        Documentation. ``<name>`` stands for a constant of the class.
    kind : str, optional
        Type in the docstring; of ``OneOf`` its names.
    architecture : bool
        Whether a network that is built cannot change it.
    positional : bool
        Whether it may be passed without its name.
    """
    if kind is None:
        names = [f'"{n}"' for c in constraints if isinstance(c, OneOf) for n in c.names]
        kind = f"{{{', '.join(names)}}}" + (" or None" if None in constraints else "")
    return field(
        default=default,
        kw_only=not positional,
        metadata={"row": Row(constraints, kind, " ".join(text.split()), architecture)},
    )


def rows_of(cls: Any) -> dict[str, Row]:
    """Return the row of each parameter of a class, in the order of its signature."""
    return _rows_of(cls)


@cache
def _rows_of(cls: Any) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for one in fields(cls):
        for base in cls.__mro__:
            declared = vars(base).get("__dataclass_fields__", {}).get(one.name)
            if declared is not None and "row" in declared.metadata:
                found[one.name] = declared.metadata["row"]
                break
    return found


def groups_of(cls: type) -> dict[str, list[str]]:
    """Return the names of a class's parameters by group, in the order of ``GROUPS``."""
    by_group: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name in rows_of(cls):
        owner = next(
            base
            for base in reversed(cls.__mro__)
            if name in vars(base).get("__annotations__", {}) and "_group" in vars(base)
        )
        by_group[vars(owner)["_group"]].append(name)
    return by_group


def architecture_of(estimator: Any) -> dict[str, Any]:
    """Return the parameters that a network is built from, by name."""
    return {
        name: getattr(estimator, name)
        for name, row in rows_of(type(estimator)).items()
        if row.architecture
    }


def check_parameters(
    estimator: Any, names: Iterable[str] | None = None, caller: str | None = None
) -> None:
    """Raise an InvalidParameterError, a ValueError, for a value out of its range."""
    rows = rows_of(type(estimator))
    chosen = rows if names is None else {name: rows[name] for name in names}
    check_values(
        {name: row.constraints for name, row in chosen.items()},
        {name: getattr(estimator, name) for name in chosen},
        caller or type(estimator).__name__,
    )


def check_values(
    constraints: Mapping[str, list[Any]], values: Mapping[str, Any], caller: str
) -> None:
    """Raise an InvalidParameterError for a value that meets none of its constraints."""
    for name, value in values.items():
        if isinstance(value, bool | np.bool_) and _is_number(constraints[name]):
            raise InvalidParameterError(
                f"The {name!r} parameter of {caller} must be a number, got {value}"
            )
        _check_machine_number(value, name, caller)
    allowed = {
        name: [StrOptions(set(c.names)) if isinstance(c, OneOf) else c for c in each]
        for name, each in constraints.items()
    }
    try:
        validate_parameter_constraints(allowed, dict(values), caller_name=caller)
    except InvalidParameterError as error:
        text = str(error)
        if len(text) <= MAX_CHARACTERS:
            raise
        cut = f"{text[: MAX_CHARACTERS - 60]}...{text[-40:]}"  # a long value ends it
        raise InvalidParameterError(cut) from None


def _is_number(constraints: list[Any]) -> bool:
    """Return whether a parameter is a number, for which a bool would pass as 0 or 1."""
    return any(isinstance(c, Interval) for c in constraints)


def _check_machine_number(value: Any, name: str, caller: str) -> None:
    """Raise a ValueError for a real number that NumPy cannot hold, such as a fraction."""
    if not isinstance(value, Real) or isinstance(value, float | np.number):
        return
    if not isinstance(value, Integral):
        raise InvalidParameterError(
            f"The {name!r} parameter of {caller} must be an int or a float, got "
            f"{type(value).__name__}"
        )
    if abs(int(value)) > np.iinfo(np.int64).max:
        raise InvalidParameterError(
            f"The {name!r} parameter of {caller} is an integer outside int64"
        )


#: The attributes that all estimators have.
ATTRIBUTES = """\
net_ : SequenceNet, or EnsembleNet with several members
    The trained skorch net; ``net_.module_`` is the torch network.
estimators_ : list
    The members of an ensemble, each as a fitted estimator of its own; of a single
    network itself.
n_features_in_ : int
    Columns of a 2-D X, else features of a step; absent for tokens.
feature_names_in_ : ndarray of shape (n_features_in_,)
    Column names, where X was a frame whose columns all have string names.
field_roles_ : dict
    Column → "tokens", "features" or "time" (of steps), or "number" or "category" (static);
    absent unless X was a frame of fields.
vocabulary_ : dict
    Token → id; absent for numeric sequences.
tokenizer_ : object
    What splits strings of X, with ``split`` and ``join``; absent for numeric sequences.
n_parameters_ : int
    Trained numbers of the network.
n_iter_ : int
    Epochs of the last ``fit``; ``history_`` has those of all since the network was built.
batch_size_ : int
    Sequences in an update of the last training.
lr_ : float
    Its highest learning rate.
history_ : DataFrame
    One row an epoch: train_loss (with label smoothing and dropout), valid_loss,
    train_score, valid_score, lr, gradient_norm and max_gradient_norm (before clipping),
    skipped_updates, seconds, and what callbacks record; of an ensemble one an epoch and
    ``member``. NaN where nothing was held out,
    or without ``scoring``."""
#: The sentence that stands for them in a source.
ATTRIBUTES_LINE = re.compile(r"    Common: net_, [^.]*\.")


def estimator(cls: Any) -> Any:
    """Make a final estimator: generate its signature and its docstring's parameters."""
    cls = parameters(cls)
    _own_public_methods(cls)
    source = ATTRIBUTES_LINE.sub(indent(ATTRIBUTES, "    "), cls.__doc__ or "")
    section = re.compile(r"(    Parameters\n    -+\n).*?(?=\n\n    [A-Z])", re.DOTALL)
    text = "\n".join(documented_rows(cls))
    cls.__doc__ = section.sub(lambda found: found[1] + indent(text, "    "), source, 1)
    return cls


def _own_public_methods(cls: Any) -> None:
    """Give a class its task's public methods under its own name.

    Python names a method by the class that defines it: an error about a missing argument
    would name an abstract class that users do not know.
    """
    for name in dir(cls):
        method = getattr(cls, name)
        if name.startswith("_") or not isinstance(method, FunctionType):
            continue
        if method.__module__.startswith("skrnn."):
            own = FunctionType(
                method.__code__,
                method.__globals__,
                name,
                method.__defaults__,
                method.__closure__,
            )
            vars(own).update(vars(method))
            own.__kwdefaults__ = method.__kwdefaults__
            own.__annotations__ = method.__annotations__
            own.__doc__, own.__module__ = method.__doc__, method.__module__
            own.__qualname__ = f"{cls.__qualname__}.{name}"
            setattr(cls, name, own)


def documented_rows(cls: Any) -> Iterable[str]:
    """Yield the lines of a numpydoc Parameters section, group after group."""
    rows = rows_of(cls)
    defaults = {one.name: one.default for one in fields(cls)}
    for names in groups_of(cls).values():
        for name in names:
            default = defaults[name]
            shown = f'"{default}"' if isinstance(default, str) else repr(default)
            yield f"{name} : {rows[name].kind}, default={shown}"
            text = re.sub(r"<([\w.]+)>", lambda m: _constant(cls, m[1]), rows[name].text)
            yield indent(fill(text, 84, break_on_hyphens=False), "    ")


def _constant(cls: Any, name: str) -> str:
    value = attrgetter(name)(cls)
    return f"{value:,}" if isinstance(value, int) else str(value)


def config_of(estimator: Any, group: type) -> dict[str, Any]:
    """Return the values of a group's parameters, which are a network's arguments."""
    return {one.name: getattr(estimator, one.name) for one in fields(group)}
