"""The search in numpy finds what the search over tensors finds."""

import numpy as np
import pytest
import torch

from skrnn.generation import beam as torch_beam
from skrnn.generation.greedy import greedy_search
from skrnn.onnx._search import State, beam_search

END = 4


class Tables:
    """Random log-probabilities after each prefix of tokens, for both searches."""

    def __init__(self, n_sources, seed):
        rng = np.random.default_rng(seed)
        scores = rng.normal(0, 2, (n_sources, 97, END + 1)).astype(np.float32)
        self.scores = torch.from_numpy(scores).log_softmax(-1).numpy()

    def next(self, tokens, codes, sources):
        """Return scores ``(S, K, V)`` after tokens ``(S, K)``, and the prefixes' codes."""
        codes = (codes * 5 + tokens + 1) % 97
        return self.scores[sources[:, None], codes], codes

    def numpy_step(self, tokens, state):
        codes = state.hidden["codes"][0, :, 0].reshape(tokens.shape)
        scores, codes = self.next(tokens, codes, state.memory["sources"])
        return scores.copy(), State({"codes": codes.reshape(1, -1, 1)}, state.memory)

    def torch_step(self, tokens, state):
        codes = state.codes.reshape(tokens.shape).numpy()
        scores, codes = self.next(tokens.numpy(), codes, state.sources.numpy())
        after = Tensors(torch.from_numpy(codes).reshape(-1), state.sources)
        return torch.from_numpy(scores), after


class Tensors:
    """The state of the search over tensors."""

    def __init__(self, codes, sources):
        self.codes, self.sources = codes, sources

    def take(self, sources, hypotheses):
        return Tensors(self.codes[hypotheses.reshape(-1)], self.sources[sources])


@pytest.mark.parametrize(
    ("may_be_empty", "size"), [(True, 0), (False, 0), (True, 1), (False, 2)]
)
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
@pytest.mark.parametrize("beam_size", [1, 2, 3, 7])
@pytest.mark.parametrize("seed", range(3))
def test_sequences_and_their_probabilities_are_the_same(
    seed, beam_size, length_penalty, may_be_empty, size
):
    limits = np.array([3, 0, 5, 1, 5, 4])
    tables, n = Tables(len(limits), seed), len(limits)
    found = beam_search(
        tables.numpy_step,
        State({"codes": np.zeros((1, n, 1), np.int64)}, {"sources": np.arange(n)}),
        limits,
        END,
        beam_size=beam_size,
        n_best=beam_size,
        length_penalty=length_penalty,
        no_repeat_ngram_size=size,
        may_be_empty=may_be_empty,
    )
    start = Tensors(torch.zeros(n, dtype=torch.int64), torch.arange(n))
    longest = torch.from_numpy(limits)
    if beam_size == 1:
        expected = greedy_search(
            tables.torch_step,
            start,
            longest,
            END,
            no_repeat_ngram_size=size,
            may_be_empty=may_be_empty,
        )
    else:
        expected = torch_beam.beam_search(
            tables.torch_step,
            start,
            longest,
            END,
            beam_size=beam_size,
            length_penalty=length_penalty,
            no_repeat_ngram_size=size,
            may_be_empty=may_be_empty,
        )
    np.testing.assert_allclose(
        found.log_probabilities, expected.log_probabilities, atol=1e-6
    )
    np.testing.assert_array_equal(found.lengths, expected.lengths)
    real = np.arange(found.tokens.shape[2]) < found.lengths[..., None]
    np.testing.assert_array_equal(found.tokens[real], expected.tokens[real])
