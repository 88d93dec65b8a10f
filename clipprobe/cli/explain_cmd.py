"""``clipprobe explain``: where in an image a score, or a neuron's activation, comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipprobe.cli.common import (
    DeviceOption,
    JsonOption,
    ModelOption,
    PoolOption,
    RevisionOption,
    load_model,
    read_image,
    result,
    say,
)
from clipprobe.cli.explain_output import (
    interaction_lines,
    numbers,
    part_lines,
    sentences,
    word_lines,
    write_picture,
)
from clipprobe.errors import ConfigError
from clipprobe.people import refuse_person_groups
from clipprobe.runs.files import check_file

if TYPE_CHECKING:
    from clipprobe.models import Clip


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command("explain")(explain)


def explain(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.")],
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...", help="A text; several are explained by their mean direction."
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option("--unit", help="A unit instead of a text, as vision.blocks.3.mlp.post:17."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            help="grad_eclip, integrated_gradients, keep_only and so on; several are drawn side by "
            "side. A wrong name lists all.",
            show_default="the cheap method that tells things apart best: head_tokens; for units, "
            "integrated_gradients",
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option("--against", help="Explain by how much the text beats this one; repeatable."),
    ] = None,
    centre: Annotated[
        bool,
        typer.Option("--centre", help="Explain the text less what most texts share."),
    ] = False,
    words: Annotated[
        str | None,
        typer.Option(
            "--words", help="Which words of the text count: gradient, occlusion or interactions."
        ),
    ] = None,
    pairs: Annotated[
        bool, typer.Option("--interactions", help="Which patch counts with which word.")
    ] = False,
    parts: Annotated[
        bool, typer.Option("--parts", help="Which heads and neurons hold the score.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the picture with its map here (PNG).")
    ] = None,
    pool: PoolOption = "max",
    hook: Annotated[
        str | None,
        typer.Option(
            "--hook",
            help="token_grad_cam: the hook point that is mapped.",
            show_default="the stream before the last block, or before the unit's",
        ),
    ] = None,
    n_steps: Annotated[
        int | None,
        typer.Option(
            "--steps", min=1, help="integrated_gradients: steps.", show_default="64, more if needed"
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline", help="integrated_gradients: grey, black or white.", show_default="grey"
        ),
    ] = None,
    extra: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Any other setting of the methods; repeatable."
        ),
    ] = None,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Explain the score of an image with a text, or a neuron's activation."""
    if bool(text) == bool(unit):
        raise ConfigError(
            "Either a text or --unit must be given, and not both: for example "
            '`clipprobe explain dog.png "a dog"`.'
        )
    if out is not None and out.suffix.lower() != ".png":
        raise ConfigError(f"The map is written as PNG, and {out} ends otherwise: name it .png.")
    if unit and (words or pairs or parts):
        raise ConfigError(
            "--words, --interactions and --parts take a text apart, and a unit was given."
        )
    refuse_person_groups([*(text or []), *(against or [])], "explain")  # before a model is loaded
    options = {"hook": hook, "n_steps": n_steps, "baseline": baseline}
    settings = {name: value for name, value in options.items() if value is not None}
    settings |= _extra(extra or [])
    # Before a model is loaded: a wrong method, an image or a place that cannot be used.
    methods = _settings_of(method or [], settings)
    read_image(image)
    if out is not None:
        check_file(out)
    clip = load_model(model, device=device, revision=revision)
    from clipprobe.attribution.explaining import default_method, explain_many
    from clipprobe.hooks import parse_unit

    target: Any = parse_unit(unit) if unit else (text or [])
    found = explain_many(
        clip,
        [image],
        [target],
        methods or {default_method(clip, target): settings},
        against=against,
        centre=centre,
        pool=pool,
    )
    maps = [rows[0] for rows in found.values()]
    if out is not None:
        write_picture(clip, image, maps, out)
        say(f"The map is {out}: orange raises the score, blue lowers it.")
    for one in maps:
        if one.caution:
            say(f"Caution: {one.caution}.")
    data, lines = _more(clip, image, (text or [""])[0], words=words, pairs=pairs, parts=parts)
    others = {"others": [numbers(one) for one in maps[1:]]} if maps[1:] else {}
    result(
        numbers(maps[0]) | others | data,
        as_json=as_json,
        text=lambda: "\n".join([*(sentences(one) for one in maps), *lines]),
    )


def _settings_of(methods: list[str], settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each method with those of the settings that it has.

    Raises:
        UnknownMethodError: there is no such method.
        ConfigError: none of the methods has one of the settings.
    """
    from clipprobe.attribution.registry import find_method

    if len(methods) == 1:
        find_method(methods[0], settings)
    has = {name: find_method(name, {}).settings for name in methods}
    for setting in settings if has else ():
        if not any(setting in known for known in has.values()):
            raise ConfigError(f"None of the methods {', '.join(has)} has a setting {setting!r}.")
    return {
        name: {key: value for key, value in settings.items() if key in known}
        for name, known in has.items()
    }


def _extra(pairs: list[str]) -> dict[str, Any]:
    """``NAME=VALUE`` as settings; numbers are read as numbers."""
    import yaml

    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not (name and sign and value):
            raise ConfigError(f"--set {pair!r} is not of the form NAME=VALUE, as in n_masks=256.")
        found[name] = yaml.safe_load(value)
    return found


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
