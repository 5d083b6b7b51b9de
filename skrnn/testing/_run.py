"""Which checks an estimator runs, one after the other or as tests of pytest."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Literal
from unittest import SkipTest

from sklearn.exceptions import EstimatorCheckFailedWarning, SkipTestWarning

from skrnn.data.steps import shown
from skrnn.testing._checks import (
    CHECKS,
    FIELD_CHECKS,
    check_fit,
    check_X_container,
    check_y_container,
)
from skrnn.testing._containers import X_CONTAINERS, Y_CONTAINERS
from skrnn.testing._data import INPUTS, TARGETS
from skrnn.testing._trial import Fitted, Setting

Check = Callable[[Any], None]


def check_sequence_estimator(
    estimator: Any,
    *,
    inputs: str | Iterable[str] = "auto",
    targets: str = "auto",
    strict: bool = False,
    expected_failed_checks: dict[str, str] | None = None,
    on_skip: Literal["warn"] | None = "warn",
    on_fail: Literal["raise", "warn"] | None = "raise",
    callback: Callable[..., None] | None = None,
) -> list[dict[str, Any]]:
    """Check that an estimator of sequences keeps what users of scikit-learn expect.

    The counterpart of :func:`sklearn.utils.estimator_checks.check_estimator` for sequences
    of unequal length, tokens, texts and frames of fields. Each check is named; one that
    cannot run is skipped with a reason. The estimator is cloned, with the random state 0.

    Parameters
    ----------
    estimator : estimator
        Not fitted, small enough to be fitted about 50 times for each kind of X.
    inputs : "auto" or list of str
        Kinds of X that ``fit`` must accept: "numbers" (arrays of two features),
        "zeros_and_ones", "series" (21 to 26 steps of one feature), "tokens" (lists of
        words), "texts" (strings) and "fields" (a frame of words, a number and a category).
        With "auto" each is tried, and one that ``fit`` refuses is skipped; of the first
        three only the first that it accepts.
    targets : {"auto", "none", "labels", "numbers", "token_sequences", "step_labels", \
            "step_numbers"}
        Kind of y. With "auto" it follows from the tags; an estimator that is neither
        classifier nor regressor is tried with each.
    strict : bool, default=False
        Whether every container of X must be accepted. Otherwise one that is refused is
        skipped, unless it is a list, a tuple, an object array or a Series.
    expected_failed_checks : dict, optional
        Name of a check → reason why it may fail. The name is that of the function, such as
        "check_errors_of_y", or with the kind, as in the results.
    on_skip : {"warn", None}
        Whether a skipped check is a warning, a ``SkipTestWarning``.
    on_fail : {"raise", "warn", None}
        Whether the first check that fails raises its error, or each is a warning, an
        ``EstimatorCheckFailedWarning``, or only in the results.
    callback : callable, optional
        Called with the entries of each result as keywords. Not with ``on_fail="raise"``.

    Returns
    -------
    results : list of dict
        One for each check, with the keys "estimator", "check_name", "exception", "status"
        ("passed", "failed", "xfail" or "skipped"), "expected_to_fail" and
        "expected_to_fail_reason". The reason of a skip is its exception.

    Raises
    ------
    Exception
        With ``on_fail="raise"``, that of the first check that fails.
    TypeError
        If the estimator is a class, or is not an estimator.
    ValueError
        If an argument has an unknown value, ``expected_failed_checks`` an unknown name, or
        ``callback`` is combined with ``on_fail="raise"``.

    See Also
    --------
    parametrize_with_sequence_checks : The same as tests of pytest.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.naive_bayes import MultinomialNB
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrnn.testing import check_sequence_estimator
    >>> results = check_sequence_estimator(
    ...     make_pipeline(CountVectorizer(), MultinomialNB()),
    ...     inputs=["texts"],
    ...     on_skip=None,
    ...     on_fail=None,
    ... )
    >>> [result["check_name"] for result in results if result["status"] == "failed"]
    ['check_errors_of_X_at_fit(texts)', ...]
    """
    for name, value, allowed in (
        ("on_skip", on_skip, ("warn", None)),
        ("on_fail", on_fail, ("raise", "warn", None)),
    ):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {allowed}, got {shown(value)}")
    if on_fail == "raise" and callback is not None:
        raise ValueError("callback cannot be combined with on_fail='raise'")
    expected = _check_expected(estimator, expected_failed_checks)
    results: list[dict[str, Any]] = []
    refused: set[str] = set()
    for check in sequence_checks(estimator, inputs, targets, strict):
        setting = check.keywords["setting"]
        if setting.inputs in refused:
            continue
        result = _run(check, estimator, expected)
        if result["status"] == "skipped":
            if check.func is check_fit:
                refused.add(setting.inputs)
            if on_skip == "warn":
                warnings.warn(
                    f"{result['check_name']} is skipped for {type(estimator).__name__}: "
                    f"{result['exception']}",
                    SkipTestWarning,
                    stacklevel=2,
                )
        elif result["status"] == "failed":
            if on_fail == "raise":
                raise result["exception"]
            if on_fail == "warn":
                warnings.warn(EstimatorCheckFailedWarning(**result), stacklevel=2)
        results.append(result)
        if callback is not None:
            callback(**result)
    if all(result["status"] == "skipped" for result in results):
        reasons = "; ".join(str(result["exception"]) for result in results)
        raise ValueError(f"fit accepts no kind of X. {reasons[:800]}")
    return results


def _run(
    check: partial[None], estimator: Any, expected: dict[str, str]
) -> dict[str, Any]:
    name, status = name_of(check), "passed"
    exception: Exception | None = None
    reason = expected.get(name, expected.get(check.func.__name__))
    try:
        check(estimator)
    except SkipTest as error:
        status, exception = "skipped", error
    except Exception as error:
        status, exception = "failed" if reason is None else "xfail", error
    return {
        "estimator": estimator,
        "check_name": name,
        "exception": exception,
        "status": status,
        "expected_to_fail": reason is not None,
        "expected_to_fail_reason": reason or "Check is not expected to fail",
    }


def parametrize_with_sequence_checks(
    estimators: Iterable[Any],
    *,
    inputs: str | Iterable[str] | Callable[[Any], Any] = "auto",
    targets: str | Callable[[Any], str] = "auto",
    strict: bool = False,
    expected_failed_checks: Callable[[Any], dict[str, str]] | None = None,
    xfail_strict: bool | None = None,
) -> Any:
    """Parametrize a test of pytest with estimators and the checks of sequences.

    Parameters
    ----------
    estimators : list of estimators
        As for `check_sequence_estimator`.
    inputs : "auto", list of str, or callable
        As for `check_sequence_estimator`; a callable gives them for an estimator.
    targets : str or callable
        As for `check_sequence_estimator`; a callable gives it for an estimator.
    strict : bool, default=False
        As for `check_sequence_estimator`.
    expected_failed_checks : callable, optional
        Gives, for an estimator, the names of checks that may fail → the reasons.
    xfail_strict : bool, optional
        Whether a check that is expected to fail and passes is a failure; by default as
        pytest is configured.

    Returns
    -------
    decorator : pytest.mark.parametrize
        Of a test with the arguments ``estimator`` and ``check``.

    Raises
    ------
    TypeError
        If one is a class, or is not an estimator.
    ValueError
        If ``inputs`` or ``targets`` has an unknown kind, or ``expected_failed_checks`` an
        unknown name.

    See Also
    --------
    check_sequence_estimator : The same without pytest.

    Examples
    --------
    >>> from skrnn import SequenceTagger
    >>> from skrnn.testing import parametrize_with_sequence_checks
    >>> @parametrize_with_sequence_checks([SequenceTagger(hidden_size=4, max_epochs=2)])
    ... def test_the_tagger_keeps_its_promises(estimator, check):
    ...     check(estimator)
    """
    import pytest

    parameters = []
    for estimator in estimators:
        expected = _check_expected(
            estimator, expected_failed_checks and expected_failed_checks(estimator)
        )
        kinds = inputs(estimator) if callable(inputs) else inputs
        wanted = targets(estimator) if callable(targets) else targets
        for check in sequence_checks(estimator, kinds, wanted, strict):
            name = name_of(check)
            reason = expected.get(name, expected.get(check.func.__name__))
            marks: tuple[Any, ...] = ()
            if reason is not None:
                mark = pytest.mark.xfail(reason=reason)
                if xfail_strict is not None:
                    mark = pytest.mark.xfail(reason=reason, strict=xfail_strict)
                marks = (mark,)
            label = f"{_label(estimator)}-{name}"
            parameters.append(pytest.param(estimator, check, marks=marks, id=label))
    return pytest.mark.parametrize(("estimator", "check"), parameters)


def _label(estimator: Any) -> str:
    """Return the names of an estimator and, in a pipeline, of its steps."""
    steps = getattr(estimator, "steps", None)
    if steps is None:
        return type(estimator).__name__
    return "+".join(type(step).__name__ for _, step in steps)


def name_of(check: partial[None]) -> str:
    """Return the name of a check with the kind of X and the container."""
    details = [check.keywords["setting"].inputs]
    details += [value for name, value in check.keywords.items() if name == "container"]
    return f"{check.func.__name__}({', '.join(details)})"


def _check_expected(estimator: Any, reasons: dict[str, str] | None) -> dict[str, str]:
    """Return why checks may fail; a name that no check has is a ValueError."""
    if not reasons:
        return {}
    checks = list(sequence_checks(estimator, "auto", "auto", strict=False))
    functions = dict.fromkeys(check.func.__name__ for check in checks)
    unknown = sorted(set(reasons) - {name_of(check) for check in checks} - set(functions))
    if unknown:
        raise ValueError(
            f"expected_failed_checks must have names among {list(functions)}, each alone "
            f"or as in the results, such as 'check_fit(numbers)'; got {unknown}"
        )
    return reasons


def _check_estimator(estimator: Any) -> None:
    """Raise a TypeError unless this is an estimator."""
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator is the class {estimator.__name__}, pass an instance of it"
        )
    missing = [m for m in ("fit", "get_params") if not hasattr(estimator, m)]
    if missing:
        raise TypeError(
            "estimator must be a scikit-learn estimator, with the methods fit and "
            f"get_params, got {shown(estimator)}"
        )


def sequence_checks(
    estimator: Any, inputs: str | Iterable[str], targets: str, strict: bool
) -> Iterator[partial[None]]:
    """Yield the checks of an estimator, each a function of it."""
    _check_estimator(estimator)
    required = inputs != "auto"
    if isinstance(inputs, str) and required:
        raise ValueError(f"inputs must be 'auto' or a list of kinds, got {inputs!r}")
    kinds = list(INPUTS) if inputs == "auto" else list(inputs)
    unknown = sorted(set(kinds) - set(INPUTS))
    if unknown or not kinds:
        raise ValueError(f"inputs must be among {list(INPUTS)}, got {unknown or kinds}")
    if targets != "auto" and targets not in TARGETS:
        raise ValueError(
            f"targets must be 'auto' or among {list(TARGETS)}, got {targets!r}"
        )
    fitted: dict[str, Fitted] = {}
    for kind in kinds:
        setting = Setting(kind, targets, required, strict, fitted)
        for function in CHECKS:
            yield partial(function, setting=setting)
        if kind == "fields":
            for function in FIELD_CHECKS:
                yield partial(function, setting=setting)
        for container in X_CONTAINERS[kind]:
            yield partial(check_X_container, setting=setting, container=container)
        if kind == kinds[0] or not required:  # y does not depend on the kind of X
            for container in Y_CONTAINERS:
                yield partial(check_y_container, setting=setting, container=container)
