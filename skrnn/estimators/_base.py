"""The shell of every estimator around its parts: validate, encode, build, train, predict.

An estimator has ``Inputs``, ``Targets``, a network, a loss and a training loop. Four hooks
say which; public methods are defined in the mixin of each task. Nothing here knows a kind
of X, of y or of network.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from skrnn._callbacks import (
    CallbackSupportMixin,
    FitTasks,
    callback_management_context,
)
from skrnn._sklearn import check_feature_names, check_scoring
from skrnn._versions import VersionMixin
from skrnn._warnings import warn
from skrnn.data.codecs import EncodedSequences
from skrnn.data.containers import CheckedSequences, check_same_form
from skrnn.data.holdout import draw_held_out, keep_groups
from skrnn.data.inputs import Inputs
from skrnn.data.steps import shown
from skrnn.data.targets import CheckedData, Targets, check_weights, listed, loss_weights
from skrnn.estimators._loop import Budget, history_frame, resolve_optimizer
from skrnn.estimators._members import TrainingPlan, train_members
from skrnn.estimators._pickling import state_from_pickle, state_to_pickle
from skrnn.estimators._resuming import draw_from, open_checkpoints
from skrnn.estimators._rows import architecture_of, check_parameters
from skrnn.modules.modes import in_usual_modes
from skrnn.modules.networks import build_network
from skrnn.training.callbacks import (
    SCHEDULES,
    EarlyStopping,
    EpochCounter,
    LearningRate,
    ValidationScore,
)
from skrnn.training.dataset import EncodedDataset
from skrnn.training.diagnosis import Diagnosis
from skrnn.training.ensemble import EnsembleNet
from skrnn.training.finite import NotFiniteOutput, warn_of_overflow
from skrnn.training.fit_tasks import EpochTasks, StopAsked
from skrnn.training.interrupts import Interrupts
from skrnn.training.net import SequenceNet, resolve_device, resolve_precision
from skrnn.training.order import count_batches
from skrnn.training.progress import progress
from skrnn.training.seeding import Seeds, draw_seed, make_generator
from skrnn.training.user_callbacks import prepare_callbacks
from skrnn.training.windows import in_windows

if TYPE_CHECKING:
    from skrnn.training.checkpoint import Checkpoint

#: Sequences below which none are held out.
MIN_SEQUENCES_TO_SPLIT = 10
#: Training sequences that ``scoring`` scores after each epoch, at most, and no more than
#: are held out.
MAX_SCORED = 200
#: Attributes that a fit sets only for some kinds of X and y.
OPTIONAL_ATTRIBUTES = (
    *("n_features_in_", "field_roles_", "vocabulary_", "target_vocabulary_"),
    *("classes_", "window_"),
)


class Validation(NamedTuple):
    """The held-out data that a user passes to ``fit``.

    Without any, early stopping holds out some sequences, if they ``may_be_drawn``.
    """

    X: Any = None
    y: Any = None
    weight: Any = None
    may_be_drawn: bool = True


class BaseSequenceEstimator(
    VersionMixin, CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta
):
    """Abstract base of the estimators that train a network on sequences."""

    _doc_link_module = "skrnn"
    _doc_link_template = (
        "https://skrnn.readthedocs.io/en/latest/generated/skrnn.{estimator_name}.html"
    )
    #: The values that "auto" stands for in the training loop.
    _budget: ClassVar[Budget]
    #: Size of the vector that the char encoder makes of a token.
    _char_dim: ClassVar[int] = 60
    #: The part that reads X.
    _inputs_class: ClassVar[Any] = Inputs
    #: Arguments of that part that are not parameters of the estimator.
    _input_options: ClassVar[dict[str, Any]] = {}
    #: Whether signs of a training that goes wrong are warned of.
    _diagnoses = True
    #: How progress and warnings name a member of an ensemble.
    _name_in_ensemble = ""

    #: Parameters that not every estimator has.
    embeddings: Any = None
    class_weight: Any = None
    scoring: Any = None
    missing: Any = None

    random_state: Any
    net_: Any
    _inputs: Any
    _targets: Any
    _fitted_parameters: dict[str, Any]
    #: In the scoring of an epoch: the user's X, validated and encoded.
    _scored: tuple[Any, CheckedSequences, EncodedSequences] | None = None

    # --- hooks -----------------------------------------------------------------------

    @abstractmethod
    def _make_targets(self, X: CheckedSequences, y: Any) -> Targets:
        """Return the part for the user's y, not yet fitted."""

    @abstractmethod
    def _make_network(
        self, lengths: NDArray[np.int64], generator: torch.Generator
    ) -> torch.nn.Module:
        """Return the network for training sequences of these lengths."""

    @abstractmethod
    def _make_loss(
        self, train: CheckedData
    ) -> tuple[type[torch.nn.Module], dict[str, Any]]:
        """Return the class of the loss and its arguments."""

    def _make_dataset(
        self, data: CheckedData, weight: Any, *, training: bool
    ) -> EncodedDataset:
        """Return the encoded data that batches are cut from."""
        return EncodedDataset(
            self._inputs.encode(data.X, self.embeddings),
            self._targets.encode(data),
            weight,
            forced=self._targets.teacher_forcing,
            origin=data.origin,
        )

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
            if self.scoring is not None and held_out is None and not in_parts:
                warn(
                    f"scoring={shown(self.scoring)} is not used: nothing is held out. Pass "
                    "X_val and y_val, or early_stopping=True",
                )
            if not warm:
                self._fit_parts(train, every, classes)
            self._targets.observe(train)
            if held_out is not None:
                self._inputs.check_form(held_out.X, estimator=self, name="X_val")
            if user_X is not None:
                every = replace(every, raw=(user_X, y))
            with callback_management_context(self):
                self._train(
                    train,
                    held_out,
                    every,
                    seeds,
                    checkpoints,
                    interrupts,
                    warm=warm,
                    stops=stops,
                    in_parts=in_parts,
                    is_part=stage is not None,
                )

    @contextmanager
    def _restored_on_failure(self, warm: bool) -> Iterator[None]:
        """Put everything back as it was if fitting fails or is interrupted."""
        before = dict(vars(self))
        targets = self._targets if warm else None
        learned = dict(vars(targets)) if warm else {}  # training may widen it
        trained = self.net_.snapshot() if warm else None
        random = self.random_state
        drawn = random.get_state() if isinstance(random, np.random.RandomState) else None
        try:
            check_parameters(self)
            if self.scoring is not None:
                check_scoring(self, self.scoring)
            if warm:
                self._check_unchanged()
            else:  # what is learned now depends on nothing learned before
                self.__dict__.pop("net_", None)
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            if drawn is not None:  # the same fit resumes from its checkpoint
                random.set_state(drawn)
            if trained is not None:
                vars(targets).update(learned)
                before["net_"].restore(trained)
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

    def _check_targets(
        self, checked: CheckedSequences, X: Any, y: Any, weight: Any, suffix: str = ""
    ) -> CheckedData:
        """Validate y and weights of validated sequences; ``suffix`` ends their names."""
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

    def _stops_early(self, validation_given: bool) -> bool:
        if self.early_stopping == "auto":
            return validation_given
        return bool(self.early_stopping)

    def _hold_out(
        self, data: CheckedData, seeds: Seeds
    ) -> tuple[CheckedData, CheckedData | None]:
        """Split a validation part off; of each label something stays in training."""
        n_held_out = max(1, round(self.validation_fraction * len(data)))
        if n_held_out >= len(data) >= MIN_SEQUENCES_TO_SPLIT:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} holds out all of "
                f"{len(data)} sequences"
            )
        if len(data) < MIN_SEQUENCES_TO_SPLIT:
            warn(
                f"early_stopping is ignored: {len(data)} sequences are too few to hold "
                "some out"
            )
            return data, None
        groups, strata = self._targets.groups(data.y), self._targets.strata(data.y)
        if self.validation_strategy == "last":
            held_out = keep_groups(np.arange(len(data))[-n_held_out:], groups)
        else:
            random = np.random.RandomState(seeds.draw())
            held_out = draw_held_out(groups, strata, len(data), n_held_out, random)
        if not len(held_out):
            return data, None
        train = np.setdiff1d(np.arange(len(data)), held_out)
        scored = self.scoring is not None
        validation = replace(data.take(held_out, with_raw=scored), split_off=True)
        return data.take(train, with_raw=False), validation

    def _fit_parts(self, train: CheckedData, every: CheckedData, classes: Any) -> None:
        self._fitted_parameters = architecture_of(self)
        for name in OPTIONAL_ATTRIBUTES:
            self.__dict__.pop(name, None)
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

    def _train(
        self,
        train: CheckedData,
        held_out: CheckedData | None,
        every: CheckedData,
        seeds: Seeds,
        checkpoints: Sequence[Checkpoint | None],
        interrupts: Interrupts,
        *,
        warm: bool,
        stops: bool,
        in_parts: bool,
        is_part: bool,
    ) -> None:
        plan = self._plan(
            train, held_out, every, warm=warm, stops=stops, in_parts=in_parts
        )
        if self.n_estimators > 1:
            starts = self.net_.nets if warm else seeds.draw_members(self.n_estimators)
            trained: list[tuple[SequenceNet, int]] = []
            snapshot = partial(self._state_of, trained, plan)
            tasks = self._fit_tasks(plan, self.n_estimators, snapshot)
            for one in train_members(
                self, plan, starts, checkpoints, interrupts, lambda: tasks.stop
            ):
                trained.append(one)
                tasks.begin_epoch()
                tasks.end_epoch()
            self.__dict__.update(snapshot())
            tasks.finish()
            if checkpoints[0] is not None and not is_part and not interrupts.requested:
                checkpoints[0].remove_parts()
        else:
            net = self.net_ if warm else self._build_net(plan, seeds.draw())
            self._train_net(net, plan, checkpoints[0], interrupts)
            self.__dict__.update(_trained(net, self.n_iter_, plan))

    def _plan(
        self,
        train: CheckedData,
        held_out: CheckedData | None,
        every: CheckedData,
        *,
        warm: bool = False,
        stops: bool = False,
        in_parts: bool = False,
    ) -> TrainingPlan:
        """Return the data and options that the trainings of all members share."""
        weigh = partial(loss_weights, self._targets, self.class_weight)
        weight, scale = weigh(train, train, 1.0 if in_parts else None)
        dataset = self._make_dataset(train, weight, training=True)
        validation = None
        if held_out is not None:
            weight = weigh(held_out, train, scale)[0]
            validation = self._make_dataset(held_out, weight, training=False)
        budget = self._budget.for_inputs(self._inputs.n_tokens)
        schedule = "constant" if in_parts else self.lr_schedule
        batch_size = budget.batch_size(self.batch_size, dataset.n_rows)
        return TrainingPlan(
            train,
            held_out,
            every,
            dataset,
            validation,
            *self._make_loss(train),
            batch_size=batch_size,
            lr=budget.learning_rate(self.lr, batch_size, schedule),
            schedule=schedule,
            warm=warm,
            in_parts=in_parts,
            stops=stops,
        )

    def _train_net(
        self,
        net: SequenceNet,
        plan: TrainingPlan,
        checkpoint: Checkpoint | None,
        interrupts: Interrupts,
        *,
        of_many: bool = False,
    ) -> None:
        """Train one network, which becomes the estimator's; ``of_many`` is a member."""
        self.net_ = net
        dataset = plan.dataset
        if net.module_.cell is not None:
            dataset = in_windows(dataset, self._targets.path_ends())
        net.set_loss(plan.loss, plan.loss_options)
        net.batch_size, net.bptt = plan.batch_size, dataset.bptt
        net.max_grad_norm = self.max_grad_norm
        net.keep_optimizer = bool(self.keep_optimizer)
        net.verbose = int(self.verbose)
        n_batches = count_batches(dataset.lengths, net.batch_size, dataset.bptt)
        epochs = 1
        if not plan.in_parts:
            budget = self._budget.for_inputs(self._inputs.n_tokens)
            epochs = budget.epochs(
                self.max_epochs, dataset.n_rows, n_batches, self._targets.n_outputs
            )
        counter = EpochCounter()
        tasks = None
        if not of_many:
            tasks = self._fit_tasks(
                plan, epochs, lambda: self._state_after(counter.n_epochs_, plan)
            )
        n_steps = int(dataset.lengths.sum())
        held_out, n_held_out = plan.held_out, len(plan.held_out or ())
        diagnosis = Diagnosis(
            counter,
            epochs,
            fresh=not plan.warm,
            n_validation=n_held_out,
            name=self._name_in_ensemble,
        )
        callbacks: list[Any] = [
            ("epoch_counter", counter),
            ("lr_schedule", LearningRate(plan.schedule, epochs * n_batches)),
            *self._score_callbacks(plan.train, held_out, plan.every, plan.validation),
            *([("diagnosis", diagnosis)] if self._diagnoses else []),
            *([] if tasks is None else [("epoch_tasks", EpochTasks(tasks))]),
            *progress(
                int(self.verbose),
                counter,
                epochs,
                n_batches,
                n_steps,
                self._name_in_ensemble,
            ),
            *self._stopping_callbacks(held_out, plan.schedule, plan.stops),
            *prepare_callbacks(
                self.callbacks or [],
                schedule=plan.schedule,
                validation=plan.validation is not None,
                scoring=self.scoring is not None,
                of_many=of_many,
            ),
            *([] if tasks is None else [("stop_asked", StopAsked(tasks))]),
        ]
        net.use_callbacks(callbacks)
        net.set_learning_rate(plan.lr)
        if checkpoint is not None and checkpoint.finished:
            counter.n_epochs_ = checkpoint.restore(net)
            interrupts.n_updates += counter.n_epochs_
        else:
            net.partial_fit(
                dataset,
                plan.validation,
                epochs=epochs,
                checkpoint=checkpoint,
                interrupts=interrupts,
            )
            warn_of_overflow(net, plan.dataset)
            if self._diagnoses:
                diagnosis.finish(net)
                if diagnosis.says_enough():
                    self._check_answers(plan.train)
        self.n_iter_ = counter.n_epochs_
        if checkpoint is not None and not interrupts.requested:
            checkpoint.finish(net, self.n_iter_)
        if tasks is not None:
            tasks.finish()

    def _fit_tasks(
        self, plan: TrainingPlan, n_subtasks: int, snapshot: Callable[[], dict[str, Any]]
    ) -> FitTasks:
        return FitTasks(
            self,
            "partial-fit" if plan.in_parts else "fit",
            n_subtasks,
            X=plan.every.raw[0],
            y=plan.every.raw[1],
            sample_weight=plan.every.weight,
            snapshot=snapshot,
        )

    def _check_answers(self, train: CheckedData) -> None:
        """Warn if the predictions for the training data are degenerate."""
        some = self._targets.varied(train)
        if some is None or isinstance(self.class_weight, Mapping):
            return  # the user weights the labels, possibly by 0
        asked = train.take(some, with_raw=False)
        encoded = self._make_dataset(asked, None, training=False).sequences
        answering = copy(self)
        answering._scored = (asked, asked.X, encoded)
        try:
            answers = answering.predict(asked)
        except NotFiniteOutput:  # warned of before
            return
        complaint = self._targets.complaint(answers, asked)
        if complaint is not None:
            named = filter(None, [self._name_in_ensemble, complaint])
            warn(": ".join(named), ConvergenceWarning)

    def _state_after(self, n_epochs: int, plan: TrainingPlan) -> dict[str, Any]:
        """Return copies of what training sets, as if it had ended after ``n_epochs``."""
        net = deepcopy(self.net_)
        net.drop_unfinished_epoch(validated=False)
        return _trained(net, n_epochs, plan)

    def _state_of(
        self, members: Sequence[tuple[SequenceNet, int]], plan: TrainingPlan
    ) -> dict[str, Any]:
        """Return the attributes that training sets, if these members are the ensemble."""
        net = EnsembleNet([member for member, _ in members])
        return _trained(net, max(n_epochs for _, n_epochs in members), plan)

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
    def _needs_y(self) -> bool:
        return bool(self.__sklearn_tags__().target_tags.required)

    def _build_net(self, plan: TrainingPlan, seed: int) -> SequenceNet:
        """Return a network to be trained as planned, whose weights a seed draws."""
        network = self._make_network(plan.dataset.lengths, make_generator(seed))
        optimizer, optimizer_options = resolve_optimizer(
            self.optimizer, self.weight_decay
        )
        device = resolve_device(self.device)
        net = SequenceNet(
            network,
            plan.loss,
            seed=seed,
            precision=resolve_precision(self.precision, device),
            optimizer=optimizer,
            lr=self._budget.learning_rate(self.lr, 1, self.lr_schedule),
            verbose=0,
            device=device,
            callbacks="disable",
            **{f"criterion__{k}": v for k, v in plan.loss_options.items()},
            **{f"optimizer__{k}": v for k, v in optimizer_options.items()},
        )
        return net.initialize()

    def _build_network(
        self, kind: str, config: Mapping[str, Any], generator: torch.Generator
    ) -> torch.nn.Module:
        """Return a network whose input layer reads ``_inputs``."""
        network: Any = build_network(kind, self._complete(config), generator)
        network.input_layer.prepare(
            **_as_tensors(self._inputs.layer_state(self.embeddings))
        )
        return network

    def _complete(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a network's arguments with those of its input layer and outputs."""
        given = self.get_params(deep=False)
        inputs = self._inputs.network_config(
            embedding_dim=given["embedding_dim"],
            frozen=given["freeze_embeddings"],
            char_dim=self._char_dim,
        )
        return {"n_outputs": self._targets.n_outputs, **config, **inputs}

    def _score_callbacks(
        self,
        train: CheckedData,
        held_out: CheckedData | None,
        every: CheckedData,
        validation: EncodedDataset | None,
    ) -> list[tuple[str, Any]]:
        """Return the scorers of some training sequences, and of the held-out ones."""
        if self.scoring is None or held_out is None or validation is None:
            return []
        n_scored = min(len(held_out), len(train), MAX_SCORED)
        some = np.linspace(0, len(train) - 1, n_scored).round().astype(np.int64)
        if train is not every:
            origins = np.arange(len(every)) if every.origin is None else every.origin
            places = train.take(some, with_raw=False).origin
            some = np.searchsorted(origins, np.asarray(places))
        trained = every.take(some)
        encoded = self._make_dataset(trained, None, training=False).sequences
        train_score = self._epoch_scorer(trained, encoded)
        valid_score = self._epoch_scorer(held_out, validation.sequences)
        return [
            ("train_score", ValidationScore(train_score, "train_score")),
            ("valid_score", ValidationScore(valid_score)),
        ]

    def _stopping_callbacks(
        self, held_out: CheckedData | None, schedule: str, stops: bool
    ) -> list[tuple[str, Any]]:
        if held_out is None or not stops:
            return []
        monitor = "valid_loss" if self.scoring is None else "valid_score"
        # an annealing schedule must reach its end
        patience = self.n_iter_no_change if SCHEDULES[schedule] is None else None
        return [("early_stopping", EarlyStopping(patience, monitor))]

    def _epoch_scorer(self, held_out: CheckedData, encoded: EncodedSequences) -> Any:
        """Return ``score(net)`` on the validation data by the ``scoring`` parameter."""
        scorer = check_scoring(self, self.scoring)

        def score(net: SequenceNet) -> float:
            scored = copy(self)
            scored._scored = (held_out.raw[0], held_out.X, encoded)
            return float(scorer(scored, *held_out.raw))

        return score

    def _check_same_classes(self, classes: Any) -> None:
        """Raise a ValueError unless ``classes`` are those of the first partial_fit."""
        if classes is None or not self.__sklearn_is_fitted__():
            return
        fitted = self._targets.classes
        if not np.array_equal(np.unique(classes), np.unique(fitted)):
            raise ValueError(
                f"classes={listed(np.asarray(classes).tolist())} is not the same as on "
                f"the last call, {listed(fitted.tolist())}"
            )

    def _partial_fit(
        self, X: Any, y: Any, sample_weight: Any, classes: Any = None
    ) -> None:
        """Train one pass at a constant rate; the first call fixes what is learned."""
        if self.early_stopping is True:
            raise ValueError("early_stopping=True has no effect in partial_fit")
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

    def _encode(self, X: CheckedSequences) -> EncodedSequences:
        """Return the ids or features of validated sequences."""
        if self._scored is not None and self._scored[1] is X:
            return self._scored[2]
        return self._inputs.encode(X, self.embeddings)

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
        plan = fresh._plan(data, None, data)
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


def _trained(
    net: SequenceNet | EnsembleNet, n_epochs: int, plan: TrainingPlan
) -> dict[str, Any]:
    """Return the attributes that a training of ``n_epochs`` sets."""
    return {
        "net_": net,
        "n_iter_": n_epochs,
        "batch_size_": plan.batch_size,
        "lr_": plan.lr,
        "n_parameters_": net.n_parameters,
    }


def _as_tensors(state: Any) -> Any:
    """Return nested arrays as tensors."""
    if isinstance(state, Mapping):
        return {name: _as_tensors(part) for name, part in state.items()}
    if isinstance(state, list):
        return [_as_tensors(part) for part in state]
    return torch.from_numpy(state)


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
    return bool(a == b)
