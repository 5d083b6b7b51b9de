"""Repeated n-grams, which a search may forbid."""

from __future__ import annotations

import torch
from torch import Tensor


def mask_repeated(scores: Tensor, prefixes: Tensor, size: int) -> Tensor:
    """Return scores with -inf for tokens that would repeat an n-gram.

    Parameters
    ----------
    scores : float tensor of shape (S, K, n_tokens)
        Of the token that comes next.
    prefixes : int64 tensor of shape (S, K, t)
        Tokens before it.
    size : int
        Length of the n-grams, ``n``; 0 allows all.

    References
    ----------
    Paulus, Xiong, Socher (2018). A deep reinforced model for abstractive summarization.
    ICLR, section 2.5.
    """
    n_before = prefixes.shape[2]
    if not 0 < size <= n_before:
        return scores
    windows = prefixes.unfold(2, size, 1)  # (S, K, W, n)
    begun = prefixes[..., None, n_before - size + 1 :]  # (S, K, 1, n - 1)
    begins_alike = (windows[..., :-1] == begun).all(-1)  # (S, K, W)
    sources, hypotheses, places = begins_alike.nonzero(as_tuple=True)
    if not len(sources):
        return scores
    repeated = windows[sources, hypotheses, places, -1]
    masked = scores.clone()
    masked[sources, hypotheses, repeated] = -torch.inf
    return masked
