"""``clipprobe explain``: where in an image a score, or a neuron's activation, comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.attribution.registry import settings_of_each
from clipprobe.attribution.settings import Explaining
from clipprobe.attribution.terminal import (
    interaction_lines,
    numbers,
    part_lines,
    sentences,
    word_lines,
    write_picture,
)
from clipprobe.cli.common import load_model, read_image, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError
from clipprobe.people import refuse_person_groups
from clipprobe.runs.files import check_file
from clipprobe.settings.shared import Model, Terminal

if TYPE_CHECKING:
    from clipprobe.models import Clip


def explain(settings: Explaining, model: Model, terminal: Terminal) -> None:
    """Explain one score by one method or several, and print or draw the maps."""
    text, out = list(settings.text), settings.out
    if bool(text) == bool(settings.unit):
        raise ConfigError(
            "Either a text or --unit must be given, and not both: for example "
            '`clipprobe explain dog.png "a dog"`.'
        )
    if out is not None and out.suffix.lower() != ".png":
        raise ConfigError(f"The map is written as PNG, and {out} ends otherwise: name it .png.")
    if settings.unit and (settings.words or settings.interactions or settings.parts):
        raise ConfigError(
            "--words, --interactions and --parts take a text apart, and a unit was given."
        )
    refuse_person_groups([*text, *settings.against], "explain")  # before a model is loaded
    # Before a model is loaded: a wrong method, an image or a place that cannot be used.
    given = settings.of_methods()
    methods = settings_of_each(settings.method, given)
    read_image(settings.image)
    if out is not None:
        check_file(out)
    clip = load_model(model.model, device=model.device, revision=model.revision)
    from clipprobe.attribution.explaining import default_method, explain_many
    from clipprobe.hooks import parse_unit

    target: Any = parse_unit(settings.unit) if settings.unit else text
    found = explain_many(
        clip,
        [settings.image],
        [target],
        methods or {default_method(clip, target): given},
        against=list(settings.against) or None,
        centre=settings.centre,
        pool=settings.pool,
    )
    maps = [rows[0] for rows in found.values()]
    if out is not None:
        write_picture(clip, settings.image, maps, out)
        say(f"The map is {out}: orange raises the score, blue lowers it.")
    for one in maps:
        if one.caution:
            say(f"Caution: {one.caution}.")
    data, lines = _more(
        clip,
        settings.image,
        (text or [""])[0],
        words=settings.words,
        pairs=settings.interactions,
        parts=settings.parts,
    )
    others = {"others": [numbers(one) for one in maps[1:]]} if maps[1:] else {}
    result(
        numbers(maps[0]) | others | data,
        as_json=terminal.as_json,
        text=lambda: "\n".join([*(sentences(one) for one in maps), *lines]),
    )


def _more(
    clip: Clip, image: Path, text: str, *, words: str | None, pairs: bool, parts: bool
) -> tuple[dict[str, Any], list[str]]:
    """Words, interactions and parts, as data and as lines."""
    data: dict[str, Any] = {}
    lines: list[str] = []
    if words is not None:
        from clipprobe.attribution import explain_words

        of_words = explain_words(clip, image, text, words)[0]
        data["words"] = of_words.to_json()
        lines.append(word_lines(of_words))
    if pairs:
        from clipprobe.attribution.interactions import interactions

        of_pairs = interactions(clip, image, text)
        data["interactions"] = of_pairs.to_json()
        lines.append(interaction_lines(of_pairs))
    if parts:
        from clipprobe.attribution.decomposition import decompose

        of_image = decompose(clip, image)
        direction = clip.encode_texts([text])[0]
        data["parts"] = dict(of_image.ranked(direction, 50))
        lines.append(part_lines(of_image, direction))
    return data, lines


EXPLAIN = Verb(explain, (Explaining, Model, Terminal))
