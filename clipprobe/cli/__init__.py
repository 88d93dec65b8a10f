"""The command line: verbs stand in one table of text and are imported when they are asked for."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from clipprobe.cli.boundary import INTERNAL_ERROR, BoundaryGroup, end_by_sigterm
from clipprobe.version import __version__

app = typer.Typer(
    name="clipprobe",
    cls=BoundaryGroup,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(flag: bool) -> None:
    if flag:
        typer.echo(f"clipprobe {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """What does this CLIP model see, why, and where does it break?"""


def main() -> None:
    """Entry point of the ``clipprobe`` command."""
    end_by_sigterm()
    # A shell completes `clipprobe`; of `python -m clipprobe` it would be told to complete `python`.
    completion = any(word.endswith("-completion") for word in sys.argv[1:])
    try:
        app(prog_name="clipprobe" if completion else None)
    except Exception:
        sys.excepthook(*sys.exc_info())
        sys.exit(INTERNAL_ERROR)
