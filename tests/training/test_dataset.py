"""Encoded datasets."""

from __future__ import annotations

import numpy as np
import pytest

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.training.dataset import EncodedDataset


def ragged(lengths):
    return RaggedArray.from_lengths(np.arange(sum(lengths)), lengths)


def test_targets_have_the_lengths_of_their_sequences_unless_they_are_forced():
    sequences, targets = EncodedSequences(ragged([3, 1])), ragged([2, 5])
    dataset = EncodedDataset(sequences, targets, forced=True)
    assert dataset.lengths.tolist() == [3, 1]
    assert dataset.target_lengths.tolist() == [2, 5]
    assert EncodedDataset(sequences).target_lengths.tolist() == [3, 1]


@pytest.mark.parametrize(
    ("targets", "expected"), [(np.zeros(2), None), (None, None), (ragged([2, 5]), 7)]
)
def test_target_steps_are_counted_where_there_are_some(targets, expected):
    assert EncodedDataset(EncodedSequences(ragged([3, 1])), targets).n_targets == expected


def test_sequences_know_their_place_in_the_users_data():
    sequences, chosen = EncodedSequences(ragged([3, 1, 2])), np.array([2, 0])
    assert EncodedDataset(sequences).origin_of(chosen).tolist() == [2, 0]
    held = EncodedDataset(sequences, origin=np.array([4, 6, 9]))
    assert held.origin_of(chosen).tolist() == [9, 4]
