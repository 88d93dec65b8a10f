"""The knobs of a typographic attack as options: one list for every command that draws one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_type_hints

import typer

from clipprobe.errors import ConfigError

_COLOR = "A name or #rrggbb"
#: Name -> type, help and what stands where the knob is not given: the attack's own default, or a
#: preset's. No option has a default of its own.
_OPTIONS: dict[str, tuple[Any, str, str | None]] = {
    "preset": (
        str, "distill, defense_prefix, dyslexify, multi_image, self_generated or sticky_note; "
        "other knobs win over it.", None,
    ),
    "size": (float, "Line height as a fraction of the short side.", "0.2"),
    "position": (
        str, "random, center, top-left, r1c1 .. r4c4, fractions such as 0.5,0.25 (with ; between "
        "the places of several copies), on or off the object.", "random",
    ),
    "anchor": (str, "What stands on the place: center or baseline.", "center"),
    "copies": (int, "1 to 16.", "1"),
    "color": (str, f"Of the letters: {_COLOR.lower()}.", "white"),
    "opacity": (float, "Of the label, above 0, at most 1.", "1"),
    "contrast": (float, "WCAG ratio of the letters to what lies under them, 1 to 21.", None),
    "outline": (str, f"{_COLOR}, or none.", "black"),
    "outline_width": (float, "In line heights.", "0.06"),
    "background": (str, f"{_COLOR}, or none.", "none"),
    "padding": (float, "Of the background around the ink, in line heights.", "0.25"),
    "shadow": (float, "Darkness of the background's shadow, 0 to 1.", "0"),
    "rotation": (float, "Degrees, counter-clockwise.", "0"),
    "perspective": (str, "Degrees of tilt, one such as 30 or two such as 30,10.", "0"),
    "blur": (float, "Gaussian blur of the label, in line heights.", "0"),
    "downscale": (float, "Resolution left of the label, as from afar, 0 to 1.", "1"),
    "font": (str, "A bundled font.", "DejaVuSans-Bold"),
    "case": (str, "as-is, lower, upper or title.", "as-is"),
    "script": (
        str, "as-is, cyrillic, greek, cyrillic-lookalikes, greek-lookalikes or leetspeak.", "as-is",
    ),
    "mirrored": (bool, "Exchange left and right of the label.", "no-mirrored"),
    "misspelt": (int, "Typing mistakes, 0 to 4.", "0"),
    "repeated": (int, "Times that the word stands in one label, 1 to 8.", "1"),
    "band": (float, "White bands above and below that take the text, as a share of the height.",
             "0"),
    "fit": (str, "A word that is too long: shrink, wrap or error.", "shrink"),
}  # fmt: skip
KNOBS = tuple(_OPTIONS)


def with_knobs(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for each knob; it takes them as ``**knobs``, None where absent."""
    hints = get_type_hints(command, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(command).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    added = []
    for name, (kind, help_text, default) in _OPTIONS.items():
        flag = "--" + name.replace("_", "-")
        flags = (f"{flag}/--no-{name}",) if kind is bool else (flag,)
        option = typer.Option(*flags, help=help_text, show_default=default or False)
        added.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[kind | None, option],
            )
        )

    @functools.wraps(command)
    def wrapper(*arguments: Any, **options: Any) -> None:
        command(*arguments, **options)

    signature = inspect.Signature([*own, *added])
    wrapper.__signature__ = signature  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    del wrapper.__wrapped__
    return wrapper


def parsed_knobs(options: Mapping[str, Any]) -> dict[str, Any]:
    """The knobs among ``options`` that were given, their texts as an attack takes them."""
    found = {name: options[name] for name in KNOBS if name in options}
    for name in ("outline", "background"):
        if found.get(name) == "none":
            found[name] = None
    if isinstance(found.get("position"), str):
        found["position"] = place(found["position"])
    if isinstance(found.get("perspective"), str):
        found["perspective"] = _angles(found["perspective"])
    return found


def place(text: str) -> Any:
    """A name as it is, ``x,y`` as two numbers, ``x,y;x,y`` as a list of them.

    What is neither is left for the attack, which says what is wrong.
    """
    pairs = [part for part in text.split(";") if part.strip()]
    try:
        numbers = [tuple(float(number) for number in pair.split(",")) for pair in pairs]
    except ValueError:
        return text
    if not numbers or any(len(pair) < 2 for pair in numbers):
        return text
    return numbers[0] if len(numbers) == 1 else numbers


def _angles(text: str) -> Any:
    try:
        angles = [float(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(
            f"--perspective {text!r} is no angle: give degrees, one such as 30 or two such as "
            "30,10."
        ) from None
    return angles[0] if len(angles) == 1 else tuple(angles)
