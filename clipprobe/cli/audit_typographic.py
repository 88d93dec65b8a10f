"""``clipprobe audit typographic``: how far a model follows what is written over what is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from clipprobe.cli.common import (
    ConfigOption,
    DeviceOption,
    JsonOption,
    LimitOption,
    ModelOption,
    OverwriteOption,
    RevisionOption,
    group,
    load_model,
    progress,
    read_config,
    result,
    say,
)
from clipprobe.cli.knobs import KNOBS, parsed_knobs, with_knobs
from clipprobe.errors import ConfigError

#: Settings that a ``--config`` file may hold; flags win over it.
SETTINGS = (
    "images", "classes", "out", "model", "revision", "words", "words_per_image", "synonyms",
    "name_pattern", "word_column", "templates", "draw_at", "seed", "batch_size", "workers",
    "limit", "fail_under", *KNOBS, "varies",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add ``typographic`` to the group ``audit``."""
    audits = group(app, "audit", "Measure where a model breaks, with intervals and controls.")
    audits.command("typographic")(with_knobs(typographic))


def typographic(
    images: Annotated[
        str | None,
        typer.Option(
            help="A folder (one sub-folder for each class), a metadata table, a WebDataset .tar, "
            "or a Hugging Face dataset."
        ),
    ] = None,
    classes: Annotated[
        Path | None, typer.Option(help="A text file, one candidate class a line.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder to write.")] = None,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    words: Annotated[Path | None, typer.Option(help="A text file, one attack word a line.")] = None,
    word: Annotated[list[str] | None, typer.Option(help="An attack word; repeat for more.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="Which class each picture is attacked with: random, runner-up, most-similar or "
            "least-similar [default: random]."
        ),
    ] = None,
    words_per_image: Annotated[
        int | None, typer.Option(min=1, help="Different attack words for each picture.")
    ] = None,
    synonyms: Annotated[
        Path | None,
        typer.Option(help="A YAML file: for a class, a list of other names that mean the same."),
    ] = None,
    name_pattern: Annotated[
        str | None,
        typer.Option(
            help="Where label and photographed word stand in the file names, as in "
            "'{label}-{word}'; then nothing is written on the pictures."
        ),
    ] = None,
    word_column: Annotated[
        str | None, typer.Option(help="The metadata column that holds the photographed word.")
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(help="A text with {} for the class name; repeat to average over several."),
    ] = None,
    draw_at: Annotated[
        str | None, typer.Option(help="Resolution of the text: model or image [default: model].")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The same seed, the same bytes.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Images in one pass.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Threads that draw beside the model.")
    ] = None,
    limit: LimitOption = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            help="attacked_accuracy=NUMBER or clean_accuracy=NUMBER: exit with 1 when the lower "
            "end of its interval is under the number; repeat for more."
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    **knobs: Any,
) -> None:
    """Write words on labelled pictures and measure how far a model follows them.

    Every picture is also encoded clean and with four controls in the place of the word: a blank
    label, a nonsense word, scrambled letters, the true word. With --name-pattern '{label}-{word}'
    pictures that were photographed with words on them are audited as they are.
    """
    given = {**locals(), **knobs}
    settings = read_config(config, SETTINGS)
    for name in SETTINGS:
        if given.get(name) is not None:
            settings[name] = given[name]
    if template:
        settings["templates"] = template
    if chosen := _words(words, word, strategy):
        settings["words"] = chosen
    run(settings, device=device, overwrite=overwrite, as_json=as_json)


def run(settings: dict[str, Any], *, device: str, overwrite: bool, as_json: bool) -> None:
    """Run the audit that flags and config file ask for, and print its headline."""
    for name in ("images", "classes", "out"):
        if not settings.get(name):
            raise ConfigError(f"The audit needs --{name}: give it, or write it into the --config.")
    from attacks.typographic import audit_typographic
    from attacks.typographic.summary import check_thresholds, enforce
    from clipprobe.data import open_dataset

    options = parsed(settings)
    thresholds = check_thresholds(options.pop("fail_under", {}))
    # The data set is opened before the model, so that a wrong path is said at once.
    dataset = open_dataset(str(options.pop("images")), limit=options.pop("limit", None))
    classes = Path(str(options.pop("classes")))
    model, revision = options.pop("model", None), options.pop("revision", None)
    clip = load_model(model, device=device, revision=revision)
    with progress("auditing", total=len(dataset)) as advance:
        finished = [0]

        def step(done: int, total: int) -> None:
            advance(done - finished[0])
            finished[0] = done

        view = audit_typographic(
            clip, dataset, classes, overwrite=overwrite, progress=step, **options
        )
    result(view.summary, as_json=as_json, text=lambda: headline(view.summary))
    counts = view.manifest["counts"]
    if lost := counts["skipped"] + counts["failed"]:
        say(f"{lost} of {len(dataset)} pictures were left out; manifest.json says why.")
    say(f"report: {view.path / 'report.html'}")
    enforce(thresholds, view.summary)


def headline(summary: dict[str, Any]) -> str:
    """The key figures as lines for the terminal."""
    from clipprobe.report.numbers import format_cell

    lines = [f"warning: {text}" for text in summary["warnings"]]
    for item in summary["headline"]:
        name = item["name"].replace("_", " ")
        lines.append(f"{name:<20} {format_cell(item['estimate'])}")
    return "\n".join(lines)


def parsed(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as the audit takes them: texts of flags become places, numbers and mappings."""
    options = dict(settings)
    if "words" in options and isinstance(options["words"], str):
        options["words"] = _word_source(options["words"])
    options.update(parsed_knobs(options))
    if options.get("synonyms") is not None and not isinstance(options["synonyms"], dict):
        options["synonyms"] = read_synonyms(Path(str(options["synonyms"])))
    if "fail_under" in options and not isinstance(options["fail_under"], dict):
        options["fail_under"] = thresholds_of(options["fail_under"])
    return options


def thresholds_of(texts: Sequence[str]) -> dict[str, float]:
    """``METRIC=NUMBER`` texts as a mapping.

    Raises:
        ConfigError: a text is of another form.
    """
    found = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            number = "nan"
        if not math.isfinite(float(number)):
            raise ConfigError(
                f"--fail-under {text!r} is not METRIC=NUMBER: give for example "
                "attacked_accuracy=0.6."
            )
    return found


def read_synonyms(path: Path) -> dict[str, list[str]]:
    """A YAML mapping of names to lists of names that mean the same.

    Raises:
        ConfigError: the file cannot be read or is of another form.
    """
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or "it is not valid YAML"
        raise ConfigError(f"The synonyms file {path} could not be read ({reason}).") from None
    if not isinstance(found, dict) or not all(isinstance(v, list) for v in found.values()):
        raise ConfigError(
            f"The synonyms file {path} is not a mapping of names to lists: write for example "
            "'apple: [Granny Smith]'."
        )
    return {str(name): [str(other) for other in others] for name, others in found.items()}


def _word_source(text: str) -> str | Path:
    from attacks.typographic.words import STRATEGIES

    return text if text.replace("_", "-") in STRATEGIES else Path(text)


def _words(
    file: Path | None, words: list[str] | None, strategy: str | None
) -> str | Path | list[str] | None:
    given = [source for source in (file, words, strategy) if source]
    if len(given) > 1:
        raise ConfigError(
            "--words, --word and --strategy were given together: choose one source of words."
        )
    return given[0] if given else None
