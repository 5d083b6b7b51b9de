"""Tables of several step fields and static columns, gaps, scales and times, over all
estimators."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars
import pytest
from numpy.testing import assert_allclose, assert_array_equal

LENGTHS = [1, 6, *np.random.default_rng(0).integers(1, 7, size=22).tolist()]
N = len(LENGTHS)


def column(cells):
    """Return cells as a column of objects."""
    return pd.Series(np.fromiter(cells, object, len(cells)))


@pytest.fixture
def table(case, words, rng):
    """Return words, a number and a category a sequence; readings too where they may be."""
    frame = pd.DataFrame({"words": column(words)})
    if case.answer != "itself":
        frame["pulse"] = column([rng.normal(70, 9, n) for n in LENGTHS])
    frame["age"] = rng.integers(20, 80, N)
    frame["city"] = pd.Categorical(rng.choice(["Oslo", "Rome", "Bern"], N))
    return frame


# --- fields --------------------------------------------------------------------------


def test_columns_come_in_any_order_and_rows_stand_alone(
    make_estimator, table, y, outputs
):
    model = make_estimator().fit(table, y)
    assert model.n_features_in_ == table.shape[1]
    assert model.feature_names_in_.tolist() == table.columns.tolist()
    expected = outputs(model, table)
    assert_array_equal(outputs(model, table[table.columns[::-1]]), expected)
    assert_array_equal(outputs(model, table[::-1]), expected[::-1])
    alone = outputs(model, table[3:4])
    assert_allclose(alone, expected[3:4, : alone.shape[1]], rtol=1e-4, atol=1e-5)
    assert_array_equal(outputs(pickle.loads(pickle.dumps(model)), table), expected)


def test_the_role_of_each_column_is_known(make_estimator, table, y, words):
    timed = "pulse" in table
    options = {}
    if timed:
        table = table.assign(at=column([np.arange(n) for n in LENGTHS]))
        options["time"] = "at"
    named = table.assign(city=table["city"].astype(str))
    model = make_estimator(static_features=["city"], **options).fit(named, y)
    expected = {"words": "tokens", "age": "number", "city": "category"}
    if timed:
        expected |= {"pulse": "features", "at": "time"}
    assert model.field_roles_ == expected
    assert list(model.field_roles_) == table.columns.tolist()
    assert pickle.loads(pickle.dumps(model)).field_roles_ == expected
    model.set_params(static_features=None, **dict.fromkeys(options)).fit(words, y)
    assert not hasattr(model, "field_roles_")  # nothing has columns


def test_every_column_counts(make_estimator, table, y, outputs):
    model = make_estimator(max_epochs=4, dropout=0.0).fit(table, y)
    expected = outputs(model, table)
    changed = {
        "words": column([["oak"] * n for n in LENGTHS]),
        "pulse": column([np.full(n, 99.0) for n in LENGTHS]),
        "age": 50.0,
        "city": pd.Categorical(["Rome"] * N, categories=table["city"].cat.categories),
    }
    for name in table:
        other = outputs(model, table.assign(**{name: changed[name]}))
        assert np.abs(other - expected).max() > 1e-4, name


def test_a_row_without_steps_costs_no_other_row_its_answer(
    make_supervised, table, y, outputs
):
    seconds = [np.arange(n) for n in LENGTHS]
    table = table.assign(at=column(seconds))
    model = make_supervised(time="at").fit(table, y)
    blank = table.assign(
        words=column([[], *table["words"][1:]]),
        pulse=column([[], *table["pulse"][1:]]),
        at=column([[], *seconds[1:]]),
    )
    got, expected = outputs(model, blank)[1:], outputs(model, table)[1:]
    # some processors round by the batch's shape
    scale = max(1.0, np.abs(expected).max())
    assert_allclose(got, expected, rtol=0, atol=1e-6 * scale)
    assert np.isfinite(outputs(model, blank[:1])).all()
    targets = make_supervised.targets(blank["words"])
    again = make_supervised(time="at").fit(blank, targets)
    assert len(again.predict(blank)) == N
    with pytest.raises(ValueError, match="row 0 of X: column 'words' has 0 steps, but"):
        model.predict(table.assign(words=blank["words"]))


def test_an_unseen_category_is_no_category(make_estimator, table, y, outputs):
    model = make_estimator().fit(table, y)
    rare, other = (table.assign(city=city) for city in ("Kyiv", "Lima"))
    assert_array_equal(outputs(model, rare), outputs(model, other))


def test_strings_are_categories_where_named(make_estimator, table, y, outputs):
    model = make_estimator().fit(table, y)
    strings = table.assign(city=table["city"].astype(str))
    assert_array_equal(outputs(model, strings), outputs(model, table))
    named = make_estimator(static_features=["city"]).fit(strings, y)
    assert_array_equal(outputs(named, table), outputs(model, table))


def test_a_frame_of_polars_is_read_alike(make_estimator, table, y, outputs):
    model = make_estimator().fit(table, y)
    data = table.astype({"city": str}).map(
        lambda cell: cell.tolist() if isinstance(cell, np.ndarray) else cell
    )
    other = polars.DataFrame(data.to_dict("list"))
    assert_array_equal(outputs(model, other), outputs(model, table))


def test_columns_to_validate_on_are_read_by_name(make_estimator, table, y, words):
    given = make_estimator.validation(words)
    losses = [
        make_estimator()
        .fit(table, y, **{**given, "X_val": X_val})
        .history_["valid_loss"]
        .tolist()
        for X_val in (table, table[table.columns[::-1]])
    ]
    assert losses[0] == losses[1]


def test_training_continues_with_the_columns_of_the_first_fit(make_estimator, table, y):
    model = make_estimator(warm_start=True).fit(table, y)
    model.fit(table[table.columns[::-1]].assign(city="Oslo"), y)
    with pytest.raises(ValueError, match=r"X lacks the columns \['age'\]"):
        model.fit(table.drop(columns="age"), y)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda t: t.drop(columns="age"), ValueError, r"X lacks the columns \['age'\]"),
        (lambda t: t.assign(new=1), ValueError, r"X has the unknown columns \['new'\]"),
        (
            lambda t: t.assign(age="old"),
            TypeError,
            r"X\['age'\] must hold one number a sequence, as in fit, got 'old'",
        ),
        (
            lambda t: t.assign(words=3),
            TypeError,
            r"X\['words'\] must hold texts or token lists, as in fit, got",
        ),
        (
            lambda t: t.assign(city=column([["Rome"]] * N)),
            TypeError,
            r"X\['city'\] must hold one category a sequence, as in fit",
        ),
        (
            lambda t: t.assign(age=np.where(np.arange(N) == 4, np.nan, 1.0)),
            ValueError,
            r"X\['age'\] is missing in row 4",
        ),
        (
            lambda t: t.assign(city=column([None, *["Rome"] * (N - 1)])),
            ValueError,
            r"X\['city'\] is missing in row 0",
        ),
        (lambda t: t[:0], ValueError, "X has 0 sequences"),
        (lambda t: t["words"], ValueError, "fitted on a frame of fields"),
        (lambda t: np.zeros((N, 3)), ValueError, "fitted on a frame of fields"),
    ],
    ids=range(10),
)
def test_other_columns_than_those_of_fit_are_named(
    make_estimator, table, y, change, error, message
):
    model = make_estimator().fit(table, y)
    with pytest.raises(error, match=message):
        model.predict(change(table))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"words": column([["a"] * 9, *[["a"] * n for n in LENGTHS[1:]]])},
            "row 0 of X: column 'words' has 9 steps, but column 'pulse' has 1",
        ),
        (
            {"age": column([*[1.0] * 5, [2.0], *[1.0] * (N - 6)])},
            r"X\['age'\] is static, one value a sequence, but row 5 holds \[2.0\]",
        ),
        (
            {"day": pd.date_range("2024", periods=N)},
            r"X\['day'\] holds one date or time a sequence; make a number of it",
        ),
        (
            {"at": column([pd.date_range("2024", periods=n) for n in LENGTHS])},
            r"X\['at'\] holds dates or times, such as .*; set time='at'",
        ),
        (
            {"pulse": column([np.r_[np.ones(n - 1), np.nan] for n in LENGTHS])},
            r"X\['pulse'\] contains NaN: row 0, step 0",
        ),
        (
            {"pulse": column([None, *[np.ones(n) for n in LENGTHS[1:]]])},
            r"row 0 of X\['pulse'\] is missing \(None\); leave that row out",
        ),
        (
            {"words": column([None, *[["a"] * n for n in LENGTHS[1:]]])},
            r"X\['words'\] is missing in row 0 .*fillna",
        ),
        (
            {"other": "one two"},
            r"row 0 of X: column 'words' has 1 steps, but column 'other' has 2; .*"
            r"static_features, or make it a category by X\['other'\].astype",
        ),
    ],
    ids=range(8),
)
def test_a_column_that_does_not_fit_is_named(make_supervised, table, y, change, message):
    texts = table.assign(words=[" ".join(cell) for cell in table["words"]])
    frame = (texts if "other" in change else table).assign(**change)
    before = dict(vars(make_supervised()))
    model = make_supervised()
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(frame, y)
    assert vars(model) == before


def test_a_recurrent_network_needs_steps(make_recurrent, table, y):
    with pytest.raises(
        ValueError, match=r"every column of X is static.*this estimator needs"
    ):
        make_recurrent().fit(table[["age", "city"]], y)


def test_a_generator_has_one_step_field(make_generator, table):
    with pytest.raises(ValueError, match=r"X has the step fields \['words', 'more'\]"):
        make_generator().fit(table.assign(more=table["words"]))
    model = make_generator().fit(table)
    with pytest.raises(ValueError, match="pass a frame with them, and empty prompts"):
        model.sample(2)


def test_samples_follow_their_static_columns(make_generator):
    cities = np.array(["Oslo", "Rome"] * 30)
    table = pd.DataFrame(
        {
            "words": column([["elm", "ash"] if c == "Rome" else ["oak"] for c in cities]),
            "city": pd.Categorical(cities),
        }
    )
    model = make_generator(max_epochs=60, lr=0.02, weight_decay=0.0).fit(table)
    prompts = table.assign(words=column([[]] * 60))
    found = model.generate(prompts, temperature=0.0)
    assert [row[0] for row in found] == ["oak", "elm"] * 30
    assert list(model.stream(prompts[1:2], temperature=0.0)) == ["elm", "ash"]
    several = model.generate(prompts[:2], n_samples=3, temperature=0.0)
    assert several[0] == [found[0]] * 3
    with pytest.raises(ValueError, match="prompt has 2 rows, expected one"):
        model.stream(prompts[:2])


def test_a_field_without_pretrained_vectors_learns_its_own(make_reader, y, words):
    table = pd.DataFrame(
        {"words": column(words), "tags": column([["T"] * len(w) for w in words])}
    )
    vectors = {"oak": np.ones(3), "elm": np.zeros(3)}
    model = make_reader(embeddings=vectors, freeze_embeddings=True).fit(table, y)
    first, second = model.net_.module_.input_layer.fields
    assert not first.embedding.weight.requires_grad
    assert second.embedding.weight.requires_grad
    assert first.embedding.weight.shape[1] == 3
    assert second.embedding.weight.shape[1] == model.embedding_dim
    with pytest.raises(ValueError, match="embeddings has a vector for no token of X"):
        make_reader(embeddings={"zebra": np.ones(3)}).fit(table, y)


# --- scale ---------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_the_unit_of_a_feature_does_not_matter(
    make_supervised, numbers, y, outputs, unit
):
    scaled = [x * unit for x in numbers]
    model, other = make_supervised().fit(numbers, y), make_supervised().fit(scaled, y)
    assert_allclose(outputs(other, scaled), outputs(model, numbers), rtol=1e-3, atol=1e-4)


def test_features_far_from_zero_keep_their_differences(
    make_supervised, numbers, y, outputs
):
    seconds = [1.7e9 + x * [1, 60, 3600] for x in numbers]  # since 1970
    model, other = make_supervised().fit(numbers, y), make_supervised().fit(seconds, y)
    assert_allclose(
        outputs(other, seconds), outputs(model, numbers), rtol=1e-2, atol=1e-3
    )


def test_values_too_large_for_float32_need_the_scale(make_supervised, numbers, y):
    large = [x * 1e100 for x in numbers]
    assert np.isfinite(
        make_supervised.outputs(make_supervised().fit(large, y), large)
    ).all()
    with pytest.raises(ValueError, match=r"too large for float32: X\[0\], step 0"):
        make_supervised(scale=None).fit(large, y)


# --- gaps ----------------------------------------------------------------------------


def with_gaps(sequences, share=0.3):
    """Return sequences of which a share of the values is missing."""
    rng = np.random.default_rng(1)
    return [np.where(rng.random(x.shape) < share, np.nan, x) for x in sequences]


def test_gaps_are_learned_from_where_asked(make_supervised, numbers, y, outputs):
    gaps = with_gaps(numbers)
    with pytest.raises(ValueError, match=r'NaN: X\[0\].* Set missing="indicator"'):
        make_supervised().fit(gaps, y)
    model = make_supervised(missing="indicator").fit(gaps, y)
    expected = outputs(model, gaps)
    assert np.isfinite(expected).all()
    mean = np.nanmean(np.concatenate(gaps), axis=0)
    filled = [np.where(np.isnan(x), mean, x) for x in gaps]
    assert np.abs(outputs(model, filled) - expected).max() > 1e-4  # the gap is marked
    masked = [np.ma.masked_invalid(x) for x in gaps]
    assert_array_equal(outputs(model, masked), expected)
    assert make_supervised(missing="indicator").__sklearn_tags__().input_tags.allow_nan
    assert not make_supervised().__sklearn_tags__().input_tags.allow_nan


def test_a_later_gap_elsewhere_is_the_mean(make_supervised, numbers, y, outputs):
    model = make_supervised(missing="indicator").fit(numbers, y)
    gaps = with_gaps(numbers)
    mean = np.concatenate(numbers).mean(axis=0)
    filled = [np.where(np.isnan(x), mean, x) for x in gaps]
    assert_allclose(outputs(model, gaps), outputs(model, filled), rtol=1e-4, atol=1e-6)


def test_gaps_in_static_columns_are_learned_from(make_estimator, table, y, outputs):
    gaps = table.assign(
        age=table["age"].where(np.arange(N) % 3 > 0),
        city=table["city"].where(np.arange(N) % 4 > 0),
    )
    with pytest.raises(ValueError, match=r"X\['age'\] is missing in row 0. Set missing"):
        make_estimator().fit(gaps, y)
    model = make_estimator(missing="indicator", max_epochs=4).fit(gaps, y)
    expected = outputs(model, gaps)
    assert np.isfinite(expected).all()
    other = outputs(model, gaps.assign(age=gaps["age"].fillna(gaps["age"].mean())))
    assert np.abs(other - expected)[::3].max() > 1e-4
    other = outputs(model, gaps.assign(city=gaps["city"].fillna("Rome")))
    assert np.abs(other - expected)[::4].max() > 1e-4


def test_a_generator_has_no_gaps_in_its_steps(make_generator, table, numbers):
    gaps = with_gaps(numbers)
    for missing in ("raise", "indicator"):
        with pytest.raises(ValueError, match=r"contains NaN: X\[0\].* Impute it before"):
            make_generator(missing=missing).fit(gaps)
        frame = table.assign(words=column(gaps))
        with pytest.raises(ValueError, match=r"X\['words'\] contains NaN: .* Impute it"):
            make_generator(missing=missing).fit(frame)


def test_a_generator_continues_prompts_with_gaps_beside_them(make_generator, table):
    gaps = table.assign(age=table["age"].where(np.arange(N) % 3 > 0))
    model = make_generator(missing="indicator").fit(gaps)
    prompts = gaps[:4].assign(words=column([[]] * 4))
    assert len(model.generate(prompts, 3, random_state=0)) == 4
    assert np.isfinite(model.score_samples(gaps)).all()
    alone = model.predict_proba(prompts[:1].assign(city=None))  # nothing is known
    assert_allclose(alone.sum(), 1, rtol=1e-5)


def test_a_row_whose_values_are_all_missing_is_read(make_supervised, table, y, outputs):
    gaps = table.assign(city=table["city"].where(np.arange(N) % 4 > 0))
    model = make_supervised(missing="indicator").fit(gaps, y)
    row = gaps[:1].assign(age=np.nan)
    expected = outputs(model, pd.concat([row, gaps[1:]]))[:1]
    alone = outputs(model, row)
    assert_allclose(alone, expected[:, : alone.shape[1]], rtol=1e-4, atol=1e-5)
    of_objects = row.assign(age=column([None]), city=column([None]))
    assert_array_equal(outputs(model, of_objects), alone)
    for name, message in (
        ("words", r"X\['words'\] is missing in row 0 .*fillna"),
        ("pulse", r"row 0 of X\['pulse'\] is missing .*; leave that row out"),
    ):
        with pytest.raises(ValueError, match=message):
            model.predict(row.assign(**{name: column([None])}))


# --- times ---------------------------------------------------------------------------


def test_the_time_between_steps_counts(make_supervised, table, y, outputs):
    rng = np.random.default_rng(2)
    seconds = [np.cumsum(rng.integers(1, 90, n)).astype(float) for n in LENGTHS]
    stamps = [pd.Timestamp("2024") + pd.to_timedelta(s, "s") for s in seconds]
    timed = table.assign(at=column(seconds))
    model = make_supervised(time="at", max_epochs=4).fit(timed, y)
    expected = outputs(model, timed)
    for cells in (stamps, [s.to_numpy() for s in stamps], [list(s) for s in stamps]):
        assert_allclose(
            outputs(model, table.assign(at=column(cells))), expected, rtol=1e-5
        )
    later = column([s + 1e9 for s in seconds])  # the beginning does not count
    assert_allclose(
        outputs(model, table.assign(at=later)), expected, rtol=1e-4, atol=1e-6
    )
    slower = outputs(model, table.assign(at=column([9 * s for s in seconds])))
    assert np.abs(slower - expected).max() > 1e-4


def test_the_time_of_the_steps_may_be_all_that_is_known(make_supervised, outputs):
    seconds = [[0.0, 1.0, 3.0], [0.0, 2.0]] * 4
    for frame in (
        pd.DataFrame({"at": column(seconds)}),
        pd.DataFrame({"at": column(seconds), "age": np.arange(8.0)}),
    ):
        y = make_supervised.targets(seconds)
        model = make_supervised(time="at").fit(frame, y)
        assert np.isfinite(outputs(model, frame)).all()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ([5, 5], "row 1 of X\\['at'\\]: the time of step 1 is that of step 0"),
        ([5, 4], "row 1 of X\\['at'\\]: the time of step 1 is before that of step 0"),
        ([5, np.nan], "row 1 of X\\['at'\\] lacks the time stamp of step 1"),
        (["a", "b"], "row 1 of X\\['at'\\] holds times that are strings, such as 'a'"),
        ([1, 2, 3], "row 1 of X: column 'x' has 2 steps, but column 'at' has 3"),
    ],
)
def test_bad_times_are_named(make_supervised, cell, message):
    frame = pd.DataFrame(
        {"x": column([np.ones(2), np.ones(2)]), "at": column([[1, 2], cell])}
    )
    with pytest.raises((ValueError, TypeError), match=message):
        make_supervised(time="at").fit(frame, make_supervised.targets([[0, 0]] * 2))


def test_settings_of_columns_need_a_frame(make_supervised, numbers, y):
    for params in ({"time": "at"}, {"static_features": ["age"]}):
        (name,) = params
        with pytest.raises(ValueError, match=f"{name}=.* is not a frame of fields"):
            make_supervised(**params).fit(numbers, y)


# --- what a column held in fit -------------------------------------------------------


def test_columns_with_other_names_than_strings_are_read_by_name(make_supervised, y):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {j: column([rng.normal(size=n) for n in LENGTHS]) for j in (3, 1)}
    )
    given = make_supervised.validation([range(n) for n in LENGTHS])
    for table in (frame, frame.assign(age=rng.normal(size=N)).rename(columns={"age": 0})):
        reversed_ = table[table.columns[::-1]]
        model = make_supervised().fit(table, y, **{**given, "X_val": reversed_})
        expected = make_supervised.outputs(model, table)
        assert_array_equal(make_supervised.outputs(model, reversed_), expected)
        again = make_supervised().fit(table, y, **{**given, "X_val": table})
        assert_array_equal(model.history_["valid_loss"], again.history_["valid_loss"])
        with pytest.raises(ValueError, match=r"X_val lacks the columns \[3\]"):
            make_supervised().fit(
                table, y, **{**given, "X_val": table.rename(columns={3: 5})}
            )


def test_the_width_of_a_field_is_that_of_fit(make_supervised, y):
    frame = pd.DataFrame(
        {
            "a": column([np.ones((n, 2)) for n in LENGTHS]),
            "b": column([np.ones((n, 1)) for n in LENGTHS]),
        }
    )
    model = make_supervised().fit(frame, y)
    swapped = frame.rename(columns={"a": "b", "b": "a"})
    with pytest.raises(ValueError, match=r"X\['a'\] has 1 features a step, expected 2"):
        model.predict(swapped)


def test_categories_are_of_the_type_of_fit(make_supervised, table, y):
    grades = table.assign(city=pd.Categorical(np.arange(N) % 3))
    model = make_supervised().fit(grades, y)
    with pytest.raises(TypeError, match=r"X\['city'\] has categories that are texts"):
        model.predict(table)


def test_static_numbers_too_large_are_named(make_supervised, table, y):
    model = make_supervised().fit(table, y)
    with pytest.raises(ValueError, match=r"X\['age'\] is too large for float32 in row 2"):
        model.predict(table.assign(age=np.where(np.arange(N) == 2, 1e60, 50.0)))


def test_features_have_static_columns_beside_them(make_generator, rng):
    notes = [(rng.random((n, 3)) > 0.5).astype(float) for n in LENGTHS]
    table = pd.DataFrame(
        {"notes": column(notes), "metre": pd.Categorical(["3/4", "4/4"] * (N // 2))}
    )
    model = make_generator().fit(table)
    assert model.generate(table[:2], 4)[0].shape == (4, 3)
    assert model.predict_proba(table).shape == (N, 3)


def test_categories_of_polars_stay_categories(make_supervised, y, words):
    frame = pd.DataFrame({"words": column(words), "city": ["Oslo", "Rome"] * (N // 2)})
    other = polars.DataFrame(frame.to_dict("list")).with_columns(
        polars.col("city").cast(polars.Categorical)
    )
    model = make_supervised().fit(other, y)
    expected = make_supervised(static_features=["city"]).fit(frame, y)
    assert_array_equal(
        make_supervised.outputs(model, other), make_supervised.outputs(expected, frame)
    )
