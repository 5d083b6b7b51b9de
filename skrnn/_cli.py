"""The command line: a recurrent network beside its baselines on a table of texts.

It reads a file, asks ``compare_estimators``, and prints. The comparison itself belongs in
``model_selection``.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    BaseCrossValidator,
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skrnn import (
    FeedForwardClassifier,
    FeedForwardRegressor,
    SequenceClassifier,
    SequenceRegressor,
)
from skrnn.model_selection import Comparison, ComparisonDisplay, compare_estimators
from skrnn.model_selection._comparison import digits_for, format_p
from skrnn.preprocessing import CharTokenizer, WordTokenizer

#: Names of the estimators in the table.
RECURRENT, FEED_FORWARD, WORDS = "recurrent", "feed-forward", "TF-IDF"
#: What a text is split into.
TOKENIZERS: dict[str, Any] = {"word": WordTokenizer, "char": CharTokenizer}
#: A column of whole numbers with more different ones is a number to predict, not a label.
MAX_NUMERIC_CLASSES = 20
#: p-values below it count as a difference.
SIGNIFICANT = 0.05
#: Cells of numbers that stand for none; in a column of words only the empty cell does.
NOT_AVAILABLE = ["", "NA", "N/A", "NaN", "nan", "None", "null"]
#: Bins of lengths in the picture.
N_BINS = 4
#: The largest seed of numpy's generators.
MAX_SEED = 2**32 - 1


class UsageError(Exception):
    """An error in what the user asked for; its message is printed without a traceback."""


class Task(NamedTuple):
    """A table as a problem: X, y, lengths in tokens, groups, and what to measure."""

    X: Any
    y: Any
    lengths: list[int]
    groups: Any
    is_classification: bool
    scoring: list[str]
    description: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            compare(options)
    except (UsageError, ValueError, TypeError, ImportError, OSError) as error:
        parser.exit(2, f"{parser.prog} {options.command}: error: {error}\n")
    for message in dict.fromkeys(str(each.message) for each in caught):
        sys.stderr.write(f"warning: {message}\n")
    return 0


def whole_number(lowest: int, highest: int | None = None) -> Callable[[str], int]:
    """Return a converter of an option's text to a whole number in a range.

    >>> whole_number(2)("5")
    5
    """

    def convert(text: str) -> int:
        number = _as_int(text)
        if number < lowest or (highest is not None and number > highest):
            span = f"at least {lowest}" if highest is None else f"{lowest} to {highest}"
            raise argparse.ArgumentTypeError(f"must be {span}, got {number}")
        return number

    return convert


def number_of_jobs(text: str) -> int:
    """Return an option's text as a number of processes; negative ones count from the cores."""
    number = _as_int(text)
    if number == 0:
        raise argparse.ArgumentTypeError("must be at least 1, or -1 for all cores, got 0")
    return number


