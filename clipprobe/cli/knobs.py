"""The knobs of a typographic attack as options, for the commands that are not made from records."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_type_hints

import typer


def with_knobs(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for each knob; it takes them as ``**knobs``, None where absent."""
    from attacks.typographic.settings import Lettering
    from clipprobe.cli.adapter import help_of_setting
    from clipprobe.settings import settings_of

    hints = get_type_hints(command, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(command).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    added = []
    for one in settings_of(Lettering):
        if one.where != "anywhere":
            continue
        flag = f"--{one.flag}/--no-{one.flag}" if one.type is bool else f"--{one.flag}"
        option = typer.Option(flag, help=help_of_setting(one), show_default=False)
        added.append(
            inspect.Parameter(
                one.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[one.type | None, option],
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
    from attacks.typographic.settings import Lettering
    from clipprobe.settings import settings_of

    names = [one.name for one in settings_of(Lettering) if one.name in options]
    made = Lettering(**{name: options[name] for name in names if name not in ("preset", "varies")})
    return {name: getattr(made, name) for name in names} | {
        name: options[name] for name in ("preset", "varies") if name in options
    }
