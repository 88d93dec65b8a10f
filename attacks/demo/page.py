"""The page of ``clipprobe demo``: the findings first, then what they come from, folded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attacks.demo.front import SHEETS, Front, lead_of
from attacks.demo.settings import LETTERING
from clipprobe.data import Dataset
from clipprobe.models import Clip
from clipprobe.neurons.atlas.showing import sheet_name
from clipprobe.neurons.sheet.commands import command_line
from clipprobe.neurons.sheet.sheet import unit_sheet
from clipprobe.report import Block, Code, Images, Page, Paragraph, Section, Warning, render_html
from clipprobe.runs import Run
from clipprobe.study.suite.page import page_of
from clipprobe.study.suite.scorecard import Score

USUAL = Path("runs/demo")
"""Where a demo lies on the command lines of the page: no file of a run says where it is."""
SCENE = "scene.png"
"""The image of two things, among the stimuli."""
TITLE = "What clipprobe found in its bundled model"
#: Entry of the suite -> what it is called on the page.
TITLES = {
    "zeroshot-picture": "Zero-shot, colour pictures",
    "zeroshot-drawing": "Zero-shot, line drawings",
    "zeroshot-word": "Zero-shot, written words",
    "atlas": "Atlas of neurons",
    "typographic": "Typographic audit",
    "bias": "Social-bias report",
    "labels": "Names of neurons",
}
_TITLES = {"picture": "colour picture", "drawing": "line drawing", "word": "written word"}
#: Concepts whose images stand on the page.
_N_EXAMPLES = 4


def front_page(
    run: Run,
    clip: Clip,
    scores: Sequence[Score],
    *,
    front: Front,
    stimuli: tuple[Dataset, Dataset, Dataset],
) -> Page:
    """The page, and beside it the sheets of the units that it shows.

    Args:
        stimuli: Concepts, people, and the images that tested the names.
    """
    here = run.path.resolve()

    def typed(place: Path) -> Path:
        return USUAL / place.resolve().relative_to(here)

    for unit in front.units:
        name = f"{SHEETS}/{sheet_name(unit.address)}"
        page = unit_sheet(
            front.atlas,
            unit,
            runs=[front.names.path],
            out=run.path / name,
            clip=clip,
            others=[one.address for one in front.units],
            near=False,
            typed=typed,
        )
        run.write(name, render_html(page).encode("utf-8", "backslashreplace"))
    things, people, fresh = stimuli
    return page_of(
        clip,
        scores,
        seed=run.config["seed"],
        title=TITLE,
        subtitle=subtitle(clip.id, things, people, fresh),
        lead=lead_of(front, evidence(front, fresh), LIMITS),
        first=introduction(things),
        last=[commands(front)],
    )


def subtitle(model: str, concepts: Dataset, people: Dataset, fresh: Dataset) -> str:
    """Of which model, and how many images; people are counted, never shown."""
    return (
        f"{model}, on {len(concepts) + len(fresh):,} images of concepts and {len(people):,} of "
        "people that clipprobe drew itself"
    )


def evidence(front: Front, fresh: Dataset) -> str:
    """By which rule the findings were chosen, and where their numbers come from."""
    return (
        "A small CLIP, trained from nothing on emoji, line drawings and written words. The units "
        f"are those that keep all images of one concept highest among their strongest in the "
        f"atlas ({front.atlas.images.n_used:,} images); how well their names hold was measured on "
        f"{len(fresh):,} other images."
    )


def introduction(concepts: Dataset) -> list[Section]:
    """What this is, and a few of the images."""
    labels = list(dict.fromkeys(record.label for record in concepts.records))
    examples = labels[:: max(1, len(labels) // _N_EXAMPLES)][:_N_EXAMPLES]
    by_place = {(r.label, r.attributes["modality"]): r for r in concepts.records}
    images = [
        (str(by_place[label, modality].source), f"{label}, {called}")
        for modality, called in _TITLES.items()
        for label in examples
    ]
    about: list[Block] = [
        Warning(LIMITS[0]),
        Paragraph(
            "Three questions are put to the model: what do its neurons respond to, does it read "
            "what is written over what is shown, and which social associations does it carry? It "
            "was taught some of these on purpose, so each answer can be checked."
        ),
        Images(images, columns=_N_EXAMPLES),
        Paragraph(
            f"Zero-shot: choosing blindly among {len(labels)} texts is right 1 time in as many."
        ),
    ]
    return [Section("What this is, and what it sees", about, id="about", short="About")]


def commands(front: Front) -> Section:
    """What makes each finding again."""
    here = USUAL.as_posix()
    atlas = ("atlas", f"{here}/atlas")
    lines = [
        command_line("neurons show", [("", one.address), atlas, ("out", sheet_name(one.address))])
        for one in front.units
    ]
    blocks: list[Block] = [
        Paragraph(
            f"For a demo in {here}, where it usually lies: name your own folder instead. The first "
            "lines make the sheets again, with what other runs have found since."
        ),
        Code("\n".join(lines)) if lines else Paragraph("No unit keeps one concept highest."),
    ]

    def add(text: str, verb: str, *options: tuple[str, str]) -> None:
        blocks.extend([Paragraph(text), Code(command_line(verb, options))])

    if front.attacked is not None:
        add(
            "The word on the image, at a place of its own choice:",
            "attack",
            ("", f"{here}/stimuli/concepts/{front.attacked.image}"),
            ("", front.attacked.word),
            *((name, value or "none") for name, value in LETTERING.items()),
            ("out", "attacked.png"),
        )
    add(
        "The associations, as a run of their own:",
        "rerun",
        ("", f"{here}/bias"),
        ("out", "runs/bias"),
    )
    if front.things is not None:
        text = front.things.texts[0]
        add("The map:", "explain", ("", f"{here}/stimuli/{SCENE}"), ("", text), ("out", "map.png"))
    clicks = "All of it to click through, on this machine (http://127.0.0.1:8501):"
    add(clicks, "dashboard", ("runs", USUAL.parent.as_posix()))
    add("And this page:", "demo", ("out", here))
    return Section("The commands that make it again", blocks, id="commands", short="Commands")


LIMITS = (
    "Nothing here is evidence about OpenAI's CLIP or about people: the model is small, its world "
    "is drawn, and its social associations are planted at recorded rates.",
    "The stimuli are few and drawn by one program; intervals cover the drawing of stimuli, not the "
    "training of another model. One attack style and one place in the image at random were tried. "
    "Perceived gender and skin tone are properties of the drawings, not of persons.",
    "The units, the attack and the words of the plot were chosen for being clear, so they are not "
    "typical; the reports have all.",
)
