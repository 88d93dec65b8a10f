"""What every command shares: options that mean the same everywhere, output, progress, files.

Nothing here imports torch before a command asks for a model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from clipprobe.cli.lazy import PlainGroup
from clipprobe.cli.output import result as result
from clipprobe.cli.output import say as say
from clipprobe.cli.progress import countdown as countdown
from clipprobe.cli.progress import progress as progress
from clipprobe.cli.run_folder import use_folder as use_folder
from clipprobe.errors import UnreadableImageError
from clipprobe.lines import read_lines as read_lines

if TYPE_CHECKING:
    from PIL import Image

    from clipprobe.data import Dataset
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
    bool,
    typer.Option(
        "--json", help="Print the result, or the error, as JSON on stdout, words on stderr."
    ),
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

    torch is imported here; a wrong edit is said before the model is loaded. Where the run of the
    command is finished, the model waits until it is asked for something.
    """
    from clipprobe.study.command import command

    running = command()
    if running is not None and running.finished:
        return cast("Clip", Late(lambda: _loaded(model)))
    return _loaded(model)


class Late:
    """A model that is loaded when it is first asked for anything: a finished run needs none."""

    def __init__(self, load: Callable[[], Clip]) -> None:
        self._load = load

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loaded, name)

    @functools.cached_property
    def _loaded(self) -> Clip:
        return self._load()


def _loaded(model: Model) -> Clip:
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
    for one in cast("Dataset", opened.images).left_out:
        say(f"left out: {one}")
    return opened


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
