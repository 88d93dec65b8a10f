"""The command line: one file per group of verbs, heavy imports inside the commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from clipprobe.cli import (
    attack_cmd,
    audit_bias,
    audit_gap,
    audit_mitigate,
    audit_search,
    audit_stroop,
    audit_sweep,
    audit_typographic,
    audit_why,
    audit_written,
    bias_export,
    compare_cmd,
    dashboard_cmd,
    demo_cmd,
    evaluate_cmd,
    explain_cmd,
    models_cmd,
    neurons_cmd,
    neurons_effects,
    neurons_labels,
    neurons_relations,
    neurons_search,
    neurons_words,
    pretrain_cmd,
    verify_cmd,
)
from clipprobe.cli.boundary import INTERNAL_ERROR, BoundaryGroup, end_by_sigterm
from clipprobe.version import __version__

app = typer.Typer(
    name="clipprobe",
    cls=BoundaryGroup,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
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


for _module in (
    demo_cmd,
    models_cmd,
    neurons_cmd,
    neurons_effects,
    neurons_labels,
    neurons_relations,
    neurons_search,
    neurons_words,
    explain_cmd,
    attack_cmd,
    audit_typographic,
    audit_sweep,
    audit_stroop,
    audit_search,
    audit_bias,
    audit_gap,
    audit_mitigate,
    compare_cmd,
    bias_export,
    audit_why,
    audit_written,
    dashboard_cmd,
    pretrain_cmd,
    evaluate_cmd,
    verify_cmd,
):
    _module.register(app)


def main() -> None:
    """Entry point of the ``clipprobe`` command."""
    end_by_sigterm()
    try:
        app()
    except Exception:
        sys.excepthook(*sys.exc_info())
        sys.exit(INTERNAL_ERROR)
