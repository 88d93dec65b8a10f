"""How much memory a job may take, what a batch takes, and the refusal of one that takes more.

The budget is half of what is free: of the machine, or of the container where its limit is lower.
``CLIPPROBE_MEMORY_GB`` sets another one. Estimates are rough and lean to the high side: they are
there to stop what is wrong by a factor of a hundred before the kernel does, and to say the number
that fits.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from clipprobe.errors import ConfigError

VARIABLE = "CLIPPROBE_MEMORY_GB"
SHARE = 0.5
_CGROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
_STREAMS, _HIDDEN = 8, 3
"""Tensors of a block that live at once: of the residual stream's width, and of the MLP's."""
_MAPS = 100
"""Numbers per input pixel that a ResNet's first layers hold at once."""


def budget(free: int | None = None) -> tuple[float, str] | None:
    """Bytes that a job may take, and where the number comes from; None where nothing is known.

    Args:
        free: Free bytes of an accelerator; None for the memory of the machine.
    Raises:
        ConfigError: the variable holds no positive number.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if text:
        try:
            gigabytes = float(text)
        except ValueError:
            gigabytes = 0.0
        if not gigabytes > 0:
            raise ConfigError(f"{VARIABLE}={text!r} is not a positive number of gigabytes.")
        return gigabytes * 1e9, VARIABLE
    free_memory = free_bytes() if free is None else free
    return None if free_memory is None else (SHARE * free_memory, "half of what is free")


def check_fits(
    name: str,
    n: int,
    each: float,
    *,
    fixed: float = 0.0,
    free: int | None = None,
    limit: tuple[float, str] | None = None,
) -> None:
    """Raise where ``n`` of something would take more than the budget.

    Args:
        name: What the user asked for, such as ``batch_size``.
        n: How many.
        each, fixed: Bytes of one of them, and of what is there whatever the number.
        free: See :func:`budget`.
        limit: Another budget than that, and where it comes from.
    Raises:
        ConfigError: names the number that fits.
    """
    limit = budget(free) if limit is None else limit
    if limit is None or fixed + n * each <= limit[0]:
        return
    fits = int((limit[0] - fixed) // each)
    todo = f"at most {fits} fit" if fits >= 1 else "not even 1 fits"
    raise ConfigError(
        f"{name}={n} would take about {_words(fixed + n * each)} of memory, and the budget is "
        f"{_words(limit[0])} ({limit[1]}): {todo}; {_other(limit[1])}."
    )


def fitting_batch(
    clip: Any, batch_size: int, n: int | None = None, *, tower: str = "vision", grad: bool = False
) -> int:
    """The batch size, no larger than the data; refused where its activations would not fit.

    Args:
        clip: The model; what has no towers (an encoder of vectors) is not checked.
        n: Number of inputs; None where it is not known before they come.
        tower: ``vision`` or ``text``.
        grad: Whether every block keeps its activations for a backward pass.
    Raises:
        ConfigError: names the batch size that fits.
    """
    batch = batch_size if n is None else max(1, min(batch_size, n))
    if hasattr(clip, "anatomy"):
        each = input_bytes(clip, tower, grad=grad)
        check_fits("batch_size", batch, each, free=_free_on_device(clip))
    return batch


def input_bytes(clip: Any, tower: str = "vision", *, grad: bool = False) -> float:
    """Bytes that one input takes while it runs, on the high side."""
    part = clip.anatomy.tower(tower)
    pixels = 0 if tower == "text" else 3 * clip.image_size**2
    size = clip.dtype.itemsize
    # Decoded, prepared, and stacked with the others.
    fixed = pixels * (1 + 4 + 4 + size)
    if not part.blocks:
        return float(fixed + _MAPS * clip.image_size**2 * size * (4 if grad else 1))
    rows, columns = clip.grid if tower == "vision" else (clip.adapter.context, 1)
    tokens = rows * columns + part.has_class_token
    block = tokens * (_STREAMS * part.d_model + _HIDDEN * part.d_mlp) * size
    return float(fixed + block * (len(part.blocks) if grad else 1))


def ran_out(error: BaseException) -> str | None:
    """What to say of an error that means that memory ran out; None of any other.

    Example:
        >>> ran_out(MemoryError())
        'Memory ran out: give a smaller --batch-size, fewer images or units, or another --device.'
    """
    text = str(error).lower()
    words = ("out of memory", "not enough memory", "can't allocate memory")
    of_torch = isinstance(error, RuntimeError) and any(one in text for one in words)
    if not (isinstance(error, MemoryError) or of_torch):
        return None
    where = " of the GPU" if "cuda" in text or "mps" in text else ""
    return (
        f"Memory{where} ran out: give a smaller --batch-size, fewer images or units, or another "
        "--device."
    )


def free_bytes(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Memory that a new job can have without swapping; None where the system does not say."""
    limits = [part for part in (_meminfo(proc / "meminfo"), _of_container(cgroup)) if part]
    if limits:
        return min(limits)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return None


def _other(source: str) -> str:
    """How to get another budget than that of a source."""
    known = source == VARIABLE or " " in source
    return f"{VARIABLE} sets another budget" if known else f"give a larger {source}"


def _words(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _meminfo(path: Path) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return kilobytes[0] * 1024 if kilobytes else None


def _of_container(root: Path) -> int | None:
    """What is left of the limit of the control group, version 2 or 1; None without a limit."""
    for limit, usage in _CGROUPS:
        try:
            most, used = (root / limit).read_text().strip(), (root / usage).read_text().strip()
        except OSError:
            continue
        if most.isdecimal() and used.isdecimal() and int(most) < 2**60:
            return max(1, int(most) - int(used) + _cache(root, limit))
    return None


def _cache(root: Path, limit: str) -> int:
    """Bytes of the group's file cache, which the kernel gives back when they are needed."""
    try:
        lines = (root / limit).with_name("memory.stat").read_text().splitlines()
    except OSError:
        return 0
    stat = dict(line.split()[:2] for line in lines if len(line.split()) > 1)
    return int(stat.get("inactive_file", stat.get("total_inactive_file", "0")))


def _free_on_device(clip: Any) -> int | None:
    """Of the model's GPU, with what torch holds and does not use; None for a model on the host."""
    if clip.device.type != "cuda":
        return None
    import torch

    cached = torch.cuda.memory_reserved(clip.device) - torch.cuda.memory_allocated(clip.device)
    return int(torch.cuda.mem_get_info(clip.device)[0]) + cached
