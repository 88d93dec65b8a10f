"""Two typographic audits side by side: what changed, paired over image, word and condition.

Used to compare models, a model with and without a defence, or two ways of writing. Differences are
B minus A, over the rows that both runs have; every test is an exact McNemar test, corrected by Holm
over the tests of one comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from attacks.typographic.report.differences import changes, differences
from attacks.typographic.report.summary import columns_of, natural_outcomes, written_outcomes
from attacks.typographic.scoring.metrics import Outcomes
from attacks.typographic.settings import TypographicComparison
from attacks.typographic.withholding import require_answers
from clipprobe.errors import RunFolderError
from clipprobe.figures.typographic import difference_chart
from clipprobe.lines import shortened
from clipprobe.report import Block, Chart, Page, Paragraph, Section, Table, Warning
from clipprobe.report.numbers import format_cell
from clipprobe.report.opening import compared
from clipprobe.runs import Run, RunView, jsonio, load_run
from clipprobe.runs.differences import differing
from clipprobe.study import Outcome, Plan, Study

KIND = "typographic-comparison"
#: Id and content of every image of an audit.
IMAGES = "images.parquet"
#: Settings that must be the same for two audits to answer one question.
SAME = ("classes", "synonyms")


def prepare_comparison(settings: TypographicComparison, clip: None = None) -> Plan[dict[str, Any]]:
    """Read both audits, and refuse what cannot be compared."""
    a, b = load_run(settings.a), load_run(settings.b)
    apart = refuse_incomparable(a, b)
    one_set = a.manifest.get("dataset") == b.manifest.get("dataset")
    first, second = (_outcomes(view, by_content=not one_set) for view in (a, b))
    both = (name for name in first if name in second)
    if not any(len(np.intersect1d(first[name].pair, second[name].pair)) for name in both):
        raise RunFolderError(
            f"{a.path} and {b.path} share no image with the same word and condition: audit the "
            "same images with the same words, for example by giving both the same --seed."
        )
    runs = {name: view.about() for name, view in (("a", a), ("b", b))}

    def execute(run: Run) -> Outcome[dict[str, Any]]:
        rows, n = differences(first, second, seed=settings.seed)
        summary = _summary(runs, rows, n, apart)
        return Outcome(
            value=summary,
            files=[],
            summary=lambda: summary,
            page=lambda run: comparison_page(summary),
            used=n["pairs"],
        )

    return Plan(
        config={"runs": runs, "seed": settings.seed},
        execute=execute,
        seed=settings.seed,
        dataset=a.manifest.get("dataset"),
    )


def _summary(
    runs: Mapping[str, Any],
    rows: list[dict[str, Any]],
    n: Mapping[str, int],
    apart: list[tuple[str, Any, Any]],
) -> dict[str, Any]:
    summary: dict[str, Any] = jsonio.plain(
        {
            "kind": KIND,
            "schema_version": 1,
            "headline": [
                {
                    "name": row["name"],
                    "estimate": row["difference"],
                    "meaning": f"{row['name']}: B minus A over the same images and words",
                }
                for row in rows
            ],
            "runs": runs,
            "n": n,
            "differences": rows,
            "warnings": _warnings(apart, n),
            "settings": [{"name": s, "a": x, "b": y} for s, x, y in apart],
        }
    )
    return summary


def refuse_incomparable(a: RunView, b: RunView) -> list[tuple[str, Any, Any]]:
    """The settings other than the model that differ, where the two can be compared.

    Raises:
        RunFolderError: other classes, written words against photographed ones, or other images
            where it is not known which are the same.
    """
    if a.path.resolve() == b.path.resolve():
        raise RunFolderError(f"{a.path} was given twice: give two runs.")
    if a.summary["natural"] != b.summary["natural"]:
        raise RunFolderError(
            f"One of {a.path} and {b.path} wrote its words and the other photographed them: "
            "compare two of one kind."
        )
    configs = [a.read_json("config.json")["config"], b.read_json("config.json")["config"]]
    for run in (a, b):
        require_answers(run)
    for config in configs:  # the order of the classes decides nothing but exact ties
        config["classes"] = sorted(config["classes"])
    differences = differing(configs[0], configs[1])
    for name, x, y in differences:
        top = name.partition(".")[0]
        if top == "dataset" and not (a.has(IMAGES) and b.has(IMAGES)):
            raise RunFolderError(
                f"{a.path} and {b.path} used other images ({name} {_short(x)} and {_short(y)}), "
                "and were made before a run said which image is which: make them again."
            )
        if top in SAME:
            raise RunFolderError(
                f"{a.path} and {b.path} chose among other answers ({name} {_short(x)} and "
                f"{_short(y)}): give both audits the same --classes and --synonyms."
            )
    return [item for item in differences if item[0].partition(".")[0] not in ("model", "dataset")]


def _outcomes(view: RunView, *, by_content: bool) -> dict[str, Outcomes]:
    """Outcomes by condition.

    Args:
        by_content: Take an image for the same only if its bytes are, too; two data sets may have
            other images under one name.
    """
    data = columns_of(view.read_table("results.parquet"))
    if by_content:
        table = view.read_table(IMAGES)
        content = dict(zip(*(table[name].to_pylist() for name in ("image", "sha256")), strict=True))
        keys = [f"{image}\x1f{content[image]}" for image in data["image"]]
        data["image"] = np.asarray(keys, object)
    return natural_outcomes(data) if view.summary["natural"] else written_outcomes(data)


def _warnings(settings: list[tuple[str, Any, Any]], n: Mapping[str, int]) -> list[str]:
    texts = []
    if settings:
        listing = "; ".join(f"{s} {_short(x)} and {_short(y)}" for s, x, y in settings[:4])
        more = f" and {len(settings) - 4} more" if len(settings) > 4 else ""
        texts.append(
            f"The runs differ in more than the model or instead of it ({listing}{more}): the "
            "difference is that of all of it together."
        )
    if n["only_a"] or n["only_b"]:
        texts.append(
            f"{n['only_a']} attacked image(s) stand only in A and {n['only_b']} only in B: they "
            "are left out."
        )
    return texts


def _short(value: Any) -> str:
    return shortened("none" if value is None else str(value), 40)


def comparison_page(summary: Mapping[str, Any]) -> Page:
    """The report of a comparison."""
    rows = summary["differences"]
    sentence = "; ".join(f"{row['name']} {format_cell(row['difference'])}" for row in rows)
    blocks: list[Block] = [
        *(Warning(text) for text in summary["warnings"]),
        Chart(difference_chart(rows), f"B minus A: {sentence}."),
        Table(
            ["measure", "A", "B", "B minus A", "McNemar p", "Holm p"],
            [
                [r["name"], r["a"], r["b"], r["difference"], r["mcnemar_p"], r["holm_p"]]
                for r in rows
            ],
            "Paired over the same image, word and condition, 95 % intervals; p exact, corrected "
            "by Holm over these rows.",
        ),
        Paragraph(
            "Intervals and tests are about the choice of images and words. They say nothing "
            "about other images, fonts or prompts, nor whether two models differ in general."
        ),
    ]
    runs = summary["runs"]
    return Page(
        title="Two typographic audits",
        subtitle=f"A: {runs['a']['model']} ({runs['a']['name']}). B: {runs['b']['model']} "
        f"({runs['b']['name']}). {summary['n']['pairs']:,} attacked images in both.",
        sections=[Section("What changed", blocks)],
        provenance=dict(runs),
        lead=compared(
            [(row["name"], row["difference"]) for row in rows],
            control=f"Paired over {summary['n']['pairs']:,} attacked images of both; the nonsense "
            "words of each audit are its control.",
            about="measures",
        ),
    )


def comparison_text(summary: Mapping[str, Any]) -> str:
    """The comparison as lines for the terminal."""
    texts = [f"warning: {text}" for text in summary["warnings"]]
    for name in ("a", "b"):
        about = summary["runs"][name]
        texts.append(f"{name.upper()}: {about['model']} ({about['name']})")
    for row in summary["differences"]:
        p = "" if row["holm_p"] is None else f", Holm p {format_cell(row['holm_p'])}"
        texts.append(f"{row['name']:<28} {format_cell(row['difference'])}{p}")
    return "\n".join(texts)


COMPARISON = Study(
    kind=KIND,
    settings=TypographicComparison,
    prepare=prepare_comparison,
    load=lambda view: view.summary,
    text=comparison_text,
    changes=changes,
)
