"""The packed data are complete, split officially, and attributed."""

from importlib import resources

import numpy as np
import pytest

from skrnn.datasets import load_japanese_vowels


def test_the_official_split_has_the_published_counts():
    train, test = (load_japanese_vowels(subset=s) for s in ("train", "test"))
    speakers = [str(i) for i in range(1, 10)]
    assert np.unique(train.target, return_counts=True)[1].tolist() == [30] * 9
    labels, counts = np.unique(test.target, return_counts=True)
    assert labels.tolist() == speakers
    assert counts.tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]


def test_sequences_have_the_published_shapes():
    data = load_japanese_vowels().data
    lengths = [len(sequence) for sequence in data]
    assert (len(data), min(lengths), max(lengths), sum(lengths)) == (640, 7, 29, 9961)
    assert {(x.dtype.name, x.shape[1]) for x in data} == {("float32", 12)}
    # the first values of ae.train as published
    np.testing.assert_allclose(data[0][0, :3], [1.860936, -0.207383, 0.261557])


def test_all_is_the_training_part_and_then_the_test_part():
    X, y = load_japanese_vowels(return_X_y=True)
    X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    assert all(np.array_equal(a, b) for a, b in zip(X, X_train + X_test, strict=True))
    assert y.tolist() == [*y_train, *y_test]


def test_the_bunch_names_features_and_classes_and_gives_its_source():
    bunch = load_japanese_vowels(subset="test")
    assert len(bunch.feature_names) == bunch.data[0].shape[1]
    assert bunch.target_names.tolist() == [str(i) for i in range(1, 10)]
    for word in ("Kudo", "UCI", "UEA", "aeon", "BSD 3-Clause"):
        assert word in bunch.DESCR


def test_an_unknown_subset_is_refused():
    with pytest.raises(ValueError, match=r"subset must be one of .*got 'valid'"):
        load_japanese_vowels(subset="valid")


def test_sequences_of_one_load_do_not_change_those_of_the_next():
    load_japanese_vowels().data[0][:] = 0
    assert load_japanese_vowels().data[0].any()


def test_the_file_holds_no_pickles_and_is_small():
    file = resources.files("skrnn.datasets") / "data" / "japanese_vowels.npz"
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fiU" for name in arrays)
    assert len(file.read_bytes()) < 500_000
