"""Groups of commands that import a command when it is asked for, and name what is near."""

from __future__ import annotations

import functools
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from clipprobe.cli.output import plain
from clipprobe.cli.verbs import ALIASES, VERBS, Entry, Verb, all_verbs, load
from clipprobe.errors import ConfigError


class PlainGroup(TyperGroup):
    """A group whose help is plain text: a bracket in it is a bracket.

    Typer would read a tag of Rich and swallow it. A default that is told in words stands as those
    that Typer knows itself.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for command in self.commands.values():
            command.help = plain(command.help or "")
            for parameter in command.params:
                default = getattr(parameter, "show_default", None)
                text = plain(getattr(parameter, "help", None) or "")
                if isinstance(default, str):
                    text = f"{text} {plain(f'[default: {default}]')}"
                    parameter.show_default = False  # type: ignore[attr-defined]
                parameter.help = text  # type: ignore[attr-defined]


class LazyGroup(PlainGroup):
    """The commands of the table of verbs under one name; the root has none."""

    path = ""
    _listing = False

    def _name(self, command: str) -> str:
        """The whole name of a verb below this group, by its present or a former name."""
        name = f"{self.path} {command}".strip()
        return ALIASES.get(name, name)

    def list_commands(self, ctx: Any) -> list[str]:
        """The names below this group, in the order of the table."""
        start = f"{self.path} " if self.path else ""
        below = [name[len(start) :] for name in all_verbs() if name.startswith(start)]
        return [*(name for name in below if " " not in name), *self.commands]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command; while names are listed, only its name and its line of help."""
        name = self._name(cmd_name)
        entry = VERBS.get(name) or all_verbs().get(name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        if self._listing:
            return TyperCommand(cmd_name, help=plain(entry.help))
        return built(name, entry)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As usual; a name that is not known is refused with the nearest.

        Raises:
            ConfigError: there is no such command.
        """
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-"):
            known = VERBS.get(self._name(name)) or name in self.list_commands(ctx)
            if not known:
                from clipprobe.errors import either, nearest

                where = f"{self.path} command" if self.path else "command"
                elsewhere = [verb for verb in all_verbs() if verb.split(" ")[-1] == name]
                hint = either(elsewhere) or nearest(name, self.list_commands(ctx))
                raise ConfigError(f"There is no {where} {name!r}: {hint}")
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help of the group; imports none of its commands."""
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """The names that begin so; imports none of the commands."""
        self._listing = True
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self._listing = False


@functools.cache
def built(name: str, entry: Entry) -> Any:
    """The command or group of a line of the table; imports what it names."""
    *_, last = name.split(" ")
    if not entry.place:
        return _group(name, entry)
    thing = load(entry.place)
    if isinstance(thing, Verb):
        from clipprobe.cli.adapter import command

        return command(last, thing)
    app = typer.Typer(cls=PlainGroup, add_completion=False)
    thing(app)
    click_group: Any = typer.main.get_group(app)
    for part in name.split(" "):
        click_group = click_group.commands[part]
    return click_group


def _group(name: str, entry: Entry) -> Any:
    group_class = type("Group", (LazyGroup,), {"path": name})
    app = typer.Typer(cls=group_class, no_args_is_help=True, add_completion=False)
    app.callback()(lambda: None)
    group = typer.main.get_group(app)
    group.name = name.split(" ")[-1]
    group.help = plain(entry.help)
    return group