def _as_int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a whole number, got {text!r}"
        ) from None


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of ``python -m skrnn``."""
    parser = argparse.ArgumentParser(
        prog="python -m skrnn", description="Recurrent networks for scikit-learn."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser(
        "compare",
        help="does recurrence pay on the texts of a CSV file?",
        description=(
            "Cross-validate a recurrent network, the feed-forward baseline and a linear "
            "model of TF-IDF on the texts of a CSV file, and print their scores, times "
            "and sizes. A corrected t-test tells differences from noise."
        ),
        epilog=(
            "Example: python -m skrnn compare reviews.csv --text review --target label "
            "--plot comparison.png"
        ),
    )
    add = command.add_argument
    add("file", type=Path, help="CSV file, one row a text, with a line of column names")
    add("--text", required=True, metavar="COLUMN", help="column of texts")
    add("--target", required=True, metavar="COLUMN", help="column to predict")
    add(
        "--features",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns of numbers or categories beside the text",
    )
    add(
        "--group",
        metavar="COLUMN",
        help="rows with the same value, such as an author, are never in both training and "
        "test",
    )
    add(
        "--task",
        choices=["auto", "classification", "regression"],
        default="auto",
        help="auto: regression for numbers with fractions or more than "
        f"{MAX_NUMERIC_CLASSES} different values",
    )
    add(
        "--scoring",
        nargs="+",
        metavar="NAME",
        help="scikit-learn's names of metrics, the first decides (default: accuracy "
        "f1_macro, or r2 neg_mean_absolute_error)",
    )
    add(
        "--tokenizer",
        choices=list(TOKENIZERS),
        default="word",
        help="what the networks and TF-IDF read of a text; char for names, words, or "
        "scripts without spaces (default: word)",
    )
    add(
        "--cv",
        type=whole_number(2),
        default=5,
        metavar="N",
        help="folds, at least 2 (default: 5)",
    )
    add(
        "--sample",
        type=whole_number(2),
        metavar="N",
        help="use N rows, drawn at random",
    )
    add("--sep", help="separator (default: a tab for .tsv, else a comma)")
    add(
        "--drop-missing",
        action="store_true",
        help="leave rows without text, target or group out; white space is no text",
    )
    add(
        "--max-epochs",
        type=whole_number(1),
        metavar="N",
        help="passes of the networks (default: auto)",
    )
    add(
        "--n-jobs",
        type=number_of_jobs,
        metavar="N",
        help="fits at the same time, -1 for as many as cores (default: 1)",
    )
    add(
        "--seed",
        type=whole_number(0, MAX_SEED),
        default=0,
        metavar="N",
        help="of folds and networks (default: 0)",
    )
    add("--plot", type=Path, metavar="FILE", help="save a picture (.png, .svg, .pdf)")
    return parser


def compare(options: argparse.Namespace) -> None:
    """Compare, print the result, and save the picture."""
    figure = None if options.plot is None else _new_figure(options.plot)
    task = read_task(options)
    estimators = make_estimators(task, options)
    sys.stderr.write(
        f"{task.description}\n{len(estimators) * options.cv} fits: "
        f"{len(estimators)} estimators on {options.cv} folds\n"
    )
    comparison = compare_estimators(
        estimators,
        task.X,
        task.y,
        groups=task.groups,
        scoring=task.scoring,
        cv=make_folds(task, options),
        n_jobs=options.n_jobs,
        by_length=N_BINS if figure is not None and np.ptp(task.lengths) else None,
        lengths=task.lengths,
        verbose=1,
    )
    sys.stdout.write(f"{comparison}\n\n{verdict(comparison)}\n")
    if figure is not None:
        draw(comparison, figure)
        figure.savefig(options.plot, dpi=150)


# --- the table ----------------------------------------------------------------------------


def read_task(options: argparse.Namespace) -> Task:
    """Read the file and return its columns as a problem."""
    frame = read_frame(options)
    target = frame[options.target]
    is_classification = _is_classification(target, options)
    if is_classification:
        labels = target.astype(str) if target.dtype == object else target
        counts = labels.value_counts()
        if len(counts) < 2:
            raise UsageError(
                f"column {options.target!r} has a single class, {str(counts.index[0])!r}, in all "
                f"{len(frame):,} rows; there is nothing to predict"
            )
        if counts.max() < options.cv:
            raise UsageError(
                f"column {options.target!r} has {len(counts):,} classes in {len(frame):,} "
                f"rows, none with the {options.cv} rows that --cv {options.cv} needs; is it "
                "the right column?"
            )
        y = labels.to_numpy()
        share = counts.max() / len(frame)
        kind = (
            f"{len(counts)} classes, of which the commonest, {str(counts.index[0])!r}, has "
            f"{share:.0%} of the rows"
        )
        scoring = ["accuracy", "f1_macro"]
    else:
        y = _as_numbers(target, options)
        kind = f"numbers from {y.min():g} to {y.max():g}"
        scoring = ["r2", "neg_mean_absolute_error"]
    description = (
        f"{len(frame):,} texts; column {options.target!r} holds {kind}"
        f"{_count_blank(frame[options.text])}"
    )
    groups = None if options.group is None else frame[options.group].to_numpy()
    split = TOKENIZERS[options.tokenizer]().split
    return Task(
        _make_X(frame, options),
        y,
        [len(split(text)) for text in frame[options.text]],
        groups,
        is_classification,
        options.scoring or scoring,
        description,
    )


def _is_blank(column: pd.Series) -> pd.Series:
    """Return which strings are white space alone; missing ones are not."""
    return column.str.strip() == ""


def _count_blank(texts: pd.Series) -> str:
    """Return a line that says how many texts are white space alone, empty where none is."""
    blank = _is_blank(texts).to_numpy()
    if not blank.any():
        return ""
    if blank.all():
        raise UsageError(
            f"column {texts.name!r} is white space alone in all {len(texts):,} rows; is it "
            "the right column?"
        )
    return (
        f"\ncolumn {texts.name!r} is white space alone in {blank.sum():,} of {len(texts):,} "
        "rows; --drop-missing leaves them out"
    )


def _numbers_or_words(column: pd.Series) -> pd.Series:
    """Return strings as numbers if all are, but for codes such as "01"."""
    known = column[~column.isin(NOT_AVAILABLE)].dropna()
    are_codes = known.str.fullmatch(r"0\d+").any()
    if are_codes or pd.to_numeric(known, errors="coerce").isna().any():
        return column
    return pd.to_numeric(column.where(~column.isin(NOT_AVAILABLE)))


def read_frame(options: argparse.Namespace) -> pd.DataFrame:
    """Read the file; every named column is there, and every text and target.

    White space alone is a missing target or group, and a missing text where those are left
    out.
    """
    path = options.file
    if not path.is_file():
        raise UsageError(f"there is no file {str(path)!r}")
    separator = options.sep or ("\t" if path.suffix == ".tsv" else ",")
    group = [] if options.group is None else [options.group]
    words = [options.text, options.target, *group]  # in which "NA" may be a word
    try:
        frame = pd.read_csv(
            path,
            sep=separator,
            dtype=dict.fromkeys(words, str),
            keep_default_na=False,
            na_values={
                name: [""] if name in words else NOT_AVAILABLE
                for name in pd.read_csv(path, sep=separator, nrows=0).columns
            },
        )
    except (ValueError, OSError) as error:  # pandas' parser errors are ValueErrors
        raise UsageError(f"{str(path)!r} cannot be read as CSV: {error}") from error
    named = [options.text, options.target, *options.features, *group]
    for column in named:
        if column not in frame.columns:
            advice = "; is --sep right?" if frame.shape[1] == 1 else ""
            raise UsageError(
                f"{str(path)!r} has no column {column!r}; its columns are "
                f"{frame.columns.tolist()}{advice}"
            )
    roles = [options.text, options.target, *options.features]
    if len(set(roles)) < len(roles):
        raise UsageError(
            f"a column is named twice among text, target and features: {roles}"
        )
    for column in words if options.drop_missing else words[1:]:
        frame[column] = frame[column].mask(_is_blank(frame[column]))
    frame[options.target] = _numbers_or_words(frame[options.target])
    for column in [options.text, options.target, *group]:
        frame = _without_missing(frame, column, drop=options.drop_missing)
    _check_finite(frame, options)
    if options.sample is not None and options.sample < len(frame):
        frame = frame.sample(options.sample, random_state=options.seed)
    if len(frame) < max(2, options.cv):
        raise UsageError(f"{len(frame)} rows are too few for --cv {options.cv}")
    return frame.reset_index(drop=True)


def _without_missing(frame: pd.DataFrame, column: str, *, drop: bool) -> pd.DataFrame:
    missing = frame[column].isna().to_numpy()
    if not missing.any():
        return frame
    if drop:
        return frame[~missing]
    raise UsageError(
        f"column {column!r} is empty in {missing.sum():,} of {len(frame):,} rows, first in "
        f"row {np.flatnonzero(missing)[0] + 1}; --drop-missing leaves them out"
    )


def _check_finite(frame: pd.DataFrame, options: argparse.Namespace) -> None:
    """Raise an error that names an infinite number in the target or the features."""
    for name in [options.target, *options.features]:
        column = frame[name]
        if name == options.target and options.task == "regression":
            column = pd.to_numeric(column, errors="coerce")
        if not pd.api.types.is_numeric_dtype(column):
            continue
        infinite = np.isinf(column.to_numpy(np.float64))
        if infinite.any():
            row = column.index[infinite][0]
            raise UsageError(
                f"column {name!r} is {column[row]} in row {row + 1}, expected finite numbers"
            )


def _is_classification(target: pd.Series, options: argparse.Namespace) -> bool:
    if options.task != "auto":
        return options.task == "classification"
    if not pd.api.types.is_numeric_dtype(target) or pd.api.types.is_bool_dtype(target):
        return True
    return bool((target == target.round()).all()) and (
        target.nunique() <= MAX_NUMERIC_CLASSES
    )


def _as_numbers(target: pd.Series, options: argparse.Namespace) -> np.ndarray:
    numbers = pd.to_numeric(target, errors="coerce")
    if numbers.isna().any():
        first = target[numbers.isna()].iloc[0]
        raise UsageError(
            f"column {options.target!r} holds {first!r}, expected numbers for regression"
        )
    return numbers.to_numpy(np.float64)


def _make_X(frame: pd.DataFrame, options: argparse.Namespace) -> Any:
    """Return a list of texts, or a frame of texts and static columns."""
    if not options.features:
        return frame[options.text].tolist()
    columns = {options.text: frame[options.text]}
    for name in options.features:
        column = frame[name]
        is_number = pd.api.types.is_numeric_dtype(column)
        columns[name] = column.astype(float) if is_number else column.astype("category")
    return pd.DataFrame(columns)


# --- the estimators -----------------------------------------------------------------------


def make_estimators(task: Task, options: argparse.Namespace) -> dict[str, Any]:
    """Return the recurrent network and its baselines."""
    networks: dict[str, Any]
    if task.is_classification:
        networks = {
            RECURRENT: SequenceClassifier(),
            FEED_FORWARD: FeedForwardClassifier(),
        }
        linear: Any = LogisticRegression(max_iter=1000)
    else:
        networks = {RECURRENT: SequenceRegressor(), FEED_FORWARD: FeedForwardRegressor()}
        linear = Ridge()
    has_gaps = isinstance(task.X, pd.DataFrame) and bool(task.X.isna().any(axis=None))
    for network in networks.values():
        network.set_params(random_state=options.seed, tokenizer=options.tokenizer)
        if options.max_epochs is not None:
            network.set_params(max_epochs=options.max_epochs)
        if has_gaps:
            network.set_params(missing="indicator")
    return networks | {WORDS: make_pipeline(_word_features(task.X, options), linear)}


def _word_features(X: Any, options: argparse.Namespace) -> Any:
    """Return TF-IDF of the tokens that the networks see, beside the static columns."""
    split = TOKENIZERS[options.tokenizer]().split
    tfidf = TfidfVectorizer(tokenizer=split, token_pattern=None)
    if isinstance(X, list):
        return tfidf
    text, *features = X.columns
    numbers = [name for name in features if pd.api.types.is_numeric_dtype(X[name])]
    categories = [name for name in features if name not in numbers]
    scaled: Pipeline = make_pipeline(
        SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    return ColumnTransformer(
        [
            ("text", tfidf, text),
            ("numbers", scaled, numbers),
            ("categories", OneHotEncoder(handle_unknown="ignore"), categories),
        ]
    )


def make_folds(task: Task, options: argparse.Namespace) -> BaseCrossValidator:
    """Return shuffled folds, stratified for classes, whole groups where there are some."""
    kinds = {
        (True, False): StratifiedKFold,
        (True, True): StratifiedGroupKFold,
        (False, False): KFold,
        (False, True): GroupKFold,
    }
    kind = kinds[task.is_classification, task.groups is not None]
    return kind(options.cv, shuffle=True, random_state=options.seed)


# --- the answer ---------------------------------------------------------------------------


def verdict(comparison: Comparison) -> str:
    """Return a sentence that says whether recurrence pays."""
    metric = comparison.metrics[0]
    rows = comparison.differences
    rows = rows[rows["metric"] == metric].set_index("estimator")
    best = rows["difference"].idxmax()
    gap, p_value = -rows.loc[best, "difference"], rows.loc[best, "p_adjusted"]
    size = format(abs(gap), digits_for(gap))
    where = (
        f"{size} {'above' if gap > 0 else 'below'} that of {best}, the better baseline"
    )
    if not p_value < SIGNIFICANT:
        n_folds = comparison.scores["fold"].nunique()
        return (
            f"No difference that {n_folds} folds tell from noise: the {metric} of the "
            f"recurrent network is {where} ({format_p(p_value)})."
            f"{_slowness(_ratio_of_times(comparison, best))}"
        )
    start = "Recurrence pays" if gap > 0 else "Recurrence does not pay"
    return (
        f"{start} on these texts: the {metric} of the recurrent network is {where} "
        f"({format_p(p_value)})."
    )


def _ratio_of_times(comparison: Comparison, other: str) -> float:
    """Return the recurrent network's time of training over another's.

    NaN if one of them was fitted in new processes only, whose first fit also imports and
    compiles.
    """
    fits = comparison.fits
    later = fits.loc[~fits["first_call"], "estimator"].unique()
    times = comparison.table["fit_time"].reindex(later)
    return float(times.get(RECURRENT, np.nan) / times.get(other, np.nan))


def _slowness(ratio: float) -> str:
    """Return a sentence about training that takes longer, empty where none is known to.

    >>> _slowness(812.3), _slowness(2.34), _slowness(1.0)
    (' Its training takes 812 times as long.', ' Its training takes 2.3 times as long.', '')
    """
    if not ratio >= 1.1:  # NaN too
        return ""
    times = f"{ratio:.1f}" if ratio < 10 else f"{ratio:,.0f}"
    return f" Its training takes {times} times as long."


def _new_figure(path: Path) -> Any:
    """Return a figure to draw on; what cannot be saved is refused before training."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError('--plot needs matplotlib; pip install "skrnn[plot]"') from error
    figure = Figure(layout="constrained")
    formats = FigureCanvasAgg(figure).get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in formats:
        raise UsageError(f"--plot {str(path)!r} must end in one of {sorted(formats)}")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--plot: there is no folder {str(path.absolute().parent)!r}")
    return figure


def draw(comparison: Comparison, figure: Any) -> None:
    """Draw the scores, and below them the scores by length where they were computed."""
    n_rows = 1 if comparison.scores_by_length is None else 2
    figure.set_size_inches(8, 3.2 if n_rows == 1 else 6.4)
    axes = figure.subplots(n_rows, squeeze=False, height_ratios=[3, 4][:n_rows])[:, 0]
    ComparisonDisplay.from_comparison(comparison, ax=axes[0])
    if n_rows == 2:
        ComparisonDisplay.from_comparison(comparison, kind="length", ax=axes[1])
