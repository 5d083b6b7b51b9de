"""Parameters of decoding and generation, callbacks, device and seed."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import Any, ClassVar

import torch

from skrnn._sklearn import Interval
from skrnn.estimators._parameters._constraints import (
    NON_NEGATIVE_INT,
    POSITIVE_INT,
)
from skrnn.estimators._rows import OneOf, parameter, parameters
from skrnn.modules.products import PRECISIONS

#: Of lengths that divide log-probabilities: any length to this power is a finite number.
MAX_PENALTY = 10


@parameters
class BeamParameters:
    """Beam search."""

    _group: ClassVar[str] = "other"

    beam_size: int = parameter(
        5,
        [POSITIVE_INT],
        """Hypotheses kept at each step of decoding; more find more probable targets and
        take longer. 1 is greedy. May be changed after ``fit``.""",
        kind="int",
    )
    max_length: int | str = parameter(
        "auto",
        [POSITIVE_INT, OneOf(("auto",))],
        """Tokens after which a target is ended. "auto": as many as the longest in training;
        for a source longer than any in training, more in proportion; it grows where
        training continues with longer targets. May be changed after ``fit``.""",
        kind='int or "auto"',
    )
    length_penalty: float = parameter(
        1.0,
        [Interval(Real, 0, MAX_PENALTY, closed="both")],
        """Exponent ``p`` of ``((5 + n_tokens) / 6) ** p``, by which a beam divides
        log-probabilities; more favours longer targets, 0 takes the most probable one. May
        be changed after ``fit``.""",
        kind="float in [0, 10]",
    )
    no_repeat_ngram_size: int = parameter(
        0,
        [NON_NEGATIVE_INT],
        """Length of the runs of tokens that may occur only once in a target: 3 forbids a token
        that would repeat a run of three. 0 allows all. May be changed after ``fit``.""",
        kind="int",
    )
    replace_unknown: bool = parameter(
        False,
        ["boolean"],
        """Whether the unknown token may be predicted, and is then replaced by the source's
        token of the highest attention: names and numbers are copied. Without it the most
        probable known token is predicted. It helps where training targets have unknown
        words, by ``target_min_count`` or ``target_max_vocabulary``. Needs an
        ``attention``. May be changed after ``fit``.""",
        kind="bool",
    )


@parameters
class GenerationParameters:
    """The length of what is generated."""

    _group: ClassVar[str] = "other"

    max_length: int = parameter(
        100,
        [POSITIVE_INT],
        "Most steps that are generated, where a method is given no other number.",
        kind="int",
    )


@parameters
class OtherParameters:
    """Callbacks, output, device, seed."""

    _group: ClassVar[str] = "other"

    n_estimators: int = parameter(
        1,
        [POSITIVE_INT],
        """Members of an ensemble: networks that differ in their seeds, drawn from
        ``random_state``, and whose answers are averaged (probabilities, numbers, scores of
        labels). More make fewer errors, and cost as many times the training and the
        prediction. They share the data and its validation part.""",
        kind="int",
        architecture=True,
    )
    n_jobs: int | None = parameter(
        None,
        [None, POSITIVE_INT, Interval(Integral, None, -1, closed="right")],
        """Members that train at a time, through joblib: by default in threads,
        ``joblib.parallel_config`` chooses processes or dask. None is 1, -1 all cores. It does
        not change what is learned.""",
        kind="int or None",
    )
    callbacks: Any = parameter(
        None,
        [None, list, tuple],
        """skorch callbacks, called by the training loop after its own. One ends training
        by raising ``skrnn.StopTraining``. A scheduler of the learning rate belongs with
        ``lr_schedule="constant"``. Those of scikit-learn are given to ``set_callbacks``.""",
        kind="list of skorch callbacks or None",
    )
    warm_start: bool = parameter(
        False,
        ["boolean"],
        """Whether ``fit`` continues from the weights of the last ``fit``; vocabulary,
        classes and scales stay those of the first, and so must the parameters of the
        network.""",
        kind="bool",
    )
    checkpoint: Any = parameter(
        None,
        [None, str, os.PathLike],
        """File, or existing directory, to which ``fit`` writes its state after an epoch, at
        most 3 % of the time. The same ``fit`` resumes from it and ends as if it had never
        been interrupted. A file is removed when training ends; a directory has one file
        for each fit, and keeps those that have ended, whose fits are not repeated.
        Searches need an existing directory: end its name in "/", which is refused if
        there is none.""",
        kind="str, path or None",
    )
    on_interrupt: str = parameter(
        "raise",
        [OneOf(("raise", "keep"))],
        """Effect of Ctrl-C in training. "keep" ends it after the update, with a warning: the
        estimator is fitted with the best weights so far where it watches held-out data,
        else with the last. Before the first update, within 5 seconds after another Ctrl-C,
        and in workers and threads it raises KeyboardInterrupt.""",
    )
    keep_optimizer: bool = parameter(
        False,
        ["boolean"],
        """Whether files of the estimator hold the state of the optimizer, so that
        ``warm_start`` and ``partial_fit`` continue after loading as if it had never been
        saved. They are then three times as large. Takes effect in ``fit``.""",
        kind="bool",
    )
    verbose: int = parameter(
        0,
        ["verbose"],
        "1 prints one line of progress, 2 a row an epoch; nothing is printed in workers.",
        kind="int",
    )
    device: str | torch.device = parameter(
        "auto",
        [str, torch.device],
        'Where the network runs, as torch names it; "auto" takes a GPU where there is one.',
        kind="str",
        architecture=True,
    )
    precision: str = parameter(
        "float32",
        [OneOf(PRECISIONS)],
        """Precision of large matrix products in training; weights, losses, states of the
        LSTM's cells and all predictions are float32. "bfloat16" has fewer digits and is
        faster on processors with matrix units (Intel AMX), where it includes the LSTM's
        steps, and on a GPU over many classes or tokens. Other devices are refused.""",
        architecture=True,
    )
    random_state: Any = parameter(
        None,
        ["random_state"],
        "Fixes initial weights, the order of the data and dropout.",
        kind="int, RandomState or None",
    )
