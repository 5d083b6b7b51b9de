"""What every estimator does: check, encode, build a network, train it, predict.

``BaseNetworkEstimator`` holds the way of the data. What differs is answered by hooks:
the network (``_network_config``), the targets (``_check_y``, ``_fit_targets``,
``_encode_targets``) and the loss (``_criterion``).
"""

from __future__ import annotations

import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted

from skrnn._sklearn import (
    check_feature_names,
    safe_indexing,
    validate_parameter_constraints,
)
from skrnn.data.containers import CheckedSequences, check_same_form, check_sequences
from skrnn.data.codecs import EncodedSequences, NumericCodec, TokenCodec
from skrnn.data.ragged import RaggedArray
from skrnn.data.targets import check_weights
from skrnn.data.tokenizers import check_tokenizer
from skrnn.estimators._parameters import (
    AUTO_CHAR_ENCODER,
    AUTO_MAX_EPOCHS,
    AUTO_MIN_EPOCHS,
    AUTO_WEIGHT_DECAY,
    BUILDING,
    CONSTRAINTS,
    OPTIMIZERS,
)
from skrnn.modules.embedding import TokenEmbedding
from skrnn.modules.networks import build_network
from skrnn.training.batching import EncodedDataset
from skrnn.training.callbacks import (
    SCHEDULES,
    EarlyStopping,
    GradientNormClipping,
    LearningRate,
    check_callbacks,
)
from skrnn.training.net import SequenceNet, print_log, resolve_device
from skrnn.training.seeding import draw_seed, make_generator


@dataclass(frozen=True)
class CheckedData:
    """What the user gave, behind the door; ``raw`` is what a scorer gets of it.

    y is what the estimator's ``_check_y`` gives: an array, or a RaggedArray of steps.
    """

    X: CheckedSequences
    y: Any
    weight: NDArray | None
    raw: tuple[Any, Any]

    def __len__(self) -> int:
        return len(self.X.steps)

    def take(self, indices: NDArray, *, with_raw: bool) -> CheckedData:
        """Return some of the sequences, copying the user's own only where asked."""
        raw = (safe_indexing(part, indices) for part in self.raw)
        return CheckedData(
            replace(self.X, steps=self.X.steps.take(indices)),
            self.y.take(indices) if isinstance(self.y, RaggedArray) else self.y[indices],
            None if self.weight is None else self.weight[indices],
            tuple(raw) if with_raw else (None, None),
        )

    def without_empty(self, name: str) -> CheckedData:
        """Return the sequences that have steps; a ValueError if none has."""
        lengths = self.X.steps.lengths
        if lengths.min() > 0:
            return self
        if lengths.max() == 0:
            raise ValueError(f"{name} has no steps: all its sequences are empty")
        return self.take(np.flatnonzero(lengths), with_raw=True)


