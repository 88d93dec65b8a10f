"""What the page of ``clipprobe demo`` says besides the scorecard of its studies."""

from __future__ import annotations

from clipprobe.data import Dataset
from clipprobe.report import Block, Images, Paragraph, Section, Warning

TITLE = "What clipprobe found in its bundled model"
#: Entry of the suite -> what it is called on the page.
TITLES = {
    "zeroshot-picture": "Zero-shot, colour pictures",
    "zeroshot-drawing": "Zero-shot, line drawings",
    "zeroshot-word": "Zero-shot, written words",
    "atlas": "Atlas of neurons",
    "typographic": "Typographic audit",
    "bias": "Social-bias report",
}
_SHOWN = {"picture": "colour picture", "drawing": "line drawing", "word": "written word"}
#: Concepts whose images stand on the page.
_N_EXAMPLES = 4


def subtitle(model: str, concepts: Dataset, people: Dataset) -> str:
    """Of which model, and how many images; people are counted, never shown."""
    return (
        f"{model}, on {len(concepts)} images of concepts and {len(people)} of people "
        "that clipprobe drew itself."
    )


def introduction(concepts: Dataset) -> list[Section]:
    """What this is, and a few of the images."""
    labels = list(dict.fromkeys(record.label for record in concepts.records))
    examples = labels[:: max(1, len(labels) // _N_EXAMPLES)][:_N_EXAMPLES]
    by_place = {(r.label, r.attributes["modality"]): r for r in concepts.records}
    pictures = [
        (str(by_place[label, modality].source), f"{label}, {called}")
        for modality, called in _SHOWN.items()
        for label in examples
    ]
    about: list[Block] = [
        Paragraph(
            "A small CLIP, trained from nothing on emoji, line drawings and written words, "
            "and three questions put to it: what do its neurons respond to, does it read what "
            "is written over what is shown, and which social associations does it carry? It "
            "was taught some of these on purpose, so each answer can be checked."
        ),
        Warning(
            "Nothing here is evidence about OpenAI's CLIP or about people: the model is small, "
            "its world is drawn, and its social associations are planted at recorded rates."
        ),
    ]
    chance = f"Zero-shot: choosing blindly among {len(labels)} texts is right 1 time in as many."
    return [
        Section("What this is", about),
        Section("What it sees", [Paragraph(chance), Images(pictures, columns=_N_EXAMPLES)]),
    ]


def limits() -> Section:
    """What the numbers do not say."""
    return Section(
        "Limits",
        [
            Paragraph(
                "The stimuli are few and drawn by one program; intervals cover the drawing of "
                "stimuli, not the training of another model. One attack style and one place in "
                "the image at random were tried. Perceived gender and skin tone are properties "
                "of the drawings, not of persons."
            )
        ],
    )
