"""What a study would do, how many passes that takes and about how long; nothing is written.

``--dry-run`` goes the way of the real call up to the plan, so what is refused there is refused
here, and ends where the driver would begin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.errors import ConfigError
from clipprobe.lines import about
from clipprobe.runs import jsonio, load_run
from clipprobe.runs.state import State, state_of
from clipprobe.study.workload import Workload, nothing

if TYPE_CHECKING:
    from clipprobe.study.calibration import Pace
    from clipprobe.study.plan import Plan

_REHEARSING: ContextVar[bool] = ContextVar("REHEARSING", default=False)
_BATCH = 32
_BEGINS: Mapping[State, str] = {
    "new": "a new run",
    "resumes": "goes on with the unfinished run that is there",
    "complete": "already complete: nothing to do",
    "overwrites": "replaces the run that is there",
}


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What carrying out a study would do."""

    kind: str
    """Of the run."""
    out: Path | None
    """The run folder; None for a result in memory."""
    state: State
    """What the folder holds now."""
    parts: int
    """Files that a killed run left, which need not be made again."""
    model: Mapping[str, Any] | None
    """Name, device and type of the model; None where none is asked."""
    dataset: Mapping[str, Any] | None
    """Name and number of the images or texts, where the plan knows them."""
    workload: Workload
    """Passes of the whole run, from nothing."""
    pace: Pace | None
    """Measured on the model; None where there is nothing to do, or no model."""

    @classmethod
    def of_finished(cls, out: Path) -> Rehearsal:
        """Of a run that is there already."""
        view = load_run(out)
        return cls(
            kind=view.kind,
            out=out,
            state="complete",
            parts=0,
            model=None,
            dataset=view.manifest["dataset"],
            workload=nothing(),
            pace=None,
        )

    @property
    def seconds(self) -> float:
        """How long the towers take; NaN where nobody knows it before."""
        if self.state == "complete":
            return 0.0
        return math.nan if self.pace is None else self.pace.seconds(self.workload)

    def to_json(self) -> dict[str, Any]:
        """Everything, in JSON types."""
        work, pace = self.workload, self.pace
        data = {
            "dry_run": True,
            "kind": self.kind,
            "out": None if self.out is None else str(self.out),
            "state": self.state,
            "parts": self.parts,
            "model": self.model,
            "dataset": self.dataset,
            "encodings": {
                "images": work.images,
                "texts": work.texts,
                "with_gradients": work.gradients,
                "at_most": work.at_most,
                "reason": work.reason or None,
            },
            "seconds": self.seconds,
            "memory_bytes": None if pace is None else pace.memory,
            "measured": None
            if pace is None
            else {
                "seconds_per_image": pace.image,
                "seconds_per_image_with_gradient": pace.gradient,
                "seconds_per_text": pace.text,
                "on": pace.tried,
            },
        }
        plain: dict[str, Any] = jsonio.plain(data)
        return plain

    def text(self) -> str:
        """The same as lines for people."""
        lines = [f"run         {self.kind}, {self._begins()}"]
        if self.model is not None:
            about = ", ".join(str(value) for key, value in self.model.items() if key != "id")
            lines.append(f"model       {self.model['id']} ({about})")
        if self.dataset is not None:
            lines.append(f"inputs      {self.dataset['records']:,} of {self.dataset['name']}")
        lines.append(f"encodings   {self._encodings()}")
        if self.pace is not None:
            lines += [f"time        {self._time(self.pace)}", f"memory      {_memory(self.pace)}"]
        return "\n".join([*lines, "Nothing was written."])

    def _begins(self) -> str:
        what = _BEGINS[self.state]
        if self.out is None:
            return "a result in memory"
        parts = f" ({self.parts} of its parts are kept)" if self.parts else ""
        return f"{what} in {self.out}{parts}"

    def _encodings(self) -> str:
        work = self.workload
        if work.images == 0 and work.texts == 0:
            return "none"
        images = "an unknown number of" if work.images is None else f"{work.images:,}"
        texts = "an unknown number of" if work.texts is None else f"{work.texts:,}"
        if (work.images, work.texts) == (None, None):
            return f"unknown: {work.reason}"
        most = "at most " if work.at_most else ""
        backward = f" ({work.gradients:,} with gradients)" if work.gradients else ""
        why = f": {work.reason}" if work.reason else ""
        return f"{most}{images} images{backward} and {texts} texts{why}"

    def _time(self, pace: Pace) -> str:
        paces = ", ".join(
            f"{1000 * one:.3g} ms per {name}"
            for name, one in (
                ("image", pace.image), ("image with gradient", pace.gradient), ("text", pace.text),
            )
            if not math.isnan(one)
        )  # fmt: skip
        most = "at most " if self.workload.at_most else ""
        total = "unknown" if math.isnan(self.seconds) else f"{most}about {_long(self.seconds)}"
        if self.workload.texts is None and not math.isnan(self.seconds):
            total += " without the texts"
        return (
            f"{total} in the towers: {paces}, measured just now on {pace.tried}; reading, drawing "
            "and statistics come on top"
        )


