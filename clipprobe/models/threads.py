"""Several batches at once on the cores of a CPU, each on one thread.

A forward pass that is split over threads waits at every operation for its slowest thread, and a
core that also decodes or draws is always the slowest. Passes of one thread each never wait for one
another. Their last bits also do not depend on the number of threads. NumPy's threads, which spin
for a while after each product, are held back as well.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from clipprobe.anatomy import listening as context

_LOCK = threading.Lock()
_n_holders = 0
_threads = 1
_blas: Any = None


@contextmanager
def one_thread_each(clip: Any) -> Iterator[int]:
    """Make each forward pass inside the block run on one thread; yields how many may run at once.

    Pass them from threads that were started inside the block. One at a time is yielded, and nothing
    changed, where batches cannot run side by side: on an accelerator, with a single thread, inside
    a capture or intervention (which sees only its own thread), and for what is not a
    model on a CPU.
    """
    device = getattr(clip, "device", None)
    if getattr(device, "type", None) != "cpu" or context.active():
        yield 1
        return
    n = _hold()
    try:
        yield n
    finally:
        _release()


def _hold() -> int:
    global _n_holders, _threads, _blas
    with _LOCK:
        if not _n_holders:  # two blocks at a time share what the first one found
            _threads = torch.get_num_threads()
            # Before torch's, and restored before them: restoring these touches OpenMP as well.
            _blas = threadpool_limits(limits=1, user_api="blas")
            torch.set_num_threads(1)
        _n_holders += 1
        return _threads


def _release() -> None:
    global _n_holders
    with _LOCK:
        _n_holders -= 1
        if not _n_holders:
            _blas.restore_original_limits()
            torch.set_num_threads(_threads)
