"""Threads for work that can be broken off."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor


@contextlib.contextmanager
def workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """So many. Whoever leaves with an exception (a signal, say) waits for what has begun, and no more."""
    with ThreadPoolExecutor(count) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
