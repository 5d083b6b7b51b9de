"""The shell of every estimator around its parts: validate, encode, train, predict.

An estimator has ``Inputs``, ``Targets``, a network, a loss and a training loop, which is in
``_training``. Four hooks say which; public methods are defined in the mixin of each task.
Nothing here knows a kind of X, of y or of network.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skrnn._callbacks import (
    CallbackSupportMixin,
    callback_management_context,
)
from skrnn._sklearn import check_feature_names, restored_on_failure, safe_indexing
from skrnn._versions import VersionMixin
from skrnn._warnings import warn
from skrnn.data.containers import CheckedSequences, check_same_form
from skrnn.data.encoded import EncodedSequences
from skrnn.data.holdout import draw_held_out, keep_groups
from skrnn.data.inputs import Inputs
from skrnn.data.steps import shown
from skrnn.data.targets import CheckedData, check_weights, listed
from skrnn.data.tokenizers import comparable_tokenizer
from skrnn.data.values import label_array
from skrnn.estimators._loop import history_frame
from skrnn.estimators._pickling import state_from_pickle, state_to_pickle
from skrnn.estimators._resuming import draw_from, open_checkpoints
from skrnn.estimators._rows import architecture_of, check_parameters
from skrnn.estimators._training import TrainableEstimator
from skrnn.modules.modes import in_usual_modes
from skrnn.training.dataset import EncodedDataset
from skrnn.training.ensemble import EnsembleNet
from skrnn.training.interrupts import Interrupts
from skrnn.training.seeding import Seeds, draw_seed

if TYPE_CHECKING:
    from skrnn.training.checkpoint import Checkpoint

#: Sequences below which none are held out.
MIN_SEQUENCES_TO_SPLIT = 10
#: Attributes that a fit sets only for some kinds of X and y.
OPTIONAL_ATTRIBUTES = (
    *("n_features_in_", "field_roles_", "vocabulary_", "target_vocabulary_"),
    *("classes_", "window_", "_calibration"),
)


class Validation(NamedTuple):
    """The held-out data that a user passes to ``fit``.

    Without any, early stopping holds out some sequences, if they ``may_be_drawn``.
    """

    X: Any = None
    y: Any = None
    weight: Any = None
    may_be_drawn: bool = True


class BaseSequenceEstimator(VersionMixin, CallbackSupportMixin, TrainableEstimator):
    """Abstract base of the estimators that train a network on sequences."""

    _doc_link_module = "skrnn"
    _doc_link_template = (
        "https://skrnn.readthedocs.io/en/latest/generated/skrnn.{estimator_name}.html"
    )
    #: The part that reads X.
    _inputs_class: ClassVar[Any] = Inputs
    #: Arguments of that part that are not parameters of the estimator.
    _input_options: ClassVar[dict[str, Any]] = {}

    #: Parameters that not every estimator has.
    missing: Any = None
    word_dropout: float = 0.0

    random_state: Any
    _fitted_parameters: dict[str, Any]

    # --- fitting ---------------------------------------------------------------------

    @in_usual_modes
    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: Validation,
        *,
        classes: Any = None,
        in_parts: bool = False,
        stage: str | None = None,
        user_X: Any = None,
    ) -> None:
        """Train; with ``in_parts`` one pass at a constant rate, for ``partial_fit``.

        ``stage`` is what a checkpoint calls a training before that of the estimator, and
        ``user_X`` what callbacks see as X, where X was parsed before.
        """
        warm = self.__sklearn_is_fitted__() and (in_parts or self.warm_start)
        interrupts = Interrupts(self.on_interrupt == "keep")
        with interrupts, self._restored_on_failure(warm):
            if not warm:
                self._inputs = self._make_inputs()
            train = self._check_data(X, y, sample_weight, warm)
            held_out = None if in_parts else self._check_validation(validation, train)
            every = train
            net = self.net_ if warm else None
            checkpoints: list[Checkpoint | None] = [None] * self.n_estimators
            if not in_parts:
                checkpoints = open_checkpoints(self, train, held_out, net, stage)
            seeds = draw_from(checkpoints, self.random_state)
            stops = self._stops_early(held_out is not None) and not in_parts
            if stops and held_out is None and validation.may_be_drawn:
                train, held_out = self._hold_out(train, seeds)
                if held_out is not None and self._has_new_tokenizer():
                    parts = every, train, held_out
                    every, train, held_out = self._tokenize_again(X, y, *parts)
            if self.scoring is not None and held_out is None and not in_parts:
                warn(
                    f"scoring={shown(self.scoring)} is not used: nothing is held out. Pass "
                    "X_val and y_val, or early_stopping=True",
                )
            if not warm:
                self._fit_parts(train, every, classes)
                if self.word_dropout and self._inputs.token_ids is None:
                    warn(f"word_dropout={self.word_dropout} is not used: X has no tokens")
            self._targets.observe(train)
            if held_out is not None:
                self._inputs.check_form(held_out.X, estimator=self, name="X_val")
            if user_X is not None:
                every = replace(every, raw=(user_X, y))
            with callback_management_context(self):
                plan = self._plan(
                    train, held_out, every, warm=warm, stops=stops, in_parts=in_parts
                )
                self._train(
                    plan, seeds, checkpoints, interrupts, is_part=stage is not None
                )

    @contextmanager
    def _restored_on_failure(self, warm: bool) -> Iterator[None]:
        """Put everything back as it was if fitting fails or is interrupted."""
        targets = self._targets if warm else None
        learned = dict(vars(targets)) if warm else {}  # training may widen it
        net: Any = self.net_ if warm else None
        trained = None if net is None else net.snapshot()
        random = self.random_state
        drawn = random.get_state() if isinstance(random, np.random.RandomState) else None
        try:
            with restored_on_failure(self):
                check_parameters(self)
                if self.scoring is not None:
                    self._scorer()
                if warm:
                    self._check_unchanged()
                else:  # what is learned now depends on nothing learned before
                    self.__dict__.pop("net_", None)
                yield
        except BaseException:
            if drawn is not None:  # the same fit resumes from its checkpoint
                random.set_state(drawn)
            if trained is not None:
                vars(targets).update(learned)
                net.restore(trained)
            raise

    def _check_unchanged(self) -> None:
        """Raise a ValueError if the network was built with other parameters."""
        for name, built_with in self._fitted_parameters.items():
            value = getattr(self, name)
            if not _equal(value, built_with):
                raise ValueError(
                    f"{name} was {shown(built_with)} when the network was built and is "
                    f"{shown(value)} now; warm_start and partial_fit continue with that network"
                )

    def _make_inputs(self) -> Any:
        given, part = self.get_params(deep=False), self._inputs_class
        options = {name: given[name] for name in part.PARAMETERS if name in given}
        return part(**options, **self._input_options)

    def _check_data(self, X: Any, y: Any, sample_weight: Any, warm: bool) -> CheckedData:
        if y is None and self._needs_y:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the "
                "target y is None"
            )
        checked = self._inputs.check(X, estimator=self)
        if warm:
            checked = self._inputs.check_like_fit(checked, estimator=self)
        else:
            self._inputs.keep_columns(checked)
            named = None if checked.form.kind == "tokens" else checked.named
            check_feature_names(self, named, reset=True)
            self._targets = self._make_targets(checked, y)
        return self._check_targets(checked, X, y, sample_weight)

    def _renew_targets(self) -> None:
        """Give the targets the parameters that may change after a fit."""
        check_parameters(self, self._targets.changeable)
        for name in self._targets.changeable:
            setattr(self._targets, name, getattr(self, name))

    def _check_targets(
        self, checked: CheckedSequences, X: Any, y: Any, weight: Any, suffix: str = ""
    ) -> CheckedData:
        """Validate y and weights of validated sequences; ``suffix`` ends their names."""
        self._renew_targets()
        data = CheckedData(
            checked,
            self._targets.check(y, checked, f"y{suffix}"),
            check_weights(weight, len(checked.steps), f"sample_weight{suffix}"),
            (X, y),
            name=f"y{suffix}",
        )
        if self._inputs.keeps_empty or self._targets.by_step:
            return data.without_empty()
        return data

    def _check_validation(
        self, given: Validation, train: CheckedData
    ) -> CheckedData | None:
        if given.X is None and given.y is None:
            if given.weight is not None:
                raise ValueError("sample_weight_val needs held-out data: pass X_val, too")
            return None
        if given.X is None or (given.y is None and self._needs_y):
            raise ValueError("X_val and y_val must be passed together")
        X = self._inputs.check(given.X, estimator=self, name="X_val")
        if X.named is not None:
            check_feature_names(self, X.named, reset=False)
        if len(X.steps.values):  # sequences without steps are of any form
            check_same_form(X, train.X.form, estimator=self, name="X_val")
        return self._check_targets(X, given.X, given.y, given.weight, "_val")

    @property
    def _always_stops_early(self) -> bool:
        """Whether early stopping was asked for, whatever is held out."""
        return self.early_stopping != "auto" and bool(self.early_stopping)

    def _stops_early(self, validation_given: bool) -> bool:
        if self.early_stopping == "auto":
            return validation_given
        return bool(self.early_stopping)

    def _hold_out(
        self, data: CheckedData, seeds: Seeds
    ) -> tuple[CheckedData, CheckedData | None]:
        """Split a validation part off; of each label something stays in training.

        Sequences of weight 0 stay there, too: they cost nothing, and measure nothing.
        """
        places, y = np.arange(len(data)), data.y
        if data.weight is not None and not data.weight.all():
            places = np.flatnonzero(data.weight)
            y = y.take(places)
        n, weighted = len(places), "" if y is data.y else " of some weight"
        n_held_out = max(1, round(self.validation_fraction * n))
        if n_held_out >= n >= MIN_SEQUENCES_TO_SPLIT:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} holds out all of "
                f"{n} sequences{weighted}"
            )
        if n < MIN_SEQUENCES_TO_SPLIT:
            warn(
                f"early_stopping is ignored: {n} sequences{weighted} are too few to hold "
                "some out"
            )
            return data, None
        groups, strata = self._targets.groups(y), self._targets.strata(y)
        if self.validation_strategy == "last":
            held_out = keep_groups(np.arange(n)[-n_held_out:], groups)
        else:
            random = np.random.RandomState(seeds.draw())
            held_out = draw_held_out(groups, strata, n, n_held_out, random)
        if not len(held_out):
            return data, None
        held_out = places[held_out]
        train = np.setdiff1d(np.arange(len(data)), held_out)
        scored = self.scoring is not None
        validation = replace(data.take(held_out, with_raw=scored), split_off=True)
        return data.take(train, with_raw=False), validation

    def _has_new_tokenizer(self) -> bool:
        """Return whether a tokenizer was trained on X or y, held-out texts among them."""
        parts = self._inputs, self._targets
        return any(getattr(part, "has_new_tokenizer", False) for part in parts)

    def _tokenize_again(
        self,
        X: Any,
        y: Any,
        every: CheckedData,
        train: CheckedData,
        held_out: CheckedData,
    ) -> tuple[CheckedData, CheckedData, CheckedData]:
        """Return the data, its training part and the held-out one, read anew.

        The tokenizers are trained on the training part alone.
        """
        origins = np.arange(len(every)) if every.origin is None else every.origin
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rows: Any = train.origin
            self._inputs = self._make_inputs()
            part = safe_indexing(X, rows), None if y is None else safe_indexing(y, rows)
            self._check_data(*part, None, warm=False)
            checked = self._inputs.check(X, estimator=self)
            data = self._check_targets(checked, X, y, None)
        for each in caught:  # all else was said when they were read first
            if "subwords were asked for" in str(each.message):
                warn(str(each.message))
        data = replace(data, weight=every.weight)
        found = []
        for one in (train, held_out):
            places: Any = one.origin
            taken = data.take(
                np.searchsorted(origins, places), with_raw=one.raw[0] is not None
            )
            found.append(replace(taken, name=one.name, split_off=one.split_off))
        return data, found[0], found[1]

    def _fit_parts(self, train: CheckedData, every: CheckedData, classes: Any) -> None:
        self._fitted_parameters = architecture_of(self)
        for name in OPTIONAL_ATTRIBUTES:
            self.__dict__.pop(name, None)
        if self._targets.by_step:  # no step can be read with others
            self._inputs.chooses_patches = False
        self._inputs.fit(train.X, self.embeddings, train.weight)
        self._targets.fit(train, every, classes)
        self.__dict__.update(self._learned())

    def _learned(self) -> dict[str, Any]:
        """Return the attributes that say what the parts learned."""
        learned = {
            "n_features_in_": self._inputs.form.width,
            "field_roles_": self._inputs.roles,
            "vocabulary_": self._inputs.token_ids,
            "target_vocabulary_": self._targets.vocabulary,
            "classes_": self._targets.classes,
        }
        return {name: value for name, value in learned.items() if value is not None}

    @property
    def history_(self) -> pd.DataFrame:
        """One row an epoch of all training so far."""
        check_is_fitted(self)
        return history_frame(self.net_.history)

    @property
    def estimators_(self) -> list[Self]:
        """The members of an ensemble as estimators of their own, or the estimator itself."""
        check_is_fitted(self)
        if not isinstance(self.net_, EnsembleNet):
            return [self]
        members = []
        for net in self.net_.nets:
            member = copy(self)
            member.n_estimators, member.net_ = 1, net
            member.n_parameters_ = net.n_parameters
            member._fitted_parameters = self._fitted_parameters | {"n_estimators": 1}
            members.append(member)
        return members

    @property
    def tokenizer_(self) -> Any:
        """The tokenizer that splits strings of X, trained where it is one of subwords."""
        check_is_fitted(self)
        tokenizer = self._inputs.string_tokenizer
        if tokenizer is None:
            raise AttributeError("tokenizer_ needs a fit on tokens")
        return tokenizer

    @property
    def _needs_y(self) -> bool:
        return bool(self.__sklearn_tags__().target_tags.required)

    def _check_same_classes(self, classes: Any) -> None:
        """Raise a ValueError unless ``classes`` are those of the first partial_fit."""
        if classes is None or not self.__sklearn_is_fitted__():
            return
        fitted = self._targets.classes
        if not np.array_equal(np.unique(label_array(classes)), np.unique(fitted)):
            raise ValueError(
                f"classes={listed(np.asarray(classes).tolist())} is not the same as on "
                f"the last call, {listed(fitted.tolist())}"
            )

    def _partial_fit(
        self, X: Any, y: Any, sample_weight: Any, classes: Any = None
    ) -> None:
        """Train one pass at a constant rate; the first call fixes what is learned."""
        if self._always_stops_early:
            raise ValueError("early_stopping=True has no effect in partial_fit")
        if self.weight_averaging is not None:
            raise ValueError(
                f"weight_averaging={self.weight_averaging!r} cannot be used in partial_fit: "
                "an average is one of the weights in all passes of a fit"
            )
        if isinstance(self.class_weight, str):
            raise ValueError(
                'class_weight="balanced" cannot be used in partial_fit, which sees '
                "one part of the data at a time; pass a dict of weights"
            )
        self._check_same_classes(classes)
        self._fit(X, y, sample_weight, Validation(), classes=classes, in_parts=True)

    # --- predicting ------------------------------------------------------------------

    def _check_X(self, X: Any, name: str = "X") -> CheckedSequences:
        """Validate X against the fit."""
        check_is_fitted(self)
        if self._scored is not None and self._scored[0] is X:
            return self._scored[1]
        return self._inputs.check_new(X, estimator=self, name=name)

    def _encode(
        self, X: CheckedSequences, origin: NDArray[np.int64] | None = None
    ) -> EncodedSequences:
        """Return the ids or features of validated sequences, or of some, those of ``origin``."""
        if self._scored is not None and self._scored[1] is X:
            return self._scored[2]
        return self._inputs.encode(X, self.embeddings, origin)

    # --- inspecting ------------------------------------------------------------------

    def _labelled(self, X: Any, y: Any) -> EncodedDataset:
        """Return X and y of a fitted estimator as its loss takes them, unweighted."""
        check_is_fitted(self)
        data = self._check_data(X, y, None, warm=True)
        return self._make_dataset(data, None, training=False)

    def _readable(self, X: Any) -> tuple[CheckedSequences, EncodedDataset]:
        """Return X as a fitted network reads it to predict."""
        checked = self._check_X(X)
        if not self._targets.reads_late:
            return checked, EncodedDataset(self._encode(checked))
        self._targets.check(None, checked)
        steps = self._targets.prompts(checked.steps)
        static = self._inputs.encode_static(checked)
        return checked, EncodedDataset(EncodedSequences(steps, static=static))

    @in_usual_modes
    def _untrained(self, X: Any, y: Any) -> tuple[Self, EncodedDataset]:
        """Return a copy with the weights that training starts from, and X and y for it.

        What an unfitted estimator must know of data is learned from X and y.
        """
        fresh = copy(self)
        fresh.random_state = deepcopy(self.random_state)
        if self.__sklearn_is_fitted__():
            fresh.__dict__.update(self._fitted_parameters)
            data = fresh._check_data(X, y, None, warm=True)
        else:
            check_parameters(fresh)
            fresh._inputs = fresh._make_inputs()
            data = fresh._check_data(X, y, None, warm=False)
            fresh._fit_parts(data, data, None)
            fresh._targets.observe(data)
        plan = fresh._plan(data, None, data, quiet=True)
        fresh.net_ = fresh._build_net(plan, draw_seed(fresh.random_state))
        fresh.net_.bptt = plan.dataset.bptt
        return fresh, fresh._make_dataset(data, None, training=False)

    # --- scikit-learn ----------------------------------------------------------------

    def __copy__(self) -> Self:
        """Return a shallow copy, which shares the fitted parts."""
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied

    def __getstate__(self) -> dict[str, Any]:
        """Return the state that is pickled."""
        fitted = vars(self).get("_fitted_parameters", {})
        given = self.get_params(deep=False)
        return state_to_pickle(super().__getstate__(), given, fitted)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what a pickle, or a copy, holds."""
        super().__setstate__(state_from_pickle(state))

    def __sklearn_is_fitted__(self) -> bool:
        return "net_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = self.missing == "indicator"
        tags.target_tags.required = True
        return tags

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        vectors = self.embeddings
        if not hasattr(vectors, "__len__"):
            return super().__repr__(N_CHAR_MAX)
        shown: Any = copy(self)  # a table of vectors would take minutes to format
        shown.embeddings = _Shown(f"<{len(vectors):,} vectors>")
        return super(BaseSequenceEstimator, shown).__repr__(N_CHAR_MAX)

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        """Return the attributes of the HTML representation, without network and log."""
        shown = super()._get_fitted_attr_html(doc_link)
        for name in ("net_", "history_", "estimators_"):
            shown.data.pop(name, None)
        return shown


class _Shown:
    """Stands for a value in a representation."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _equal(a: Any, b: Any) -> bool:
    """Return whether two values of a parameter are equal, be they arrays or hold some."""
    if a is b:
        return True
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b))
    return bool(comparable_tokenizer(a) == comparable_tokenizer(b))
