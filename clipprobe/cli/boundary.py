"""Where errors become one line on stderr and an exit code, and nowhere else.

A user's mistake (:class:`clipprobe.errors.ClipprobeError`) prints its sentence and exits with its
own code: 2 for wrong use, 1 for a threshold that was crossed. Ctrl-C exits with 130. Anything else
is a bug of ours: it keeps its traceback and exits with 70, so that nobody takes a crash for a
threshold that was crossed.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from clipprobe.errors import ClipprobeError, ConfigError

INTERRUPTED = 130
INTERNAL_ERROR = 70

# Not "printable" to Python, but no danger: tab, the spaces of other scripts, the joiner of emoji.
_HARMLESS = "\t\xa0\u3000\u200d"

# Commands that run code of the two packages whose import names are not ours alone.
_NEEDS_PACKAGE = {
    "attack": ("attacks",),
    "audit": ("attacks",),
    "demo": ("attacks",),
    "dashboard": ("attacks", "dashboard"),
}


def require_own_package(name: str) -> None:
    """Refuse to run when another distribution took the import name of one of our packages.

    ``attacks`` and ``dashboard`` are common words, and pip lets a later distribution overwrite an
    earlier one's files silently. Ours say ``__clipprobe__`` in their ``__init__.py``. The file is
    read, not imported: the intruder's code does not run.

    Raises:
        ConfigError: the package is absent, or is not clipprobe's.
    """
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # a module without __spec__ was put into sys.modules
        spec = None
    if spec is None:
        raise ConfigError(
            f"This command needs the package {name!r} that is installed with clipprobe, and it was "
            "not found: reinstall clipprobe in an environment of its own."
        )
    init = Path(spec.origin) if spec.origin and spec.has_location else None
    if init is None or "__clipprobe__" not in init.read_text(encoding="utf-8", errors="replace"):
        place = init or ", ".join(spec.submodule_search_locations or ["an unknown place"])
        raise ConfigError(
            f"The package {name!r} that Python finds is not clipprobe's but the one at {place}: "
            "install clipprobe in an environment of its own, or run it from another folder."
        )


class BoundaryGroup(TyperGroup):
    """The root command: runs the sub-command and turns what it raises into an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command inside the boundary."""
        try:
            for name in [*getattr(ctx, "_protected_args", ()), *ctx.args][:1]:
                for package in _NEEDS_PACKAGE.get(name, ()):
                    require_own_package(package)
            return super().invoke(ctx)
        except ClipprobeError as error:
            typer.echo(f"clipprobe: {one_line(str(error))}", err=True)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            typer.echo(
                "clipprobe: interrupted; what was saved is kept, and the same command goes on "
                "from there.",
                err=True,
            )
            raise typer.Exit(INTERRUPTED) from None


def one_line(text: str) -> str:
    """``text`` on one line, with control characters shown as escapes.

    A file name may hold a newline, a terminal's escape sequence or a character that reverses the
    line; none may reach the terminal.
    """
    return "".join(
        char if char.isprintable() or char in _HARMLESS else char.encode("unicode_escape").decode()
        for char in text
    )
