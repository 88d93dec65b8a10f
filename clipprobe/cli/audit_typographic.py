"""``clipprobe audit typographic``: how far a model follows what is written over what is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipprobe.cli.audit_lines import candidate_lines, headline
from clipprobe.cli.audit_settings import parsed, say_twice, word_source
from clipprobe.cli.common import (
    ConfigOption,
    DeviceOption,
    JsonOption,
    LimitOption,
    ModelOption,
    OutOrConfigOption,
    OverwriteOption,
    RevisionOption,
    countdown,
    group,
    load_model,
    read_config,
    result,
    say,
    use_folder,
)
from clipprobe.cli.knobs import KNOBS, with_knobs
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from attacks.typographic.datasets import AttackSet

#: Settings that a ``--config`` file may hold; flags win over it.
SETTINGS = (
    "images", "classes", "out", "model", "revision", "words", "words_per_image", "synonyms",
    "name_pattern", "word_column", "layout", "templates", "draw_at", "seed", "batch_size",
    "workers", "limit", "protocol", "fail_under", "fail_over", "forbidden", "allowed",
    *KNOBS, "varies",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add ``typographic`` to the group ``audit``."""
    audits = group(app, "audit", "Measure where a model breaks, with intervals and controls.")
    audits.command("typographic")(with_knobs(typographic))


def typographic(
    images: Annotated[
        str | None,
        typer.Option(
            help="A folder (one sub-folder for each class), a metadata table, a WebDataset "
            ".tar, or a Hugging Face dataset; required here or in --config."
        ),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(help="A text file, one candidate class a line; required here or in --config."),
    ] = None,
    out: OutOrConfigOption = None,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    words: Annotated[Path | None, typer.Option(help="A text file, one attack word a line.")] = None,
    word: Annotated[list[str] | None, typer.Option(help="An attack word; repeat for more.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="Which word each picture gets: random, runner-up, most-similar, "
            "least-similar, image-similar, brute-force, neuron or head; of the "
            "classes, or of --words.",
            show_default="random",
        ),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(
            min=1, help="Queries that --strategy brute-force may spend.", show_default="2000"
        ),
    ] = None,
    forbidden: Annotated[
        Path | None, typer.Option(help="A text file with words that may never be written.")
    ] = None,
    allowed: Annotated[
        Path | None,
        typer.Option(help="A text file with words to allow although they are known as slurs."),
    ] = None,
    words_per_image: Annotated[
        int | None,
        typer.Option(min=1, help="Different attack words for each picture.", show_default="1"),
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
    layout: Annotated[
        str | None,
        typer.Option(
            help="Read the images as this attack data set: rta-100, paint, scam, "
            "rta-100-triplet, disentangling, distill, typod, self-gen, table, ... or "
            "none. Detected where the files leave no doubt; brings its own classes.",
            show_default="detected",
        ),
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(
            help="A text with {} for the class name; repeat to average over several.",
            show_default="a {}; a photo of a {}; a picture of a {}; this is a {}",
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Score by a published protocol too, beside its published numbers: scam, "
            "defense_prefix, dyslexify, zer0int, distill or typod_set2."
        ),
    ] = None,
    draw_at: Annotated[
        str | None,
        typer.Option(help="Resolution of the text: model or image.", show_default="model"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The same seed, the same bytes.", show_default="0")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images in one pass.", show_default="32")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Threads that draw beside the model.", show_default="2"),
    ] = None,
    limit: LimitOption = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            help="attacked_accuracy=NUMBER or clean_accuracy=NUMBER: exit with 1 when the lower "
            "end of its interval is under the number; repeat for more. With pairwise., union. or "
            "full. in front for one list of candidates."
        ),
    ] = None,
    fail_over: Annotated[
        list[str] | None,
        typer.Option(
            help="targeted_success=NUMBER, untargeted_success=NUMBER or reading_effect=NUMBER: "
            "exit with 1 when the upper end of its interval is over the number; repeat for more."
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
    if chosen := word_source(words, word, strategy, budget):
        settings["words"] = chosen
    run(settings, device=device, overwrite=overwrite, as_json=as_json)


def run(settings: dict[str, Any], *, device: str, overwrite: bool, as_json: bool) -> None:
    """Run the audit that flags and config file ask for, and print its headline."""
    for name in ("images", "out"):
        if not settings.get(name):
            raise ConfigError(f"The audit needs --{name}: give it, or write it into the --config.")
    use_folder(settings["out"])
    from attacks.typographic import audit_typographic
    from attacks.typographic.protocols import protocol
    from attacks.typographic.scoring.thresholds import check_thresholds, enforce
    from clipprobe.data import open_dataset

    options = parsed(settings)
    if options.get("protocol") is not None:
        protocol(str(options["protocol"]))  # a wrong name is said before the model is loaded
    under = check_thresholds(options.pop("fail_under", {}))
    over = check_thresholds(options.pop("fail_over", {}), over=True)
    # The data set is opened before the model, so that a wrong path is said at once.
    attacks = attack_set(options)
    if attacks is None and not options.get("classes"):
        raise ConfigError("The audit needs --classes: give it, or write it into the --config.")
    given, limit = str(options.pop("images")), options.pop("limit", None)
    dataset = attacks or open_dataset(given, limit=limit)
    chosen = options.pop("classes", None)
    classes = Path(str(chosen)) if chosen else None
    say_twice(classes)
    model, revision = options.pop("model", None), options.pop("revision", None)
    clip = load_model(model, device=device, revision=revision)
    with countdown("auditing, pictures encoded") as step:
        view = audit_typographic(
            clip, dataset, classes, overwrite=overwrite, progress=step, **options
        )
    result(
        view.summary,
        as_json=as_json,
        text=lambda: "\n".join([headline(view.summary), *candidate_lines(view.summary)]),
    )
    counts = view.manifest["counts"]
    if lost := counts["skipped"] + counts["failed"]:
        say(f"{lost} of {counts['used'] + lost} pictures were left out; manifest.json says why.")
    say(f"report: {view.path / 'report.html'}")
    enforce(under, view.summary, over)


def attack_set(options: dict[str, Any]) -> AttackSet | None:
    """The attack data set that the settings name, or that the files leave no doubt about."""
    from attacks.typographic.datasets import detect_layout, load_attacks
    from attacks.typographic.datasets.inputs import attack_set as checked

    path, layout = str(options["images"]), options.pop("layout", None)
    names = {name: options.get(name) for name in ("name_pattern", "word_column")}
    if layout == "none":
        return None
    if layout is None:
        found = None if any(names.values()) else detect_layout(path)
        if found is None:
            return None
        say(f"{path} is read as the layout {found.name!r} ({found.title}); --layout none reads it "
            "as plain images.")  # fmt: skip
        return load_attacks(found.name, path, limit=options.get("limit"))
    return checked(path, str(layout), limit=options.get("limit"), **names)
