"""An estimator under test, fitted once to data of one kind."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from unittest import SkipTest

from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from skrnn.testing._data import BY_STEP, INPUTS, NUMERIC, targets_for


@dataclass(frozen=True)
class Fitted:
    """A trial, or why there is none, with the estimator and the parameters it was made of."""

    estimator: Any
    parameters: dict[str, Any]
    outcome: Trial | Exception

    def is_of(self, estimator: Any, parameters: dict[str, Any]) -> bool:
        """Return whether this estimator, with these parameters, was fitted."""
        return (
            self.estimator is estimator
            and self.parameters.keys() == parameters.keys()
            and all(self.parameters[name] is parameters[name] for name in parameters)
        )


@dataclass(frozen=True)
class Setting:
    """Kinds of X and y that an estimator is checked with.

    Attributes
    ----------
    inputs, targets : str
        A kind of X, and a kind of y or "auto".
    required : bool
        Whether the estimator must accept this kind of X; otherwise a refusal is a reason
        to skip.
    strict : bool
        Whether it must accept every container.
    fitted : dict
        Kind of X → the trial that the checks of one run share.
    """

    inputs: str
    targets: str = "auto"
    required: bool = False
    strict: bool = False
    fitted: dict[str, Fitted] = field(default_factory=dict, compare=False, repr=False)


class Trial:
    """An estimator with data that suit it.

    Attributes
    ----------
    estimator : estimator
        A clone with a fixed random state, not fitted.
    X, y : the data of the setting.
    """

    def __init__(self, estimator: Any, setting: Setting, targets: str) -> None:
        self.estimator = seeded(estimator)
        self.inputs, self.targets = setting.inputs, targets
        self.X = INPUTS[setting.inputs]()
        self.y = targets_for(targets, self.X)
        self.model = self.fit()

    def new(self) -> Any:
        """Return another clone, not fitted."""
        return clone(self.estimator)

    def fit(self, X: Any = ..., y: Any = ..., **arguments: Any) -> Any:
        """Return a fitted clone; X and y are by default those of the setting."""
        X, y = (self.X if X is ... else X), (self.y if y is ... else y)
        return fit(self.new(), X, y, **arguments)

    def targets_of(self, X: Any) -> Any:
        """Return y of the right kind for other sequences."""
        return targets_for(self.targets, X)

    @property
    def by_step(self) -> bool:
        """Whether y has one entry for each step."""
        return self.targets in BY_STEP

    @property
    def takes_weights(self) -> bool:
        """Whether ``fit`` accepts weights of sequences."""
        return has_fit_parameter(self.estimator, "sample_weight")


def fit(model: Any, X: Any, y: Any, **arguments: Any) -> Any:
    """Fit an estimator to X, and to y where there is one, and return it."""
    model.fit(X, *([] if y is None else [y]), **arguments)
    return model


def seeded(estimator: Any) -> Any:
    """Return a clone whose random states are the number 0."""
    model = clone(estimator)
    names = [name for name in model.get_params() if is_random_state(name)]
    return model.set_params(**dict.fromkeys(names, 0))


def is_random_state(name: str) -> bool:
    """Return whether a parameter, of the estimator or a part of it, is a random state."""
    return name.rpartition("__")[2] == "random_state"


def candidate_targets(estimator: Any) -> list[str]:
    """Return the kinds of y that an estimator may want, by its tags."""
    if is_classifier(estimator):
        return ["labels"]
    if is_regressor(estimator):
        return ["numbers"]
    if not get_tags(estimator).target_tags.required:
        return ["none"]
    return ["token_sequences", "step_labels", "step_numbers", "labels", "numbers"]


def trial_of(estimator: Any, setting: Setting) -> Trial:
    """Return an estimator fitted to data of a setting; the checks of one run share it.

    Raises
    ------
    SkipTest
        If the estimator refuses this kind of X and may do so.
    """
    if not setting.required and setting.inputs in NUMERIC:
        for inputs in NUMERIC[: NUMERIC.index(setting.inputs)]:
            if isinstance(_known(estimator, replace(setting, inputs=inputs)), Trial):
                raise SkipTest(f"the checks use {inputs}, which fit accepts, instead")
    trial = _known(estimator, setting)
    if isinstance(trial, Trial):
        return trial
    if setting.required:
        raise trial
    raise SkipTest(
        f"fit refuses {setting.inputs}: {type(trial).__name__}: {str(trial)[:200]}"
    )


def _known(estimator: Any, setting: Setting) -> Trial | Exception:
    """Return the outcome of fitting an estimator to a setting, once in a run of the checks."""
    parameters = estimator.get_params()
    known = setting.fitted.get(setting.inputs)
    if known is None or not known.is_of(estimator, parameters):
        known = Fitted(estimator, parameters, _attempt(estimator, setting))
        setting.fitted[setting.inputs] = known
    return known.outcome


def _attempt(estimator: Any, setting: Setting) -> Trial | Exception:
    """Return a trial with the first kind of y that is accepted, or the last refusal."""
    targets = [setting.targets]
    if setting.targets == "auto":
        targets = candidate_targets(estimator)
    refusal: Exception = ValueError("no kind of y suits the estimator")
    for kind in targets:
        try:
            return Trial(estimator, setting, kind)
        except Exception as error:
            refusal = error
    return refusal
