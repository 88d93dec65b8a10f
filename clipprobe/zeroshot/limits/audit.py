"""On which kinds of task does zero-shot fail, and why?

:func:`audit_limits` asks controlled questions (or the user's own pairs) and says for each whether
the information is missing in the image tower, in the text tower, or only misaligned between them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipprobe.data import Failure
from clipprobe.models.checkpoints.bundled import BUNDLED_NAME, bundled_folder
from clipprobe.models.twin import random_twin
from clipprobe.runs import Run, RunView
from clipprobe.settings import takes
from clipprobe.stimuli import PILLOW
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out
from clipprobe.study.workload import nothing
from clipprobe.thresholds import check_thresholds, hold
from clipprobe.zeroshot.limits import matched
from clipprobe.zeroshot.limits.items import Items
from clipprobe.zeroshot.limits.numbers import measure
from clipprobe.zeroshot.limits.pairs import Pairs
from clipprobe.zeroshot.limits.questions import encode
from clipprobe.zeroshot.limits.report import build_page
from clipprobe.zeroshot.limits.tasks import TASKS, questions
from clipprobe.zeroshot.limits.verdict import judge
from clipprobe.zeroshot.settings import LimitsAudit

if TYPE_CHECKING:
    from clipprobe.models import Clip

ANSWERS = "numbers.csv"
PAIRS = "your pairs"


@takes(LimitsAudit)
def audit_limits(clip: Clip, settings: LimitsAudit) -> RunView:
    """Measure the limits of a model on controlled images, or on a table of pairs.

    The same arguments give the same bytes, and an interrupted audit goes on where it stopped.

    Returns:
        The finished run; ``run.summary`` holds the verdict of each task, ``numbers.csv`` every
        number with its interval, by wording too.
    Raises:
        ThresholdCrossedError: a ``fail_under`` was crossed; the run is complete.
        DataError, ConfigError, RunFolderError: see the message.
    """
    run = carry_out(LIMITS, settings, clip).run
    hold(settings, run.summary)
    return run


def tasks_of(settings: LimitsAudit) -> tuple[str, ...]:
    """The controlled tasks that are asked."""
    return tuple(settings.tasks) or (() if settings.foils else tuple(TASKS))


def refuse_thresholds(settings: LimitsAudit) -> None:
    """Refuse a threshold of a figure that the run will not have.

    Raises:
        ConfigError: there is no such figure, or the number is not a share.
    """
    of_pairs = (PAIRS, *matched.CHANCE) if settings.foils else ()
    check_thresholds(settings.fail_under, [*tasks_of(settings), *of_pairs])


def prepare_audit(settings: LimitsAudit, clip: Clip) -> Plan[None]:
    """Read the table, if there is one, and plan the tasks."""
    refuse_thresholds(settings)
    pairs = (
        None
        if settings.foils is None
        else Pairs.read(settings.foils, image_root=settings.image_root)
    )
    names = tasks_of(settings)
    work = _Work(clip=clip, settings=settings, names=names, pairs=pairs)
    return Plan.of(work)


@dataclass(frozen=True, kw_only=True)
class _Work:
    clip: Clip
    settings: LimitsAudit
    names: tuple[str, ...]
    pairs: Pairs | None

    def config(self) -> dict[str, Any]:
        """Everything that changes the result."""
        settings = self.settings
        return {
            "model": self.clip.provenance()["model"],
            "tasks": list(self.names),
            "foils": None if self.pairs is None else self.pairs.fingerprint,
            "scenes": settings.scenes,
            "twin": settings.twin,
            "batch_size": settings.batch_size,
            "seed": settings.seed,
            **PILLOW,
        }

    def passes(self) -> Workload:
        """Every scene and every text of a task, by the model and by its twin."""
        total = nothing()
        for name in self.names:
            listed = questions(
                name,
                scenes=self.settings.scenes,
                seed=self.settings.seed,
                size_px=self.clip.image_size,
            )
            texts = {option for one in listed for option in one.options}
            total += Workload(images=len({id(one.scene) for one in listed}), texts=len(texts))
        if self.pairs is not None:
            texts = {option for row in self.pairs.rows for option in row.options}
            total += Workload(images=len({row.image for row in self.pairs.rows}), texts=len(texts))
        return total + total if self.settings.twin else total

    def execute(self, run: Run) -> Outcome[None]:
        """Ask every task of the model and of its twin."""
        task_names = [*self.names, *([PAIRS] if self.pairs else [])]
        models: dict[str, Clip] = {"model": self.clip}
        if self.settings.twin:
            models["twin"] = random_twin(self.clip, seed=self.settings.seed)
        step = self.settings.counter(len(task_names) * len(models))
        results: list[dict[str, Any]] = []
        failures: dict[str, Failure] = {}
        used = 0
        for name in task_names:
            rows: dict[str, Any] = {}
            for who, model in models.items():
                part = f"parts/{name.replace(' ', '-')}-{who}.json"
                if not run.has(part):
                    run.write_json(part, self._ask(model, name))
                rows[who] = run.read_json(part)
                failures |= {f["id"]: Failure(**f) for f in rows[who].pop("failures")}
                step(1)
            results.append(self._row(name, rows))
            used += rows["model"]["n"]
        return Outcome(
            value=None,
            files=[(ANSWERS, list(_number_rows(results)))],
            summary=lambda: {
                "tasks": results,
                "headline": [line for one in results for line in _headline(one)],
                "warnings": [],
                "n": {"items": used, "tasks": len(results)},
            },
            page=lambda run: build_page(run, self.clip.provenance()),
            used=used,
            failed=len(failures),
            failures=[failures[name] for name in sorted(failures)],
        )

    def _ask(self, model: Clip, name: str) -> dict[str, Any]:
        settings = self.settings
        failures: list[Failure] = []
        items: Items
        if name == PAIRS and self.pairs is not None:
            items, failures = self.pairs.encode(
                model, seed=settings.seed, batch_size=settings.batch_size
            )
        else:
            listed = questions(
                name, scenes=settings.scenes, seed=settings.seed, size_px=model.image_size
            )
            items = encode(model, listed, batch_size=settings.batch_size)
        numbers = measure(items, seed=settings.seed)
        return {
            "n": items.n,
            "groups": len(set(items.groups.tolist())),
            "chance": items.chance,
            "verdict": judge(numbers, seed=settings.seed),
            "by_wording": {
                which: numbers.by_wording(which, seed=settings.seed) for which in numbers.right
            },
            "matched": matched.scores(items) if items.codes is None else {},
            "failures": failures,
        }

    def _row(self, name: str, rows: Mapping[str, Any]) -> dict[str, Any]:
        """A task of the model, with the twin's numbers beside, and what they take away."""
        task = TASKS.get(name)
        row: dict[str, Any] = {
            "task": name,
            "question": task.question if task else "Which of two captions is true?",
            "taught": bool(task and task.taught_by(_bundled_steps(self.clip))),
            **rows["model"],
        }
        if "twin" in rows:
            row["twin"] = rows["twin"]["verdict"]["numbers"] | rows["twin"]["matched"]
            row["not_above_twin"] = [
                which
                for which, mine in row["verdict"]["numbers"].items()
                if which in ("image", "text", "mapped")
                and mine["low"] <= row["twin"][which]["high"]
            ]
        return row