class BaseNetworkEstimator(BaseEstimator, metaclass=ABCMeta):
    """Abstract base of the estimators that train a network on sequences."""

    _network_kind: ClassVar[str]
    _auto_updates: ClassVar[int]
    #: Whether a sequence without steps is left out of fitting instead of refused.
    _allow_empty: ClassVar[bool] = False
    #: Size of a spelling's vector.
    _char_dim: ClassVar[int] = 60
    #: Parameters that a network cannot change once it is built.
    _building: ClassVar[set[str]] = BUILDING
    net_: SequenceNet
    _input_codec: Any
    _target_codec: Any
    embeddings: Any

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        vectors: Any = getattr(self, "embeddings", None)
        if not hasattr(vectors, "__len__"):
            return super().__repr__(N_CHAR_MAX)
        shown = copy(self)  # a table of vectors would take minutes to format
        shown.embeddings = _Shown(f"<{len(vectors):,} vectors>")
        return super(BaseNetworkEstimator, shown).__repr__(N_CHAR_MAX)

    # --- hooks -----------------------------------------------------------------------

    @abstractmethod
    def _network_config(self, lengths: NDArray[np.int64]) -> dict[str, Any]:
        """Return the network's arguments beside ``input_layer`` and ``n_outputs``."""

    @abstractmethod
    def _check_y(
        self, y: Any, X: CheckedSequences, name: str = "y"
    ) -> NDArray | RaggedArray:
        """Return y as a plain array, or as a RaggedArray with one entry a step."""

    @abstractmethod
    def _fit_targets(self, data: CheckedData, classes: Any = None) -> None:
        """Learn the target codec."""

    @abstractmethod
    def _encode_targets(
        self, data: CheckedData, name: str = "y"
    ) -> NDArray | RaggedArray:
        """Return targets as the loss takes them."""

    @abstractmethod
    def _criterion(self) -> tuple[type[torch.nn.Module], dict[str, Any]]:
        """Return the loss and its arguments."""

    def _n_outputs(self) -> int:
        return int(self._target_codec.n_outputs)

    def _class_weights(self, y: Any, train_y: Any) -> NDArray | None:
        """Return a weight for each sequence from its class, if asked for.

        How common a class is, ``train_y`` tells.
        """
        return None

    def _steps_of_a_chunk(self) -> int | None:
        """Return after how many steps gradients are cut, if they are."""
        return None

    def _teacher_forcing(self) -> bool:
        """Tell whether the network is fed the targets, one step late, in training."""
        return False

    def _prepare_network(
        self, network: torch.nn.Module, vectors: NDArray[np.float32] | None
    ) -> None:
        """Change the weights that are not drawn; ``vectors`` are pre-trained ones."""
        codec = self._input_codec
        if isinstance(network.input_layer, TokenEmbedding) and isinstance(
            codec, TokenCodec
        ):
            counts = torch.from_numpy(codec.vocabulary.counts)
            network.input_layer.singletons.copy_(counts == 1)
            if vectors is not None:
                network.input_layer.load_vectors(torch.from_numpy(vectors))
            network.input_layer.zero_untrained()

    def _prepare_criterion(self, criterion: torch.nn.Module, train: CheckedData) -> None:
        """Tell the loss what it needs to know of the training data."""

    # --- fitting ---------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
    ) -> BaseNetworkEstimator:
        """Train on sequences.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            Arrays ``(n_steps_i, n_features)`` or 1-D arrays, token lists, strings, a
            3-D array, or a 2-D array or frame whose rows are univariate series.
        y : array-like of shape (n_sequences,) or (n_sequences, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence in the loss.
        X_val, y_val : like X and y, default=None
            Held-out data for early stopping.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y is empty, not finite, or of unequal length, if a parameter is out
            of its range, or if training diverges.
        TypeError
            If X is no container of sequences, or mixes kinds of them.
        """
        warm = self.warm_start and hasattr(self, "net_")
        with self._kept_on_failure(warm):
            data = self._check_data(X, y, sample_weight, warm)
            validation = self._check_validation(X_val, y_val)
            train, validation = self._hold_out(data, validation)
            if not warm:
                self._fit_codecs(train, every_y=data)
            self._train(train, validation, warm, self._max_epochs(train.X.steps.lengths))
        return self

    def _partial_fit(
        self, X: Any, y: Any, sample_weight: Any, classes: Any = None
    ) -> BaseNetworkEstimator:
        """Train one pass at a constant rate; the first call fixes what is learned."""
        warm = hasattr(self, "net_")
        with self._kept_on_failure(warm):
            if self.early_stopping is True:
                raise ValueError("early_stopping=True is of no use in partial_fit")
            if self._class_weight_is_balanced():
                raise ValueError(
                    'class_weight="balanced" cannot be used in partial_fit, which sees '
                    "one part of the data at a time; pass a dict of weights"
                )
            data = self._check_data(X, y, sample_weight, warm)
            if not warm:
                self._fit_codecs(data, every_y=data, classes=classes)
            self._train(data, None, warm, 1, in_parts=True)
        return self

    @contextmanager
    def _kept_on_failure(self, warm: bool) -> Iterator[None]:
        """Put everything back as it was if fitting fails or is interrupted."""
        before = dict(vars(self))
        trained = before["net_"].snapshot() if warm else None
        try:
            self._check_parameters()
            if warm:
                self._check_unchanged()
            else:  # what is learned now depends on nothing learned before
                self.__dict__.pop("net_", None)
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            if trained is not None:
                before["net_"].restore(trained)
            raise

    def _check_parameters(self) -> None:
        """Raise an InvalidParameterError, a ValueError, for a value out of range."""
        validate_parameter_constraints(
            CONSTRAINTS, self.get_params(deep=False), caller_name=type(self).__name__
        )
        if self.scoring is not None:
            check_scoring(self, self.scoring)

    def _check_unchanged(self) -> None:
        """Raise a ValueError if the network was built with other parameters."""
        for name, built_with in self._built_with.items():
            value = getattr(self, name)
            if not _equal(value, built_with):
                raise ValueError(
                    f"{name} was {built_with!r} when the network was built and is "
                    f"{value!r} now; warm_start and partial_fit go on with that network"
                )

    def _check_same_classes(self, classes: Any) -> None:
        """Raise a ValueError unless ``classes`` are those of the first partial_fit."""
        if classes is None or not hasattr(self, "net_"):
            return
        if not np.array_equal(np.unique(classes), np.unique(self.classes_)):
            raise ValueError(
                f"classes={np.asarray(classes).tolist()} is not the same as on the "
                f"last call, {self.classes_.tolist()}"
            )

    def _class_weight_is_balanced(self) -> bool:
        return False

    def _check_data(self, X: Any, y: Any, sample_weight: Any, warm: bool) -> CheckedData:
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the "
                "target y is None"
            )
        checked = self._check_X(X, fitted=warm)
        if warm:
            self._check_like_fit(X, checked)
        else:
            named = None if checked.form.kind == "tokens" else checked.named
            check_feature_names(self, named, reset=True)
        weight = check_weights(sample_weight, len(checked.steps))
        data = CheckedData(checked, self._check_y(y, checked), weight, (X, y))
        return data.without_empty("X")

    def _check_validation(self, X_val: Any, y_val: Any) -> CheckedData | None:
        if X_val is None and y_val is None:
            return None
        if X_val is None or y_val is None:
            raise ValueError("X_val and y_val must be passed together")
        if self.early_stopping is False:
            raise ValueError("X_val is of no use with early_stopping=False")
        checked = self._check_X(X_val, name="X_val")
        if checked.form.container == "columns":
            check_feature_names(self, X_val, reset=False)
        elif checked.named is not None:
            check_feature_names(self, checked.named, reset=False)
        y = self._check_y(y_val, checked, name="y_val")
        return CheckedData(checked, y, None, (X_val, y_val)).without_empty("X_val")

    def _hold_out(
        self, data: CheckedData, validation: CheckedData | None
    ) -> tuple[CheckedData, CheckedData | None]:
        """Split a validation part off where one is wanted and not given."""
        if validation is not None or self.early_stopping in (False, "auto"):
            return data, validation
        n_held_out = max(1, round(self.validation_fraction * len(data)))
        if len(data) < 10:
            warnings.warn(
                f"early_stopping is ignored: {len(data)} sequences are too few to hold "
                "some out",
                stacklevel=4,
            )
            return data, None
        if n_held_out >= len(data):
            raise ValueError(
                f"validation_fraction={self.validation_fraction} holds out all of "
                f"{len(data)} sequences"
            )
        indices = np.arange(len(data))
        if self.validation_strategy == "last":
            return self._split(data, indices[:-n_held_out], indices[-n_held_out:])
        train, held_out = train_test_split(
            indices,
            test_size=n_held_out,
            stratify=self._strata(data.y, n_held_out),
            random_state=np.random.RandomState(draw_seed(self.random_state)),
        )
        return self._split(data, np.sort(train), np.sort(held_out))

    def _split(
        self, data: CheckedData, train: NDArray, held_out: NDArray
    ) -> tuple[CheckedData, CheckedData]:
        scored = self.scoring is not None
        return data.take(train, with_raw=False), data.take(held_out, with_raw=scored)

    def _strata(self, y: Any, n_held_out: int) -> NDArray | None:
        """Return what a random split keeps the shares of."""
        return None

    def _fit_codecs(
        self, train: CheckedData, every_y: CheckedData, classes: Any = None
    ) -> None:
        form = train.X.form
        self._form = form
        self._built_with = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name in self._building
        }
        codec = self._make_input_codec(train.X)
        if isinstance(codec, TokenCodec):
            self._input_codec = codec.fit(train.X.steps, self.embeddings)
        else:
            self._input_codec = codec.fit(train.X.steps)
        for name in ("n_features_in_", "vocabulary_"):
            self.__dict__.pop(name, None)
        if form.width is not None:
            self.n_features_in_ = form.width
        if isinstance(self._input_codec, TokenCodec):
            self.vocabulary_ = self._input_codec.vocabulary.ids
        self._fit_targets(every_y, classes)

    def _make_input_codec(self, X: CheckedSequences) -> NumericCodec | TokenCodec:
        if X.form.kind == "numeric":
            return NumericCodec()
        of_strings = set(map(type, X.steps.values)) <= {str}
        single = of_strings and max(map(len, set(X.steps.values))) == 1
        spelled = of_strings and not single  # a character's spelling says nothing more
        return TokenCodec(
            lowercase=not single if self.lowercase == "auto" else self.lowercase,
            min_count=self.min_count,
            max_size=self.max_vocabulary,
            char_encoder=(
                (AUTO_CHAR_ENCODER if spelled else None)
                if self.char_encoder == "auto"
                else self.char_encoder
            ),
        )

    def _train(
        self,
        train: CheckedData,
        validation: CheckedData | None,
        warm: bool,
        epochs: int,
        in_parts: bool = False,
    ) -> None:
        schedule = "constant" if in_parts else self.lr_schedule
        weight, scale = self._weights(train, train, 1.0 if in_parts else None)
        examples = self._make_examples(train, weight)
        held_out = None
        if validation is not None:
            self._check_form(validation.X, name="X_val")
            held_out = self._make_examples(
                validation, self._validation_weights(validation, train, scale), "y_val"
            )
        if not warm:
            self.net_ = self._build_net(train.X.steps.lengths)
        net = self.net_
        self._prepare_criterion(net.criterion_, train)
        net.batch_size = self._batch_size(train.X.steps.lengths)
        net.bptt = self._steps_of_a_chunk()
        net.verbose = int(self.verbose)
        n_updates = epochs * net.updates_of_an_epoch(examples)
        net.use_callbacks(self._make_callbacks(schedule, n_updates, validation))
        net.set_learning_rate(self.lr)
        done = len(net.history)
        net.partial_fit(examples, held_out, epochs=epochs)
        self.n_iter_ = len(net.history) - done
        self.n_parameters_ = net.n_parameters

    @property
    def history_(self) -> pd.DataFrame:
        """One row an epoch of all training so far."""
        check_is_fitted(self, "net_")
        return history_frame(self.net_.history)

    def _make_examples(
        self, data: CheckedData, weight: Any, name: str = "y"
    ) -> EncodedDataset:
        """Return what batches are cut from; ``name`` is what messages call y."""
        return EncodedDataset(
            self._encode_inputs(data.X.steps),
            self._encode_targets(data, name),
            weight,
            forced=self._teacher_forcing(),
        )

    def _encode_inputs(self, steps: RaggedArray) -> EncodedSequences:
        """Return ids or features; unseen tokens have the vectors of ``embeddings``."""
        if isinstance(self._input_codec, NumericCodec):
            return self._input_codec.encode(steps)
        return self._input_codec.encode(steps, self.embeddings)

    def _weights(
        self, data: CheckedData, train: CheckedData, scale: float | None = None
    ) -> tuple[NDArray[np.float32] | None, float]:
        """Return weights of mean 1 over the training data, and their scale."""
        weight = data.weight
        by_class = self._class_weights(data.y, train.y)
        if by_class is not None:
            weight = by_class if weight is None else weight * by_class
        if weight is None:
            return None, 1.0
        if scale is None:
            scale = scale_to_mean_1(weight, self._n_targets(data))
        return (weight * scale).astype(np.float32), scale

    def _n_targets(self, data: CheckedData) -> NDArray[np.int64] | None:
        """Return over how many targets each sequence's loss is a sum; None is one."""
        return None

    def _validation_weights(
        self, validation: CheckedData, train: CheckedData, scale: float
    ) -> NDArray[np.float32] | None:
        """Return weights on the scale of the training data's."""
        if validation.weight is None and train.weight is not None:
            # passed by the user, without sample weights: class weights alone
            _, scale = self._weights(replace(train, weight=None), train)
        return self._weights(validation, train, scale)[0]

    def _build_net(self, lengths: NDArray[np.int64]) -> SequenceNet:
        seed = draw_seed(self.random_state)
        layer, vectors = self._input_layer()
        config = {"n_outputs": self._n_outputs(), **self._network_config(lengths)}
        if layer is not None:
            config["input_layer"] = layer
        network = build_network(self._network_kind, config, make_generator(seed))
        self._prepare_network(network, vectors)
        criterion, arguments = self._criterion()
        optimizer, options = self._optimizer()
        net = SequenceNet(
            network,
            criterion,
            seed=seed,
            optimizer=optimizer,
            lr=self.lr,
            verbose=0,
            device=resolve_device(self.device),
            bptt=self._steps_of_a_chunk(),
            callbacks="disable",
            **{f"criterion__{k}": v for k, v in arguments.items()},
            **{f"optimizer__{k}": v for k, v in options.items()},
        )
        return net.initialize()

    def _input_layer(self) -> tuple[dict[str, Any] | None, NDArray[np.float32] | None]:
        """Return the arguments of the network's first layer, and its vectors."""
        codec = self._input_codec
        if isinstance(codec, NumericCodec):
            return {"n_features": self._form.n_features}, None
        vectors = None if self.embeddings is None else codec.vectors(self.embeddings)
        layer: dict[str, Any] = {
            "n_ids": len(codec.vocabulary),
            "embedding_dim": (
                self.embedding_dim if vectors is None else vectors.shape[1]
            ),
            "frozen": self.freeze_embeddings,
        }
        if codec.char_encoder is not None:
            layer |= {
                "char_encoder": codec.char_encoder,
                "n_char_ids": codec.spelling.n_ids,
                "char_dim": self._char_dim,
            }
        return layer, vectors

    def _optimizer(self) -> tuple[type[torch.optim.Optimizer], dict[str, Any]]:
        weight_decay = self.weight_decay
        if weight_decay == "auto":
            weight_decay = AUTO_WEIGHT_DECAY if self.optimizer == "adamw" else 0.0
        options: dict[str, Any] = {"weight_decay": weight_decay} if weight_decay else {}
        if isinstance(self.optimizer, str):
            optimizer, fixed = OPTIMIZERS[self.optimizer]
            return optimizer, {"weight_decay": weight_decay, **fixed}
        if not issubclass(self.optimizer, torch.optim.Optimizer):
            raise TypeError(
                f"optimizer must be a class of torch.optim, got {self.optimizer!r}"
            )
        return self.optimizer, options

    def _make_callbacks(
        self, schedule: str, n_updates: int, validation: CheckedData | None
    ) -> list[Any]:
        callbacks: list[Any] = [("lr_schedule", LearningRate(schedule, n_updates))]
        if self.max_grad_norm is not None:
            callbacks.append(("max_grad_norm", GradientNormClipping(self.max_grad_norm)))
        if validation is not None:
            patience = self.n_iter_no_change if SCHEDULES[schedule] is None else None
            score = self._scorer(validation) if self.scoring is not None else None
            callbacks.append(("early_stopping", EarlyStopping(patience, score)))
        if self.verbose:
            callbacks.append(("print_log", print_log()))
        return [*callbacks, *check_callbacks(self.callbacks or [])]

    def _scorer(self, validation: CheckedData) -> Any:
        """Return ``score(net)`` on the validation data by the ``scoring`` parameter."""
        scorer = check_scoring(self, self.scoring)

        def score(net: SequenceNet) -> float:
            return float(scorer(copy(self), *validation.raw))

        return score

    def _batch_size(self, lengths: NDArray[np.int64]) -> int:
        """Return the rows of a batch for training sequences of these lengths."""
        if self.batch_size != "auto":
            return int(self.batch_size)
        return auto_batch_size(len(lengths))

    def _n_batches(self, lengths: NDArray[np.int64]) -> int:
        """Return the updates of an epoch."""
        return -(-len(lengths) // self._batch_size(lengths))

    def _max_epochs(self, lengths: NDArray[np.int64]) -> int:
        if self.max_epochs != "auto":
            return int(self.max_epochs)
        wanted = self._auto_updates // self._n_batches(lengths)
        return min(AUTO_MAX_EPOCHS, max(AUTO_MIN_EPOCHS, wanted))

    # --- predicting ------------------------------------------------------------------

    def _check_X(
        self, X: Any, name: str = "X", *, fitted: bool = False
    ) -> CheckedSequences:
        """Open X as the parameters say, once fitted as they said in ``fit``."""
        settings = self._built_with if fitted else self.get_params(deep=False)
        return check_sequences(
            X,
            input_type=settings["input_type"],
            split=check_tokenizer(settings["tokenizer"]).split,
            allow_empty=self._allow_empty,
            estimator=self,
            name=name,
        )

    def _check_like_fit(self, X: Any, checked: CheckedSequences, name: str = "X") -> None:
        form = checked.form
        if not len(checked.steps.values) and form.kind == "numeric" and form.width == 1:
            return  # empty lists could be of any kind
        self._check_names(X, checked)
        self._check_form(checked, name)

    def _check_form(self, checked: CheckedSequences, name: str) -> None:
        """Raise a ValueError if X cannot be of the form that fit saw."""
        check_same_form(checked, self._form, estimator=self, name=name)

    def _check_names(self, X: Any, checked: CheckedSequences) -> None:
        """Compare feature names where X is of the container that fit knows them from."""
        if checked.form.container == "columns":
            check_feature_names(self, X, reset=False)
        elif checked.named is not None and self._form.container == "list":
            check_feature_names(self, checked.named, reset=False)

    def _outputs(self, X: Any) -> tuple[NDArray[np.float32], CheckedSequences]:
        """Return the network's outputs for X ``(n_sequences, n_outputs)``."""
        check_is_fitted(self, "net_")
        checked = self._check_X(X, fitted=True)
        self._check_like_fit(X, checked)
        examples = EncodedDataset(self._encode_inputs(checked.steps))
        return self.net_.predict_outputs(examples), checked

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.target_tags.required = True
        return tags


class _Shown:
    """Stands for a value in a representation."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self) -> str:
        return self.text


def auto_batch_size(n_sequences: int) -> int:
    """Return the rows of a batch: larger data bears, and is faster with, larger ones."""
    return 32 if n_sequences <= 16384 else 64 if n_sequences <= 65536 else 128


def scale_to_mean_1(weight: NDArray, counts: NDArray | None = None) -> float:
    """Return what makes the mean weight 1; ``counts`` is how often each one counts."""
    mean = float(np.average(weight, weights=counts))
    if not mean > 0:
        raise ValueError(
            "every training sequence has weight 0, by sample_weight, class_weight or both "
            "together"
        )
    return 1.0 / mean


def history_frame(history: Any) -> pd.DataFrame:
    """Return skorch's history as one row an epoch, the callbacks' numbers included."""
    rows = [
        {k: v for k, v in row.items() if np.isscalar(v) and not k.endswith("_count")}
        for row in history
    ]
    return pd.DataFrame(rows).set_index("epoch") if rows else pd.DataFrame()


def _equal(a: Any, b: Any) -> bool:
    """Tell whether two values of a parameter are equal, be they arrays or hold some."""
    if a is b:
        return True
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b))
    return bool(a == b)
