"""Memory between batches."""

from __future__ import annotations

from functools import cache

import torch

#: Just under the largest buffer after which glibc moves its thresholds.
N_BYTES = (32 << 20) - 8192


@cache
def keep_freed_memory() -> None:
    """Have the C library keep what one batch frees for the next, once a process.

    glibc returns freed memory to the system beyond a threshold, which starts at 128 KB and
    moves to twice the largest buffer freed so far. Until it has moved, each batch gets its
    memory page by page from the system again, for up to a third of its time. A buffer that
    is freed at once moves it to 64 MB. Nothing is written to it, so it takes no memory.
    Other C libraries ignore it.
    """
    torch.empty(N_BYTES, dtype=torch.uint8, device="cpu")
