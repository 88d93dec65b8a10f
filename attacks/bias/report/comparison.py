"""Two stored bias reports side by side: their printed figures, unpaired.

A stored run keeps nothing from which one image can be followed, so nothing that would pair it with
another either. Two models are compared on the same images, paired, in one process:
``audit_bias(clip, ..., against=other)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attacks.bias.groups.columns import SHOW_FROM
from attacks.bias.report.comparison_page import comparison_outcome, comparison_text
from attacks.bias.report.differences import KIND, changes, figures_of, summarise
from attacks.bias.settings import BiasComparison
from clipprobe.errors import RunFolderError
from clipprobe.runs import RunView, load_run
from clipprobe.runs.differences import differing
from clipprobe.study import Plan, Study

UNPAIRED = (
    "Stored runs are compared unpaired, figure by printed figure and as if their images were "
    "independent: a stored run keeps nothing that tells one image from another. Over the same "
    "images the intervals are wider than they need be, and nothing is tested. To pair two models "
    "over the same images, audit them together: clipprobe audit bias --model A --against B."
)


def prepare_comparison(settings: BiasComparison, clip: None = None) -> Plan[dict[str, Any]]:
    """Read both reports, and refuse what cannot be compared."""
    a, b = load_run(settings.a), load_run(settings.b)
    if a.path.resolve() == b.path.resolve():
        raise RunFolderError(f"{a.path} was given twice: give two runs.")
    summary = _summary(a, b)
    outcome = comparison_outcome(summary, used=len(summary["differences"]))
    return Plan(
        config={"runs": summary["runs"], "seed": settings.seed},
        execute=lambda run: outcome,
        seed=settings.seed,
        dataset=b.manifest.get("dataset"),
    )


def _summary(a: RunView, b: RunView) -> dict[str, Any]:
    views = {"a": a, "b": b}
    summary = summarise(
        _figures(a),
        _figures(b),
        runs={
            name: {**view.about(), "used": view.manifest["counts"]["used"]}
            for name, view in views.items()
        },
        paired=False,
        limits=b.summary["limits"],
    )
    if not summary["differences"]:
        raise RunFolderError(
            f"{a.path} and {b.path} have no figure in common that both could show: ask both the "
            "same probes about the same group columns."
        )
    settings = _settings(a, b)
    return summary | {
        "warnings": _warnings(settings, summary["n"]["only_a"], summary["n"]["only_b"]),
        "settings": [{"name": s, "a": x, "b": y} for s, x, y in settings],
    }


def _figures(view: RunView) -> dict[tuple[Any, ...], dict[str, Any]]:
    return figures_of(view.read_table("cells.parquet").to_pylist())


def _settings(a: RunView, b: RunView) -> list[tuple[str, Any, Any]]:
    configs = [view.read_json("config.json")["config"] for view in (a, b)]
    return [
        item for item in differing(*configs)
        if item[0].partition(".")[0] not in ("model", "batch_size", "planted")
    ]  # fmt: skip


def _warnings(settings: Sequence[tuple[str, Any, Any]], only_a: int, only_b: int) -> list[str]:
    texts = [UNPAIRED]
    other = [name for name, _, _ in settings if not name.startswith("settings.")]
    if other:
        texts.append(
            "The runs differ in more than the model or instead of it "
            f"({', '.join(other[:5])}{', …' if len(other) > 5 else ''}): the difference is that of "
            "all of it together."
        )
    if only_a or only_b:
        texts.append(
            f"{only_a} figures of A and {only_b} of B are left out: the other run does not show "
            f"them, or it is about a few images more or less (fewer than {SHOW_FROM}), so that the "
            "difference would be theirs."
        )
    return texts


COMPARISON = Study(
    kind=KIND,
    settings=BiasComparison,
    prepare=prepare_comparison,
    load=lambda view: view.summary,
    text=comparison_text,
    changes=changes,
)
