"""The training of every estimator: its networks, plan, callbacks and members.

Hooks say which targets, network and loss; ``_base`` validates X and y and learns what they
need to be encoded.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import copy, deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from skrnn._callbacks import FitTasks
from skrnn._sklearn import check_scoring, takes_weights
from skrnn._warnings import warn
from skrnn.data.containers import CheckedSequences
from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.data.steps import shown
from skrnn.data.targets import CheckedData, Targets, loss_weights
from skrnn.estimators._augmentation import augmented, check_augmentable, copied
from skrnn.estimators._loop import Budget, resolve_optimizer
from skrnn.estimators._members import Member, TrainingPlan, train_members
from skrnn.estimators._rows import rows_of
from skrnn.modules.networks import FeedForwardNetwork, build_network
from skrnn.training.callbacks import (
    SCHEDULES,
    EarlyStopping,
    EndTraining,
    EpochCounter,
    LearningRate,
    ValidationScore,
)
from skrnn.training.dataset import EncodedDataset
from skrnn.training.diagnosis import Diagnosis
from skrnn.training.ensemble import EnsembleNet
from skrnn.training.finite import NotFiniteOutput, warn_of_overflow
from skrnn.training.fit_tasks import EpochTasks
from skrnn.training.interrupts import Interrupts
from skrnn.training.net import SequenceNet, resolve_device, resolve_precision
from skrnn.training.order import count_batches
from skrnn.training.progress import progress
from skrnn.training.seeding import Seeds, make_generator
from skrnn.training.user_callbacks import prepare_callbacks
from skrnn.training.windows import in_windows, scaled

if TYPE_CHECKING:
    from skrnn.training.checkpoint import Checkpoint

#: Training sequences that ``scoring`` scores after each epoch, at most, and no more than
#: are held out.
MAX_SCORED = 200
#: Held-out sequences that are scored after each epoch where predictions cost as much as
#: training: all up to so many, and at most one for so many training sequences.
MIN_SCORED, SCORED_PART = 500, 50


class TrainableEstimator(BaseEstimator, metaclass=ABCMeta):
    """Abstract base: builds networks for encoded sequences, and trains them."""

    #: The values that "auto" stands for in the training loop.
    _budget: ClassVar[Budget]
    #: Size of the vector that the char encoder makes of a token.
    _char_dim: ClassVar[int] = 60
    #: Whether signs of a training that goes wrong are warned of.
    _diagnoses = True
    #: Scorers by the names that ``scoring`` takes beside scikit-learn's; each is made by a
    #: function, which raises an ImportError where the scorer needs what is not installed.
    _scorers: ClassVar[Mapping[str, Callable[[], Any]]] = {}
    #: Whether predictions cost about as much as training, so that few are scored.
    _scores_few = False
    #: How progress and warnings name a member of an ensemble.
    _name_in_ensemble = ""

    #: Parameters that not every estimator has.
    embeddings: Any = None
    class_weight: Any = None
    scoring: Any = None
    augment: Any = None

    net_: Any
    _inputs: Any
    _targets: Any
    #: In the scoring of an epoch: the user's X, validated and encoded.
    _scored: tuple[Any, CheckedSequences, EncodedSequences] | None = None

    # --- hooks -----------------------------------------------------------------------------

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
            self._inputs.encode(data.X, self.embeddings, data.origin),
            self._targets.encode(data),
            weight,
            forced=self._targets.teacher_forcing,
            origin=data.origin,
        )

    # --- training --------------------------------------------------------------------------

    def _plan(
        self,
        train: CheckedData,
        held_out: CheckedData | None,
        every: CheckedData,
        *,
        warm: bool = False,
        stops: bool = False,
        in_parts: bool = False,
        quiet: bool = False,
    ) -> TrainingPlan:
        """Return the data and options that the trainings of all members share.

        ``quiet`` says that nobody is warned of sequences that are read in windows.
        """
        weigh = partial(loss_weights, self._targets, self.class_weight)
        weight, scale = weigh(train, train, 1.0 if in_parts else None)
        dataset = self._make_dataset(train, weight, training=True)
        dataset = self._in_windows(dataset, quiet=quiet)
        validation = None
        if held_out is not None:
            held_out_weight = weigh(held_out, train, scale)[0]
            if not _some_count(held_out_weight):
                _report_none_count(held_out)
                held_out = None
        if held_out is not None:
            validation = self._make_dataset(held_out, held_out_weight, training=False)
            if dataset.windows is not None:
                validation = scaled(validation, dataset.windows.weight_scale)
        budget = self._budget.for_inputs(self._inputs.n_tokens)
        schedule = "constant" if in_parts else self.lr_schedule
        batch_size = budget.batch_size(self.batch_size, dataset.n_rows)
        return TrainingPlan(
            train,
            held_out,
            every,
            dataset,
            validation,
            weight,
            *self._make_loss(train),
            batch_size=batch_size,
            lr=budget.learning_rate(self.lr, batch_size, schedule),
            schedule=schedule,
            warm=warm,
            in_parts=in_parts,
            stops=stops,
        )

    def _train(
        self,
        plan: TrainingPlan,
        seeds: Seeds,
        checkpoints: Sequence[Checkpoint | None],
        interrupts: Interrupts,
        *,
        is_part: bool,
    ) -> None:
        """Train one network, or the members of an ensemble, and set what a fit leaves.

        ``is_part`` says that the training is a part of a fit, which needs its checkpoints.
        """
        warm = plan.warm
        if self.n_estimators > 1:
            starts: dict[int, Any]
            if warm:
                starts = dict(zip(self.net_.numbers, self.net_.nets, strict=True))
            else:
                starts = dict(enumerate(seeds.draw_members(self.n_estimators), 1))
            trained: list[Member] = []
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
        dataset, validation = plan.dataset, plan.validation
        augment = None
        if self.augment is not None:
            check_augmentable(self.augment, plan.train.X)
            begins = not (of_many or plan.warm or plan.in_parts)
            function = copied(self.augment) if begins else self.augment
            augment = partial(self._augmented, function, plan)
        n_batches, epochs = self._set_up(net, plan)
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
        stopping = self._stopping_callbacks(held_out, plan.schedule, plan.stops)
        askers = [callback for _, callback in stopping]
        askers += [] if tasks is None else [tasks]
        own: list[tuple[str, Any]] = [
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
            *stopping,
        ]
        users = prepare_callbacks(
            self.callbacks or [],
            schedule=plan.schedule,
            validation=plan.validation is not None,
            scoring=self.scoring is not None,
            of_many=of_many,
        )
        last = ("end_training", EndTraining(askers))
        # the user's may have the same names
        named = [(f"skrnn_{name}", callback) for name, callback in (*own, last)]
        net.use_callbacks([*named[:-1], *users, named[-1]])
        net.set_learning_rate(plan.lr)
        if checkpoint is not None and checkpoint.finished:
            counter.n_epochs_ = checkpoint.restore(net)
            net._set_training(False)  # as training leaves it
            for _, callback in net.callbacks_:
                if isinstance(callback, ValidationScore):
                    callback.on_train_end(net)  # lets the data go
            interrupts.n_updates += counter.n_epochs_
        else:
            net.partial_fit(
                dataset,
                validation,
                epochs=epochs,
                checkpoint=checkpoint,
                interrupts=interrupts,
                augment=augment,
            )
            warn_of_overflow(net, plan.dataset)
            if self._diagnoses:
                diagnosis.finish(net)
                if diagnosis.says_enough():
                    self._check_answers(plan.train)
        self.n_iter_ = counter.n_epochs_
        if checkpoint is not None and not interrupts.requested:
            # the identity of a checkpoint leaves callbacks of scikit-learn out
            ended = tasks is not None and tasks.stop
            checkpoint.finish(net, self.n_iter_, is_whole=not ended)
        if tasks is not None:
            tasks.finish()

    def _set_up(self, net: SequenceNet, plan: TrainingPlan) -> tuple[int, int]:
        """Give a net the settings of its training; return the batches of an epoch, and epochs."""
        dataset = plan.dataset
        net.set_loss(plan.loss, plan.loss_options)
        net.batch_size, net.bptt = plan.batch_size, dataset.bptt
        net.max_grad_norm = self.max_grad_norm
        net.weight_averaging = None if plan.in_parts else self.weight_averaging
        net.keep_optimizer = bool(self.keep_optimizer)
        net.verbose = int(self.verbose)
        n_batches = count_batches(dataset.lengths, net.batch_size, dataset.bptt)
        if plan.in_parts:
            return n_batches, 1
        budget = self._budget.for_inputs(self._inputs.n_tokens)
        n_outputs = self._targets.n_outputs
        epochs = budget.epochs(self.max_epochs, dataset.n_rows, n_batches, n_outputs)
        return n_batches, epochs

    def _augmented(
        self, augment: Any, plan: TrainingPlan, random_state: np.random.RandomState
    ) -> EncodedDataset:
        """Return the training data of one pass, by the user's function."""
        data = augmented(augment, plan.train, random_state, self)
        dataset = self._make_dataset(data, plan.weight, training=True)
        return self._in_windows(dataset, quiet=True)

    def _in_windows(
        self, dataset: EncodedDataset, *, quiet: bool = False
    ) -> EncodedDataset:
        """Return a training dataset whose far longest sequences are read in windows.

        Networks without recurrence read all.
        """
        if "cell" not in rows_of(type(self)):
            return dataset
        size = self._inputs.patch_size
        ends = self._targets.path_ends()
        return in_windows(dataset, ends, patch_size=size, quiet=quiet)

    def _state_after(self, n_epochs: int, plan: TrainingPlan) -> dict[str, Any]:
        """Return copies of what training sets, as if it had ended after ``n_epochs``."""
        net = deepcopy(self.net_)
        net.drop_unfinished_epoch(validated=False)
        return _trained(net, n_epochs, plan)

    def _state_of(self, members: Sequence[Member], plan: TrainingPlan) -> dict[str, Any]:
        """Return the attributes that training sets, if these members are the ensemble."""
        net = EnsembleNet([one.net for one in members], [one.number for one in members])
        return _trained(net, max(one.n_epochs for one in members), plan)

    # --- callbacks -------------------------------------------------------------------------

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
        scored, encoded = held_out, validation.sequences
        most = max(MIN_SCORED, len(train) // SCORED_PART)
        if self._scores_few and len(held_out) > most:
            some = np.linspace(0, len(held_out) - 1, most).round().astype(np.int64)
            scored, encoded = held_out.take(some), encoded.take(some)
        valid_score = self._epoch_scorer(scored, encoded)
        return [
            ("train_score", ValidationScore(train_score, "train_score")),
            ("valid_score", ValidationScore(valid_score)),
        ]

    def _epoch_scorer(self, held_out: CheckedData, encoded: EncodedSequences) -> Any:
        """Return ``score(net)`` on the validation data by the ``scoring`` parameter."""
        scorer = self._scorer()
        weights, weight = {}, held_out.weight
        n_classes = len(self._targets.classes) if self._targets.classes is not None else 0
        if weight is not None and weight.any() and takes_weights(scorer, n_classes):
            weights["sample_weight"] = weight

        def score(net: SequenceNet) -> float:
            scored = copy(self)
            scored._scored = (held_out.raw[0], held_out.X, encoded)
            try:
                return float(scorer(scored, *held_out.raw, **weights))
            except (ValueError, TypeError) as error:
                if isinstance(error, NotFiniteOutput):
                    raise
                raise ValueError(
                    f"scoring={shown(self.scoring)} cannot score the held-out sequences of "
                    f"{type(self).__name__}: {str(error)[:500]}"
                ) from error

        return score

    def _scorer(self) -> Any:
        """Return the scorer of the ``scoring`` parameter."""
        name = self.scoring if isinstance(self.scoring, str) else ""
        if name in self._scorers:
            return self._scorers[name]()
        return check_scoring(self, self.scoring, self._scorers)

    def _stopping_callbacks(
        self, held_out: CheckedData | None, schedule: str, stops: bool
    ) -> list[tuple[str, Any]]:
        if held_out is None or not stops:
            return []
        monitor = "valid_loss" if self.scoring is None else "valid_score"
        # an annealing schedule must reach its end
        patience = self.n_iter_no_change if SCHEDULES[schedule] is None else None
        return [("early_stopping", EarlyStopping(patience, monitor))]

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

    # --- networks --------------------------------------------------------------------------

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
            word_dropout=given["word_dropout"],
        )
        return {"n_outputs": self._targets.n_outputs, **config, **inputs}


