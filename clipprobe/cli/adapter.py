"""From records of settings to a Typer command, which only cuts the command line into texts.

What a text means is decided by the record (:mod:`clipprobe.settings`), so a flag, a key of the
``--config`` file and an argument in Python are read by one rule.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from clipprobe.cli.output import output, plain
from clipprobe.cli.running import run_verb
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from clipprobe.settings import Setting

_NOUNS = {bool: "", int: "<whole>", float: "<number>", str: "<text>", Path: "<path>"}


def command(name: str, verb: Verb) -> TyperCommand:
    """The Typer command of a verb."""
    app = typer.Typer(add_completion=False)
    app.command(name, help=help_of(verb.records[0]))(_called(verb))
    click_command = typer.main.get_command(app)
    assert isinstance(click_command, TyperCommand)
    click_command.name = name
    usage = ["[OPTIONS]", *(_place(one) for one in _settings(verb) if one.argument)]
    click_command.collect_usage_pieces = lambda ctx: usage  # type: ignore[method-assign]
    return click_command


def _settings(verb: Verb) -> list[Setting]:
    from clipprobe.settings import settings_of

    every = [one for record in records_of(verb) for one in settings_of(record)]
    return [one for one in every if one.where in ("anywhere", "flag", "terminal")]


def records_of(verb: Verb) -> tuple[Any, ...]:
    """The records of a verb; one that makes a run can also be rehearsed."""
    from clipprobe.settings.shared import DryRun, Output

    makes_run = any(issubclass(record, Output) for record in verb.records)
    return (*verb.records, DryRun) if makes_run else verb.records


def _place(one: Setting) -> str:
    """An argument in the line of usage; Typer is told of none that is required."""
    name = one.flag.upper() + ("..." if one.many else "")
    return name if one.required else f"[{name}]"


def help_of(record: Any) -> str:
    """The docstring of a record, each paragraph on one line, nothing of it read as markup."""
    paragraphs = inspect.cleandoc(record.__doc__ or "").split("\n\n")
    return "\n\n".join(plain(" ".join(paragraph.split())) for paragraph in paragraphs)


def _called(verb: Verb) -> Callable[..., None]:
    def run(**values: Any) -> None:
        output().quiet = bool(values.get("quiet"))
        run_verb(verb, filled_records(verb.records, values), dry=bool(values.get("dry_run")))

    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [_parameter(one) for one in _settings(verb)]
    )
    run.__annotations__ = {
        name: parameter.annotation for name, parameter in inspect.signature(run).parameters.items()
    }
    return run


def filled_records(records: tuple[Any, ...], values: Mapping[str, Any]) -> list[Any]:
    """A record of each kind, from flags and from the file that ``--config`` names.

    Raises:
        ConfigError: the file cannot be read, sets what is not known, or a value cannot be used.
    """
    from clipprobe.settings.record import check_keys

    file = values.get("config")
    config = read_mapping(Path(file)) if file else {}
    check_keys(config, records, file)
    return [record.from_texts(values, config, file) for record in records]


def _parameter(one: Setting) -> inspect.Parameter:
    """A parameter for Typer, given as text; only Typer's own conversion to bool is used."""
    kind: Any = bool if one.type is bool else str
    if one.many:
        kind = list[str]
    return inspect.Parameter(
        one.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, _argument(one) if one.argument else _option(one)],
    )


def _option(one: Setting) -> Any:
    flags = [f"--{name}" for name in (one.flag, one.also) if name]
    if one.type is bool and one.where != "terminal":
        flags = [f"--{one.flag}/--no-{one.flag}"]
    return typer.Option(
        *flags,
        help=plain(help_of_setting(one)),
        show_default=False,
        metavar=_metavar(one),
        envvar=one.env or None,
        show_envvar=bool(one.env),
        rich_help_panel=one.panel,
        autocompletion=_completion(one),
    )


def _argument(one: Setting) -> Any:
    return typer.Argument(
        help=plain(help_of_setting(one)),
        show_default=False,
        metavar=one.flag.upper(),
        envvar=one.env or None,
        show_envvar=bool(one.env),
        autocompletion=_completion(one),
    )


def _metavar(one: Setting) -> str | None:
    if one.type is bool:
        return None
    return _NOUNS[one.type] + (" [required]" if one.required else "")


def help_of_setting(one: Setting) -> str:
    """The text of a setting, then its limits or choices and its default."""
    facts = [one.limits] if one.limits else []
    if one.choices:
        facts.append(" or ".join(filter(None, [", ".join(one.choices[:-1]), one.choices[-1]])))
    if one.argument and one.required:
        facts.append("required")
    if one.shown:
        facts.append(f"default: {one.shown}")
    return f"{one.help} [{'; '.join(facts)}]" if facts else one.help


def _completion(one: Setting) -> Callable[[str], list[str]] | None:
    if not (one.choices or one.source):
        return None
    return lambda incomplete: [value for value in one.known() if value.startswith(incomplete)]


def read_mapping(path: Path) -> dict[str, Any]:
    """A YAML file that maps settings to values; no setting stands in it twice.

    Raises:
        ConfigError: the file cannot be read, or is not a mapping.
    """
    from clipprobe.yamltext import parse_yaml

    try:
        loaded = parse_yaml(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"The config file {path} could not be read ({reason}).") from None
    except ValueError as error:
        raise ConfigError(f"The config file {path} is not valid YAML: {error}.") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, Mapping):
        raise ConfigError(
            f"The config file {path} holds a {type(loaded).__name__}: it must be a mapping of "
            "settings to values."
        )
    return dict(loaded)
