"""Where errors become one line on stderr and an exit code, and nowhere else.

With ``--json`` an error is an object on stdout too (:func:`clipprobe.cli.output.fail`).

A user's mistake (:class:`clipprobe.errors.ClipprobeError`) prints its sentence and exits with its
own code: 2 for wrong use, 1 for a threshold that was crossed. Memory that ran out exits with 2 too,
Ctrl-C with 130, SIGTERM with 143. Anything else is a bug of ours: it keeps its traceback and exits
with 70, so that nobody takes a crash for a threshold that was crossed. Warnings of Python are said
as sentences.
"""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer

from clipprobe.cli.lazy import LazyGroup
from clipprobe.cli.output import fail, output, say, speaking
from clipprobe.cli.run_folder import RUN_FOLDER
from clipprobe.errors import ClipprobeError, ConfigError
from clipprobe.lines import one_line as one_line
from clipprobe.memory import ran_out

INTERRUPTED = 130
TERMINATED = 143
INTERNAL_ERROR = 70


# Commands that run code of the two packages whose import names are not ours alone.
_NEEDS_PACKAGE = {
    "attack": ("attacks",),
    "audit": ("attacks",),
    "demo": ("attacks",),
    "export-card": ("attacks",),
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


class Terminated(BaseException):
    """SIGTERM arrived; like ``KeyboardInterrupt`` no error of the code that it ends."""


def end_by_sigterm() -> None:
    """Let SIGTERM end this process with a line and 143; its child processes end silently."""
    parent = os.getpid()

    def handler(number: int, frame: Any) -> None:
        if os.getpid() != parent:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        raise Terminated

    signal.signal(signal.SIGTERM, handler)


_UsageError: Any = typer.BadParameter.__mro__[1]


class BoundaryGroup(LazyGroup):
    """The root command: runs the sub-command and turns what it raises into an exit code."""

    def main(self, args: Sequence[str] | None = None, *arguments: Any, **extra: Any) -> Any:
        """Run a command line; whether it asks for JSON is seen before it is read."""
        words = list(sys.argv[1:] if args is None else args)
        options = words[: words.index("--")] if "--" in words else words
        with speaking(as_json="--json" in options):
            return super().main(args, *arguments, **extra)

    def make_context(self, *arguments: Any, **extra: Any) -> Any:
        """Read the options of the root inside the boundary."""
        try:
            return super().make_context(*arguments, **extra)
        except _UsageError as error:
            _refuse(error)

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command inside the boundary."""
        RUN_FOLDER.set(None)
        try:
            for name in [*getattr(ctx, "_protected_args", ()), *ctx.args][:1]:
                for package in _NEEDS_PACKAGE.get(name, ()):
                    require_own_package(package)
            with _short_warnings():
                return super().invoke(ctx)
        except ClipprobeError as error:
            _end(kind_of(error), str(error), error.exit_code)
        except _UsageError as error:
            _refuse(error)
        except KeyboardInterrupt:
            _end("interrupted", f"interrupted{_note_of_parts()}", INTERRUPTED)
        except Terminated:
            _end("terminated", f"ended by SIGTERM{_note_of_parts()}", TERMINATED)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if (message := ran_out(error)) is not None:
                _end("out-of-memory", message, ConfigError.exit_code)
            if output().as_json:
                fail("internal", f"{type(error).__name__}: {error}", exit_code=INTERNAL_ERROR)
            raise


def kind_of(error: ClipprobeError) -> str:
    """What scripts tell errors apart by: ``unknown-model`` of an ``UnknownModelError``."""
    return re.sub("(?<!^)(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()


def _end(kind: str, message: str, code: int) -> NoReturn:
    fail(kind, message, exit_code=code)
    raise typer.Exit(code) from None


def _note_of_parts() -> str:
    """What becomes of the work that was done; says no more than is so."""
    folder = RUN_FOLDER.get()
    try:
        has_files = folder is not None and any(folder.iterdir())
    except OSError:
        has_files = False
    if has_files:
        return "; what was saved is kept, and the same command goes on from there."
    return "; nothing was saved."


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Say Python's warnings on stderr as sentences, without a path and a line of source."""

    def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
        if category.__name__ == "DecompressionBombWarning":
            return  # such an image is refused, and the refusal says why
        text = " ".join(str(message).split())
        say(f"clipprobe: warning: {text}")

    previous = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = previous


def _refuse(error: Any) -> NoReturn:
    """Say in one line what of the command line could not be read, and exit."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        raise typer.Exit(error.exit_code) from None
    problem = str(error.message or error.format_message()).rstrip(".")
    near = [repr(name) for name in getattr(error, "possibilities", None) or ()]
    path = error.ctx.command_path if error.ctx else "clipprobe"
    hint = f"did you mean {' or '.join(near)}?" if near else f"{path} --help says what there is."
    option = getattr(error, "option_name", "")
    for one in error.ctx.command.params if error.ctx else ():
        if one.param_type_name == "argument" and option == f"--{one.name}":
            hint = f"{one.name.upper()} is an argument: write it without {option}."
    fail("usage", problem, hint=hint, exit_code=error.exit_code)
    raise typer.Exit(error.exit_code) from None
