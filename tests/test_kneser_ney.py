"""The n-gram that the benchmarks hold language models against."""

import math
from collections import Counter

import numpy as np
import pytest

from benchmarks._kneser_ney import choose_order, nats_by_step

BEGIN, END = "^", "$"


@pytest.fixture(scope="module")
def words():
    generator = np.random.default_rng(0)
    return [
        "".join(
            generator.choice(list("abc"), generator.integers(1, 9), p=[0.6, 0.3, 0.1])
        )
        for _ in range(200)
    ]


def probability(words, order, before, token):
    """Return the result of the formulas of Chen & Goodman (1999) give, from one n-gram at a time."""
    occur = [Counter() for _ in range(order + 1)]
    for word in words:
        text = BEGIN + word + END
        for size in range(1, order + 1):
            for end in range(1, len(text)):
                if end - size + 1 >= 0:
                    occur[size][text[end - size + 1 : end + 1]] += 1
    result = 1 / (len({token for word in words for token in word}) + 2)
    for size in range(1, min(order, len(before) + 1) + 1):
        counts = occur[size]
        if size < order:
            counts = Counter(gram[1:] for gram in occur[size + 1])
            begun = {g: n for g, n in occur[size].items() if g[0] == BEGIN}
            counts.update(begun)
        context = before[len(before) - size + 1 :]
        following = {g: n for g, n in counts.items() if g[:-1] == context}
        if not following:
            break
        n1, n2, n3, n4 = (sum(n == k for n in counts.values()) for k in (1, 2, 3, 4))
        discounts = [0, 0.5, 0.5, 0.5]
        if n1 and n2 and n3:
            share = n1 / (n1 + 2 * n2)
            raw = [
                1 - 2 * share * n2 / n1,
                2 - 3 * share * n3 / n2,
                3 - 4 * share * n4 / n3,
            ]
            discounts = [0, *(min(max(d, 0), k) for k, d in enumerate(raw, 1))]
        own = following.get(context + token, 0)
        kept = max(own - discounts[min(own, 3)], 0)
        freed = sum(discounts[min(n, 3)] for n in following.values())
        result = (kept + freed * result) / sum(following.values())
    return result


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("held_out", ["abca", "", "ccc", "abz", "aaaaaaaaaaaa"])
def test_equals_the_formulas_applied_to_one_ngram_at_a_time(words, order, held_out):
    text = held_out + END
    expected = [
        -math.log(probability(words, order, BEGIN + held_out[:i], text[i]))
        for i in range(len(text))
    ]
    np.testing.assert_allclose(nats_by_step(words, [held_out], order), expected)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_the_probabilities_of_what_may_follow_sum_to_one(words, order):
    follow = [nats_by_step(words, [f"ab{token}"], order)[2] for token in "abcz"]
    ends = nats_by_step(words, ["ab"], order)[2]
    assert sum(math.exp(-nats) for nats in [*follow, ends]) == pytest.approx(1)


def test_the_order_is_the_best_on_the_validation_texts(words):
    chosen = choose_order(words[:150], words[150:])
    nats = {
        order: nats_by_step(words[:150], words[150:], order).mean()
        for order in (chosen.order - 1, chosen.order, chosen.order + 1)
    }
    assert min(nats, key=nats.get) == chosen.order
    assert chosen.nats == pytest.approx(nats[chosen.order])


def test_the_order_of_held_out_texts_does_not_matter(words):
    one = nats_by_step(words, ["ab", "ca"], 3)
    other = nats_by_step(words, ["ca", "ab"], 3)
    np.testing.assert_allclose(one, np.roll(other, 3))


def test_no_token_is_impossible_where_the_discounts_of_a_small_sample_are_none():
    generator = np.random.default_rng(0)
    for _ in range(20):
        train = ["".join(generator.choice(list("abcd"), 4)) for _ in range(12)]
        held_out = ["".join(generator.choice(list("abcde"), 5)) for _ in range(30)]
        assert np.isfinite(nats_by_step(train, held_out, 3)).all()