def _some_count(weights: Any) -> bool:
    """Return whether any sequence or step counts in the loss."""
    values = weights.values if isinstance(weights, RaggedArray) else weights
    return values is None or bool(values.any())


def _report_none_count(held_out: CheckedData) -> None:
    """Warn that held-out sequences do not count; a ValueError if the user passed them."""
    reason = (
        "every held-out sequence has weight 0, by its sample weight, class_weight or both "
        "together: their loss tells no epochs apart"
    )
    if not held_out.split_off:
        raise ValueError(reason)
    warn(f"early_stopping is ignored: {reason}")


def _trained(
    net: SequenceNet | EnsembleNet, n_epochs: int, plan: TrainingPlan
) -> dict[str, Any]:
    """Return the attributes that a training of ``n_epochs`` sets."""
    found = {
        "net_": net,
        "n_iter_": n_epochs,
        "batch_size_": plan.batch_size,
        "lr_": plan.lr,
        "n_parameters_": net.n_parameters,
    }
    network: Any = (net.nets[0] if isinstance(net, EnsembleNet) else net).module_
    if isinstance(network, FeedForwardNetwork):
        found["window_"] = network.window
    return found


def _as_tensors(state: Any) -> Any:
    """Return nested arrays as tensors."""
    if isinstance(state, Mapping):
        return {name: _as_tensors(part) for name, part in state.items()}
    if isinstance(state, list):
        return [_as_tensors(part) for part in state]
    return torch.from_numpy(state)
