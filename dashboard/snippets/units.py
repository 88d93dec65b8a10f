"""Units: one of an atlas, those that a line finds, those that respond to an image."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.snippets.images import WRITTEN, ImageSource, Mapped, ModelSource, opening, shell

NOTES = [
    "from clipprobe.identity import Identity",
    "from clipprobe.neurons.notes import read_notes",
]


def unit_code(*, run: str, address: str, model: ModelSource, mapped: Mapped | None) -> str:
    """One unit of an atlas, and where it fires on one image.

    Args:
        run: The run folder of the atlas.
        mapped: The image; None where there is no map.
    """
    upload = mapped.upload if mapped is not None else None
    word = mapped.word if mapped is not None else ""
    lines = [
        *(["from pathlib import Path", ""] if upload is not None else []),
        "import clipprobe",
        *(["from clipprobe.data import decode_image"] if upload is not None else []),
        *(["from clipprobe.neurons.words.grid import WordGrid, draw_word"] if word else []),
        "",
        f"atlas = clipprobe.Atlas.load({run!r})",
        f"unit = atlas.unit({address!r})",
        "print(unit.name, unit.n_images, unit.mean, unit.std, unit.low, unit.high)",
        "for firing in unit.top:",
        "    print(firing.value, firing.id, firing.label, firing.place)",
    ]
    if mapped is not None:
        picture = f"atlas.picture({mapped.image})"
        if upload is not None:
            picture = f"decode_image(Path({upload!r}))"
        if word:
            picture = f"draw_word({word!r}, grid, clip.image_size).images[0]"
        lines += [
            "",
            model.line,
            *([f"grid = {WRITTEN}"] if word else []),
            "with clipprobe.capture(clip, [unit.address]) as seen:",
            f"    clip.encode_images([{picture}])",
            "values = seen[unit.address][0]  # one per token; the class token, if any, comes first",
        ]
    return "\n".join(lines) + "\n"


def search_code(
    *, run: str, line: str, sites: Sequence[str], saved: tuple[str, str] | None = None
) -> str:
    """The units of an atlas that a line of text finds.

    Args:
        run: The run folder of the atlas.
        sites: Only these hook points; all where it is empty.
        saved: The file of notes, and the list of units that they must be on.
    """
    among: list[str] = []
    if saved:
        file, name = saved
        model = 'Identity.stored(atlas.config["model"])'
        among = [
            f"saved = read_notes({file!r}).saved({model})[{name!r}]",
            "units = [unit for unit in units if unit.address in saved]",
        ]
    where = f", site={list(sites)!r}" if sites else ""
    lines = [
        "import clipprobe",
        *(NOTES if saved else []),
        "from clipprobe.neurons.sheet.evidence import gather",
        "from clipprobe.neurons.sheet.query import find_by_query",
        "",
        f"atlas = clipprobe.Atlas.load({run!r})",
        f"units = find_by_query(atlas, gather(atlas), {line!r}{where})",
        *among,
        "for unit in units[:24]:",
        "    print(unit.address, *unit.why)",
    ]
    return "\n".join(lines) + "\n"


def responding_code(
    *, model: ModelSource, run: str, image: ImageSource, sites: Sequence[str] | None
) -> str:
    """The units of an atlas that respond most to one image."""
    given = "" if sites is None else f", sites={list(sites)!r}"
    return "\n".join(
        [
            *opening(model, image, "from clipprobe.neurons import responding"),
            f"atlas = clipprobe.Atlas.load({run!r})",
            f"found = responding(clip, atlas, image{given})",
            "for one in found.units:",
            "    print(one.address, one.value, one.percentile, one.deviations)",
            "",
        ]
    )


def responding_command(*, model: ModelSource, image: ImageSource, units: Sequence[str]) -> str:
    """The maps of some units over one image."""
    where = ["clipprobe", "neurons", "where"]
    return shell(
        image.made, *([*where, unit, image.file, *model.flags, "--json"] for unit in units)
    )