class Rehearsed(Exception):
    """A dry run came to its end, before the run itself."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__("a dry run")
        self.rehearsal = rehearsal


def rehearse(call: Callable[..., object], *args: Any, **settings: Any) -> Rehearsal:
    """What a call that makes a run would do; ``--dry-run`` asks the same of a verb.

    Args:
        call: Any function that makes a run, such as ``clipprobe.scan``.
        args, settings: What it is called with.
    Raises:
        ClipprobeError: whatever the study, or the folder, would refuse.
        ConfigError: the call ended without having made a run by the driver.
    Example:
        >>> from clipprobe.study import rehearse
        >>> rehearse(clipprobe.scan, clip, images, out="runs/atlas").workload  # doctest: +SKIP
        Workload(images=48, texts=0, gradients=0, at_most=False, reason='')
    """
    token = _REHEARSING.set(True)
    try:
        call(*args, **settings)
    except Rehearsed as rehearsed:
        return rehearsed.rehearsal
    finally:
        _REHEARSING.reset(token)
    raise ConfigError("This makes its run in a way of its own, so it has no --dry-run.")


def is_rehearsed() -> bool:
    """Whether nothing is to be made."""
    return _REHEARSING.get()


def rehearsal_of(plan: Plan[Any], kind: str, settings: Any, clip: Any) -> Rehearsal:
    """What carrying out a plan would do, measured on the model."""
    out = None if settings.out is None else Path(settings.out)
    state: State = "new"
    parts = 0
    if out is not None:
        state, parts = state_of(out, kind=kind, config=plan.config, overwrite=settings.overwrite)
    work, pace = (nothing() if clip is None else plan.workload()), None
    needs_model = (work.images, work.texts) != (0, 0)
    if state != "complete" and needs_model and hasattr(clip, "encode_images"):
        from clipprobe.study.calibration import measure

        pace = measure(clip, work, getattr(settings, "batch_size", _BATCH))
    return Rehearsal(
        kind=kind,
        out=out,
        state=state,
        parts=parts,
        model=_model(clip),
        dataset=plan.dataset,
        workload=work,
        pace=pace,
    )


def _model(clip: Any) -> dict[str, Any] | None:
    if not hasattr(clip, "provenance"):
        return None
    model = clip.provenance()["model"]
    more = {"device": str(getattr(clip, "device", "")) or None}
    return {name: model[name] for name in ("id", "family", "dtype") if name in model} | more


def _memory(pace: Pace) -> str:
    if math.isnan(pace.memory):
        return "unknown: this system does not say it"
    return f"{pace.memory / 1e9:.1f} GB at most while these batches ran, weights included"


def _long(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 90 else about(seconds)
