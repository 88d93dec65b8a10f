"""What every command shares: options that mean the same everywhere, output, progress, files.

Results go to stdout (as JSON with ``--json``), words about them to stderr, so that a pipe sees
data only. Nothing here imports torch before a command asks for a model.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from clipprobe.cli.lazy import PlainGroup
from clipprobe.cli.run_folder import use_folder as use_folder
from clipprobe.errors import UnreadableImageError
from clipprobe.lines import one_line
from clipprobe.lines import read_lines as read_lines

if TYPE_CHECKING:
    from PIL import Image

    from clipprobe.models import Clip
    from clipprobe.settings.shared import Images, Model

WithImages = TypeVar("WithImages", bound="Images")
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        envvar="CLIPPROBE_MODEL",
        help="A checkpoint folder, a Hugging Face id, or open_clip:NAME/TAG.",
        show_default="the bundled model",
    ),
]
RevisionOption = Annotated[
    str | None,
    typer.Option(
        "--revision",
        help="Branch, tag or commit of a Hugging Face id.",
        show_default="the main branch",
    ),
]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="The same seed, the same bytes.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON on stdout, words on stderr.")
]


def _checked_out(ctx: typer.Context, out: Path | None) -> Path | None:
    return out if out is None or ctx.resilient_parsing else use_folder(out)


def out_option(help: str = "The run folder to write.") -> Any:
    """``--out`` of a run, which is refused at once where it cannot be used."""
    return typer.Option("--out", help=help, callback=_checked_out)


OutOption = Annotated[Path, out_option()]
OutOrConfigOption = Annotated[
    Path | None, out_option("The run folder to write; required here or in --config.")
]
OverwriteOption = Annotated[
    bool,
    typer.Option("--overwrite", help="Remove the run that is in the folder; other files stay."),
]
ImagesOption = Annotated[
    str,
    typer.Option(
        "--images",
        help="A folder, a metadata table, a WebDataset .tar, or a Hugging Face dataset.",
    ),
]


def sites_option(default: str) -> Any:
    """``--sites``; ``default`` says what a command takes without it."""
    return typer.Option(
        "--sites", help="Hook points, as names or globs; repeat for more.", show_default=default
    )


SitesOption = Annotated[list[str] | None, sites_option("the neurons of every block")]
PoolOption = Annotated[
    str, typer.Option("--pool", help="How tokens become one number: cls, mean, max or eos.")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="A YAML file with settings; flags win over it.")
]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Use at most N images.", show_default="all"),
]
BatchSizeOption = Annotated[
    int, typer.Option("--batch-size", min=1, help="Images in one forward pass.")
]
WorkersOption = Annotated[
    int, typer.Option("--workers", min=0, help="Threads that decode images beside the model.")
]


def group(app: typer.Typer, name: str, help: str) -> typer.Typer:
    """The sub-command group ``name`` of ``app``, made on first use.

    Several files add verbs to one group (``audit typographic``, ``audit bias``); whichever is
    registered first creates it.
    """
    for info in app.registered_groups:
        if info.name == name and info.typer_instance is not None:
            return info.typer_instance
    sub_app = typer.Typer(cls=PlainGroup, no_args_is_help=True, help=help)
    app.add_typer(sub_app, name=name, help=help)
    return sub_app


def load_model(model: Model) -> Clip:
    """Load what ``--model``, ``--revision``, ``--device`` and ``--edit`` name.

    torch is imported here; a wrong edit is said before the model is loaded.
    """
    named: dict[str, Any] = {
        "model": model.model,
        "revision": model.revision,
        "device": model.device,
    }
    if not model.edit:
        import clipprobe

        clip: Clip = clipprobe.load(**named)
        return clip
    from clipprobe.edits import open_edited

    return open_edited(named, model.edit)


def open_images(settings: WithImages, *, whole: bool = False) -> WithImages:
    """The settings with their images opened and labelled, before a model is loaded.

    What was named and takes no part is said at once.

    Args:
        whole: Leave the sample for later.
    """
    opened = settings.opened(whole=whole)
    for one in opened.dataset().left_out:
        say(f"left out: {one}")
    return opened


def say(text: str) -> None:
    """Words for the person at the terminal, on stderr."""
    typer.echo("\n".join(one_line(line) for line in text.split("\n")), err=True)


def result(data: Any, *, as_json: bool, text: str | Callable[[], str]) -> None:
    """Print the result of a command on stdout: ``data`` as JSON, or ``text`` for people.

    Args:
        data: Anything :func:`clipprobe.runs.jsonio.dumps` takes (NaN becomes null).
        as_json: The value of ``--json``.
        text: What to print otherwise, or a function that makes it.
    """
    if as_json:
        from clipprobe.runs.jsonio import dumps

        typer.echo(dumps(data), nl=False)
        return
    words = text if isinstance(text, str) else text()
    typer.echo("\n".join(one_line(line) for line in words.split("\n")))


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr, drawn only on a terminal.

    Yields:
        ``advance(n)``: call it with the number of items that were finished.

    Example:
        >>> with progress("encoding", total=2) as advance:
        ...     advance(2)
    """
    if not sys.stderr.isatty():
        yield lambda n: None
        return
    from rich.progress import TimeRemainingColumn

    with _bar(TimeRemainingColumn()) as bar:
        task = bar.add_task(description, total=total)
        yield lambda n: bar.advance(task, n)


class TimeLeft:
    """How long the rest takes at the pace since the first batch was done.

    What came before the first batch (loading, drawing ahead) is not a pace; neither is work that
    turned out to be none, which is why the total is told with every batch.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[int, float] | None = None

    def __call__(self, done: int, total: int) -> float | None:
        """Seconds left; None until two batches are done."""
        now = self._clock()
        if self._first is None:
            self._first = (done, now)
        since, start = done - self._first[0], now - self._first[1]
        return (total - done) * start / since if since > 0 else None


def about(seconds: float) -> str:
    """A time as people say it, no finer than it is known."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"{round(seconds, -1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextmanager
def countdown(description: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar whose total is told along the way and may shrink, as audits tell it.

    Yields:
        ``step(done, total)``, both counted from the start of this call.

    Example:
        >>> with countdown("encoding") as step:
        ...     step(32, 64)
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.progress import TextColumn

    left = TimeLeft()
    # Not rich's own column: it forgets the pace whenever the total changes.
    with _bar(TextColumn("{task.fields[left]}", markup=False)) as bar:
        task = bar.add_task(description, total=None, left="")

        def step(done: int, total: int) -> None:
            seconds = left(done, total)
            text = "" if seconds is None else f"{about(seconds)} left"
            bar.update(task, completed=done, total=total, left=text)

        yield step


def _bar(time_column: Any) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        time_column,
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def read_image(path: Path) -> Image.Image:
    """The image of a command, read before anything slow.

    Raises:
        UnreadableImageError: it cannot be decoded; the message names it.
    """
    from clipprobe.data import decode_image

    try:
        return decode_image(path)
    except UnreadableImageError as error:
        raise UnreadableImageError(
            f"The image {path} could not be read ({error}): give another file."
        ) from None
