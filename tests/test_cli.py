"""The command line on small files."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from skrnn._cli import (
    UsageError,
    main,
    make_estimators,
    make_parser,
    read_task,
    verdict,
)
from skrnn.model_selection import Comparison


@pytest.fixture
def frame():
    """Return forty texts whose word "good" decides the label."""
    rng = np.random.default_rng(0)
    words = np.array(["good", "bad", "film", "plot"])
    texts = [" ".join(rng.choice(words, n)) for n in rng.integers(2, 6, 40)]
    return pd.DataFrame(
        {
            "review": texts,
            "label": ["yes" if "good" in text else "no" for text in texts],
            "stars": rng.normal(size=40).round(2),
            "year": rng.integers(2000, 2009, 40),
            "shop": rng.choice(["x", "y"], 40),
            "author": np.arange(40) % 8,
        }
    )


@pytest.fixture
def save(tmp_path):
    """Return a function that writes a frame to a file and returns its path."""

    def write(frame, name="data.csv", **options):
        path = tmp_path / name
        frame.to_csv(path, index=False, **options)
        return str(path)

    return write


def run(path, *options, text="review", target="label"):
    given = ["compare", path, "--text", text, "--target", target, "--max-epochs", "1"]
    return main([*given, *options])


def fails(capsys, *arguments, **options):
    """Return the message of a run that must fail."""
    with pytest.raises(SystemExit) as error:
        run(*arguments, **options)
    assert error.value.code == 2
    return capsys.readouterr().err


def task_of(path, *options, text="review", target="label"):
    given = ["compare", path, "--text", text, "--target", target, *options]
    return read_task(make_parser().parse_args(given))


def test_the_table_and_the_answer_are_printed(frame, save, capsys):
    assert run(save(frame), "--cv", "2") == 0
    out, err = capsys.readouterr()
    for name in ("recurrent", "feed-forward", "TF-IDF"):
        assert re.search(rf"^{name} +\d\.\d{{3}} ± \d", out, re.MULTILINE)
    assert re.search(
        "tell from noise|Recurrence (pays|does not pay)", out.splitlines()[-1]
    )
    assert "40 texts; column 'label' holds 2 classes" in err
    assert len(re.findall("^fold ", err, re.MULTILINE)) == 6


def test_the_same_seed_gives_the_same_scores(frame, save, capsys):
    path = save(frame)
    outputs = []
    for _ in range(2):
        run(path, "--cv", "2", "--seed", "3")
        outputs.append(re.findall(r"0\.\d{3} ± 0\.\d{3}", capsys.readouterr().out))
    assert outputs[0] == outputs[1] != []


def test_a_picture_is_saved(frame, save, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "picture.png"
    assert run(save(frame), "--cv", "2", "--plot", str(picture)) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_columns_beside_the_text_groups_and_numbers_to_predict(frame, save, capsys):
    frame.loc[3, "year"] = np.nan
    frame.loc[4, "shop"] = None
    options = ["--features", "year", "shop", "--group", "author", "--cv", "2"]
    assert run(save(frame), *options, target="stars") == 0
    out, err = capsys.readouterr()
    assert "r2" in out
    assert "column 'stars' holds numbers from" in err
    assert run(save(frame), *options) == 0
    assert "accuracy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("target", "options", "is_classification"),
    [
        ("label", (), True),
        ("stars", (), False),
        ("year", (), True),  # nine whole numbers
        ("year", ("--task", "regression"), False),
        ("stars", ("--task", "classification", "--cv", "2"), True),
    ],
)
def test_the_task_follows_from_the_target(
    frame, save, target, options, is_classification
):
    task = task_of(save(frame), *options, target=target)
    assert task.is_classification == is_classification


def test_many_whole_numbers_are_numbers_to_predict(frame, save):
    frame["price"] = np.arange(40)
    assert not task_of(save(frame), target="price").is_classification


def test_all_estimators_read_the_same_words(frame, save):
    path = save(frame)
    options = make_parser().parse_args(
        ["compare", path, "--text", "review", "--target", "label"]
    )
    task = read_task(options)
    estimators = make_estimators(task, options)
    words = estimators["TF-IDF"].fit(task.X, task.y)[0].vocabulary_
    network = estimators["feed-forward"].set_params(max_epochs=1).fit(task.X, task.y)
    assert set(words) <= set(network.vocabulary_)


def test_names_are_read_by_characters(frame, save, capsys):
    frame["name"] = ["ab" + "a" * (i % 5) for i in range(40)]
    assert run(save(frame), "--cv", "2", "--tokenizer", "char", text="name") == 0
    assert "2–6" in capsys.readouterr().out  # the shortest and the longest, in characters


def test_rows_can_be_drawn_and_files_may_be_separated_by_tabs(frame, save):
    path = save(frame, "data.tsv", sep="\t")
    task = task_of(path, "--sample", "10", "--cv", "2")
    assert len(task.X) == len(task.y) == 10
    assert task.X == task_of(path, "--sample", "10", "--cv", "2").X
    assert task.X != task_of(path, "--sample", "10", "--cv", "2", "--seed", "1").X


# --- the answer ---------------------------------------------------------------------------


def answer(recurrent, words, n_first=1):
    """Return the sentence about scores of five folds; the baseline is worse than both."""
    noise = np.array([0.01, -0.01, 0.02, -0.02, 0.0])
    scores = {
        "recurrent": recurrent + noise,
        "feed-forward": 0.1 + noise[::-1],
        "TF-IDF": words - noise,
    }
    rows = [
        {"estimator": name, "fold": fold, "metric": "accuracy", "score": score}
        for name, values in scores.items()
        for fold, score in enumerate(values)
    ]
    number = {"n_parameters": 1, "n_iter": 1, "size": 1, "shortest": 1, "longest": 1}
    fits = [
        {"estimator": row["estimator"], "fold": row["fold"], "n_train": 80, "n_test": 20}
        | {"fit_time": 10 if row["estimator"] == "recurrent" else 0.5, "predict_time": 1}
        | {"first_call": row["fold"] < n_first}
        | number
        for row in rows
    ]
    return verdict(Comparison(scores=pd.DataFrame(rows), fits=pd.DataFrame(fits)))


def test_the_answer_is_yes_no_or_noise():
    yes, no, noise = answer(0.9, 0.5), answer(0.5, 0.9), answer(0.9, 0.89)
    assert yes.startswith("Recurrence pays on these texts: the accuracy of the recurrent")
    assert "is 0.400 above that of TF-IDF, the better baseline (p " in yes
    assert no.startswith("Recurrence does not pay on these texts")
    assert "is 0.400 below that of TF-IDF" in no
    assert noise.startswith("No difference that 5 folds tell from noise")
    assert noise.endswith("Its training takes 20 times as long.")


def test_seconds_of_first_calls_alone_are_not_compared():
    assert "times as long" in answer(0.9, 0.89, n_first=4)
    assert "times as long" not in answer(0.9, 0.89, n_first=5)


# --- errors -------------------------------------------------------------------------------


def test_a_missing_file_or_column_is_named(frame, save, capsys, tmp_path):
    assert "there is no file" in fails(capsys, str(tmp_path / "nothing.csv"))
    message = fails(capsys, save(frame), text="text")
    assert "has no column 'text'; its columns are ['review', 'label', 'stars'" in message
    assert "no column 'age'" in fails(capsys, save(frame), "--features", "year", "age")
    assert "is named twice" in fails(capsys, save(frame), target="review")
    assert "is --sep right?" in fails(capsys, save(frame, sep=";"))
    broken = tmp_path / "broken.csv"
    broken.write_text("")
    assert "cannot be read as CSV" in fails(capsys, str(broken))


def test_a_missing_text_or_target_is_an_error_or_left_out(frame, save, capsys):
    frame.loc[[6, 9], "review"] = None
    path = save(frame)
    message = fails(capsys, path)
    assert "column 'review' is empty in 2 of 40 rows, first in row 7" in message
    assert "--drop-missing leaves them out" in message
    assert len(task_of(path, "--drop-missing").X) == 38


def test_a_target_that_cannot_be_learned_is_an_error(frame, save, capsys):
    frame["one"] = "same"
    assert "has a single class, 'same', in all 40 rows" in fails(
        capsys, save(frame), target="one"
    )
    frame["key"] = [f"id{i}" for i in range(40)]
    message = fails(capsys, save(frame), target="key")
    assert "has 40 classes in 40 rows, none with the 5 rows that --cv 5 needs" in message
    message = fails(capsys, save(frame), "--task", "regression")
    assert re.search("column 'label' holds '(yes|no)', expected numbers", message)
    assert "are too few for --cv 5" in fails(capsys, save(frame[:3]))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--cv", "1", "must be at least 2, got 1"),
        ("--cv", "0", "must be at least 2, got 0"),
        ("--cv", "2.5", "expected a whole number, got '2.5'"),
        ("--sample", "-5", "must be at least 2, got -5"),
        ("--sample", "1", "must be at least 2, got 1"),
        ("--max-epochs", "0", "must be at least 1, got 0"),
        ("--n-jobs", "0", "must be at least 1, or -1 for all cores, got 0"),
        ("--n-jobs", "two", "expected a whole number, got 'two'"),
        ("--seed", "-1", "must be 0 to 4294967295, got -1"),
        ("--seed", "4294967296", "must be 0 to 4294967295, got 4294967296"),
    ],
)
def test_a_number_out_of_its_range_names_the_option(capsys, option, value, message):
    error = fails(capsys, "data.csv", option, value)
    last = error.splitlines()[-1]
    assert last == f"python -m skrnn compare: error: argument {option}: {message}"


def test_numbers_at_the_ends_of_their_ranges_are_taken(frame, save):
    options = ("--cv", "2", "--sample", "2", "--n-jobs", "-1", "--seed", "4294967295")
    assert len(task_of(save(frame), *options, target="stars").X) == 2


@pytest.mark.parametrize("number", ["inf", "-inf", "1e400"])
def test_an_infinite_number_is_named(frame, save, capsys, number):
    frame["stars"] = frame["stars"].astype(str)
    frame.loc[6, "stars"] = number
    shown = "-inf" if number == "-inf" else "inf"
    message = f"column 'stars' is {shown} in row 7, expected finite numbers"
    assert message in fails(capsys, save(frame), target="stars")
    assert message in fails(capsys, save(frame), "--features", "year", "stars")
    frame["stars"] = [f"0{i}" for i in range(40)]
    frame.loc[6, "stars"] = number  # the others may be codes
    path = save(frame)
    assert message in fails(capsys, path, "--task", "regression", target="stars")


def test_a_word_for_infinity_is_a_label(frame, save):
    frame["label"] = frame["label"].replace("no", "inf")
    assert set(task_of(save(frame)).y) == {"yes", "inf"}


def test_texts_of_white_space_are_counted_or_left_out(frame, save, capsys):
    frame.loc[[6, 9], "review"] = ["  ", "\t"]
    path = save(frame)
    assert run(path, "--cv", "2") == 0
    line = "column 'review' is white space alone in 2 of 40 rows; --drop-missing leaves"
    assert line in capsys.readouterr().err
    task = task_of(path, "--drop-missing")
    assert len(task.X) == 38
    assert "white space" not in task.description
    frame["review"] = " "
    message = fails(capsys, save(frame))
    assert "column 'review' is white space alone in all 40 rows" in message


def test_targets_and_groups_of_white_space_are_missing(frame, save, capsys):
    frame["stars"] = frame["stars"].astype(str)
    frame.loc[6, "stars"] = " "
    path = save(frame)
    message = "column 'stars' is empty in 1 of 40 rows, first in row 7"
    assert message in fails(capsys, path, target="stars")
    assert message in fails(capsys, path, "--group", "stars")
    task = task_of(path, "--drop-missing", target="stars")
    assert len(task.y) == 39
    assert not task.is_classification


def test_a_picture_that_cannot_be_saved_is_refused_before_training(
    frame, save, capsys, tmp_path
):
    pytest.importorskip("matplotlib")
    path = save(frame)
    assert "must end in one of" in fails(capsys, path, "--plot", "picture.docx")
    picture = str(tmp_path / "nowhere" / "picture.png")
    assert "there is no folder" in fails(capsys, path, "--plot", picture)


def test_a_picture_that_fails_to_be_saved_is_an_error_without_a_traceback(
    frame, save, capsys, tmp_path
):
    pytest.importorskip("matplotlib")
    (tmp_path / "picture.png").mkdir()
    picture = str(tmp_path / "picture.png")
    assert "picture.png" in fails(capsys, save(frame), "--cv", "2", "--plot", picture)


def test_an_unknown_metric_is_an_error_without_a_traceback(frame, save, capsys):
    message = fails(capsys, save(frame), "--scoring", "acuracy")
    assert message.splitlines()[-1].startswith("python -m skrnn compare: error: ")
    assert "acuracy" in message


@pytest.mark.slow
def test_it_runs_as_a_module(frame, save):
    command = [sys.executable, "-m", "skrnn", "compare", save(frame), "--text", "review"]
    options = ["--target", "label", "--cv", "2", "--max-epochs", "1"]
    result = subprocess.run(
        [*command, *options], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "recurrent" in result.stdout


def test_words_that_pandas_reads_as_missing_are_labels_and_texts(tmp_path):
    path = tmp_path / "countries.csv"
    rows = ["text,label", *(["null word,NA", "a word,SA"] * 5)]
    path.write_text("\n".join(rows), encoding="utf-8")
    task = task_of(str(path), text="text", target="label")
    assert sorted(set(task.y)) == ["NA", "SA"]


def test_codes_with_leading_zeros_are_different_labels(tmp_path):
    path = tmp_path / "codes.csv"
    rows = ["text,label", *(["one word,01", "a word,1"] * 5)]
    path.write_text("\n".join(rows), encoding="utf-8")
    task = task_of(str(path), text="text", target="label")
    assert sorted(set(task.y)) == ["01", "1"]


def test_numbers_with_words_for_missing_ones_are_numbers(tmp_path):
    path = tmp_path / "prices.csv"
    rows = ["text,price", "nothing,NA", *(f"word {i},{i}.5" for i in range(30))]
    path.write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(UsageError, match="column 'price' is empty in 1 of 31 rows"):
        task_of(str(path), text="text", target="price")