def _bundled_steps(clip: Clip) -> int:
    """Steps of the bundled model's training; 0 for another model, of which nothing is known."""
    if BUNDLED_NAME not in clip.id:
        return 0
    evaluation = json.loads((bundled_folder() / "evaluation.json").read_text(encoding="utf-8"))
    return int(evaluation["training"]["steps"])


def _headline(one: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {
        "name": one["task"],
        "estimate": one["verdict"]["numbers"]["zero_shot"],
        "meaning": f"{one['question']} Chance is {one['chance']:.2f}; verdict: "
        f"{one['verdict']['verdict']}.",
    }
    for name, estimate in one["matched"].items():
        yield {
            "name": name,
            "estimate": estimate,
            "meaning": f"{matched.MEANINGS[name]} Chance is {matched.CHANCE[name]:.2f}.",
        }


def _number_rows(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One row for each task, number, wording and model."""
    for one in tasks:
        everything = {"": one["verdict"]["numbers"] | one["matched"]}
        for which, wordings in one["by_wording"].items():
            for wording, estimate in wordings.items():
                everything.setdefault(wording, {})[which] = estimate
        tables = [("model", wording, rows) for wording, rows in everything.items()]
        if "twin" in one:
            tables.append(("twin", "", one["twin"]))
        for who, wording, rows in tables:
            for which, estimate in rows.items():
                yield {
                    "task": one["task"], "model": who, "wording": wording, "number": which,
                    **{name: estimate[name] for name in ("value", "low", "high", "n")},
                    "chance": matched.CHANCE.get(which, one["chance"]),
                }  # fmt: skip


LIMITS = Study(kind="limits", settings=LimitsAudit, prepare=prepare_audit, enforce=hold)
