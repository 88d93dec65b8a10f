"""The report of a sweep: curves, map, worst cell, smallest text, and what to doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from attacks.typographic.rendering.cases import Case
from attacks.typographic.rendering.render import Renderer
from attacks.typographic.sweep.grid import Grid, level_name
from attacks.typographic.sweep.lead import lead_of
from attacks.typographic.task import Task
from clipprobe.errors import TextFitError
from clipprobe.figures.sweep import CURVES, cell_map, security_curve
from clipprobe.report import Block, Chart, Images, Page, Paragraph, Section, Table
from clipprobe.report.numbers import decimals
from clipprobe.report.sections import how_to_read, in_short, settings_rows
from clipprobe.runs import Run

#: Cells listed in the page; cells.csv has all.
LISTED_CELLS = 100
_MAPS = ("attacked_accuracy", "targeted_success", "reading_effect")
#: Estimates that fit side by side into a table; cells.csv has all.
_LISTED = {
    "attacked_accuracy": "attacked accuracy",
    "targeted_success": "targeted success",
    "reading_effect": "reading effect",
}
_OF_CURVE = {**_LISTED, "control_success": "nonsense word: success"}


def build_page(
    run: Run,
    grid: Grid,
    task: Task,
    cases: Sequence[Case],
    words: Mapping[str, Sequence[str]],
) -> Page:
    """The page, from what is in the run folder; one image is drawn again at every level."""
    summary = run.read_json("summary.json")
    n = summary["n"]
    sections = [in_short(summary)]
    for factor in grid.factors:
        blocks = _curve(summary, grid, factor)
        if run.has("results.parquet"):  # else single images are withheld
            word = words[cases[0].record.id][0]
            blocks.append(_strip(grid, factor, task.renderer, cases[0], word))
        sections.append(Section(f"Over {factor}", blocks))
    if grid.design == "factorial" and len(grid.factors) == 2:
        sections.append(Section("Over both", _maps(summary, grid)))
    sections.append(Section("The worst cell", _worst(summary), short="Worst cell"))
    if summary["smallest_text"]:
        title = "The smallest text that works"
        sections.append(Section(title, [_smallest(summary)], short="Smallest text"))
    sections.append(Section("All cells", [_cells(summary)]))
    sections.append(how_to_read(_notes(grid)))
    return Page(
        title="Typographic sweep",
        subtitle=f"{n['images']:,} images in {n['cells']:,} cells ({grid.design}), "
        f"{n['classes']:,} classes, {n['encoded']:,} different images encoded; "
        f"{n['failed']:,} unreadable, {n['skipped']:,} left out.",
        sections=sections,
        provenance={**task.clip.provenance(), "settings": settings_rows(run.config)},
        lead=lead_of(summary, grid),
    )


def _curve(summary: Mapping[str, Any], grid: Grid, factor: str) -> list[Block]:
    points = summary["curves"][factor]
    sentence = "; ".join(
        f"{point['name']}: accuracy {decimals(point['attacked_accuracy']['value'])}, "
        f"success {decimals(point['targeted_success']['value'])}, "
        f"reading effect {decimals(point['reading_effect']['value'])}"
        for point in points
    )
    others = "averaged over the other factors" if grid.design == "factorial" else "all else equal"
    blocks: list[Block] = [
        Chart(
            security_curve(points, factor, ordered=grid.ordered(factor)),
            f"Over {factor}, {others}: {sentence}.",
        ),
        Table(
            [factor, *_OF_CURVE.values()],
            [[point["name"], *(point[measure] for measure in _OF_CURVE)] for point in points],
            f"Every level of {factor}, {others}, with 95 % intervals. Success counts images "
            "answered correctly when clean; the nonsense word's is answered with the attack word "
            "though it does not stand there.",
        ),
    ]
    trends = summary["trends"][factor]
    if trends["reason"]:
        blocks.append(Paragraph(f"No trend was tested over {factor}: {trends['reason']}."))
    else:
        blocks.append(_trend_table(trends, factor))
    return blocks


def _trend_table(trends: Mapping[str, Any], factor: str) -> Table:
    rows = []
    for name, entry in sorted(trends["measures"].items()):
        steps = "; ".join(
            f"{trends['levels'][s['from']]} to {trends['levels'][s['to']]}: "
            f"{s['change']['value']:+.3f}, Holm p {s['holm_p']:.3g}"
            for s in entry["steps_back"]
        )
        monotone = {True: "none is shown", False: "yes", None: "not asked"}[entry["monotone"]]
        numbers = [entry[column] for column in ("direction", "z", "p", "n_informative")]
        rows.append([name.replace("_", " "), *numbers, monotone, steps or entry["reason"]])
    return Table(
        ["outcome", "trend", "z", "p", "images that differ", "steps back", "which, or why not"],
        rows,
        f"Whether outcomes rise or fall with {factor}: Mantel's correlation statistic with every "
        "image as a stratum, two-sided; a step back is a change against the trend between "
        "neighbouring levels, shown where its Holm p is below 0.05.",
    )


def _strip(grid: Grid, factor: str, renderer: Renderer, case: Case, word: str) -> Block:
    tiles = []
    base = renderer.base(case)
    for level, cells in grid.curve(factor):
        drawer = replace(renderer, attack=cells[0].attack, kinds=("attack",))
        try:
            tile = next(iter(drawer.conditions(case, base, word)))[1].image
        except TextFitError:
            continue
        tiles.append((tile, f"{factor} {level_name(level)}"))
    if not tiles:
        return Paragraph(f"The word “{word}” does not fit on the first image at any level.")
    return Images(tiles, columns=6)


def _maps(summary: Mapping[str, Any], grid: Grid) -> list[Block]:
    names = [[level_name(level) for level in levels] for levels in grid.factors.values()]
    blocks: list[Block] = []
    # The factors as the summary holds them, in the order of the grid: JSON sorts the names.
    factors = {name: summary["factors"][name] for name in grid.factors}
    for measure in _MAPS:
        sentence = "; ".join(
            f"{cell['name']} {decimals(cell[measure]['value'])}"
            for cell in summary["cells"][:LISTED_CELLS]
        )
        blocks.append(
            Chart(
                cell_map(summary["cells"], factors, names, measure),
                f"{CURVES[measure]}, by {' and '.join(factors)}: {sentence}.",
            )
        )
    return blocks


def _worst(summary: Mapping[str, Any]) -> list[Block]:
    worst, cells = summary["worst"], summary["cells"]
    rows = []
    for name, title in (
        ("attacked_accuracy", "lowest attacked accuracy"),
        ("targeted_success", "highest targeted success"),
    ):
        cell = worst[name]
        where = cells[cell["cell"]]["name"] if cell["cell"] >= 0 else cell["reason"]
        numbers = ("observed", "confirmed", "floor", "floor_bound", "p")
        rows.append([title, where, *(cell[number] for number in numbers)])
    return [
        Table(
            [
                "", "cell", "as observed (a maximum)", "confirmed on other images",
                "if cells were alike", "its 97.5 % bound", "p",
            ],
            rows,
            f"The most extreme of {summary['n']['cells']:,} cells. Its observed share is too far "
            "out, because it was chosen for being far out. Confirmed: chosen on one half of the "
            "images, measured on the other, both ways. If cells were alike: what the most "
            "extreme would show by chance, each image's outcomes permuted over the cells.",
        ),
        Table(
            ["an attacker tries every cell on every image", "share"],
            [
                ["right in every cell", worst["right_in_every_cell"]],
                ["right in every cell with a nonsense word", worst["right_in_every_control"]],
            ],
            "Accuracy against the worst cell of each image. It falls with the number of cells "
            "even where words do nothing; the row with nonsense words shows how far.",
        ),
    ]  # fmt: skip


def _smallest(summary: Mapping[str, Any]) -> Table:
    return Table(
        ["written", f"success above {summary['level']:g}", "reading effect above 0"],
        [
            [text["others"] or "as the base", text["works"], text["is_read"]]
            for text in summary["smallest_text"]
        ],
        "Least size (line height as a share of the short side) at which the lower end of the 95 % "
        "interval exceeds the level; the lower end given here is the least size not shown to fail.",
    )


def _cells(summary: Mapping[str, Any]) -> Table:
    cells = summary["cells"]
    return Table(
        ["cell", "drawn px", "did not fit", *_LISTED.values()],
        [
            [cell[column] for column in ("name", "size_px", "left_out", *_LISTED)]
            for cell in cells[:LISTED_CELLS]
        ],
        f"{min(len(cells), LISTED_CELLS):,} of {len(cells):,} cells; cells.csv has all, with every "
        "measure. Drawn px: median line height after fitting, which a long word lowers.",
    )


def _notes(grid: Grid) -> list[str]:
    return [
        "The same words stand on the same images in every cell, and a nonsense word of the same "
        "length in the same place: differences between cells are paired, and what clutter alone "
        "does is the dotted line.",
        "The curve of a factor "
        + (
            "averages over all levels of the others; the cells tell whether they act together."
            if grid.design == "factorial"
            else "keeps all other settings at the base; how factors act together needs a "
            "factorial design."
        ),
        "Intervals are 95 %, one level at a time: Wilson for independent images, bootstrap over "
        "images else. They hold for these images, words and levels, and say nothing about "
        "sizes between or beyond the levels.",
        "A size is asked for; a word that is too wide is drawn smaller where the setting fit is "
        "shrink. The column with the drawn pixels shows it.",
    ]
