"""``clipprobe audit bias``: the bias report from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipprobe.cli.common import (
    ConfigOption,
    DeviceOption,
    JsonOption,
    ModelOption,
    OverwriteOption,
    RevisionOption,
    group,
    load_model,
    progress,
    read_config,
    read_lines,
    result,
    say,
    use_folder,
)
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from clipprobe.runs import RunView

# Settings of a --config file: the parameters of attacks.bias.audit_bias, and the model's.
_SETTINGS = frozenset(
    "images labels embeddings predictions card label_format id_column prediction_column score_kind "
    "scale thresholds groups probes out words templates clusters controls planted k alpha "
    "min_effect n_boot include_images n_permutations seed limit batch_size workers model "
    "against revision device".split()
)
_ROADS = ("images", "embeddings", "predictions")
_LISTS = ("groups", "probes", "words", "templates", "controls")
_WHOLE = ("k", "n_boot", "n_permutations", "seed", "limit", "batch_size", "workers")
_NUMBERS = ("alpha", "min_effect", "scale")

Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        help="A second model: the run holds its differences from --model, paired over the images.",
    ),
]
Images = Annotated[
    str | None,
    typer.Option(
        "--images", help="A folder, a metadata table, a WebDataset .tar, or a Hugging Face dataset."
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels", help="A table of groups by id: FairFace, UTKFace, VisoGender or any other."
    ),
]
EmbeddingsFile = Annotated[
    Path | None,
    typer.Option(
        "--embeddings", help="Instead of images: an .npz or .safetensors of their vectors by id."
    ),
]
PredictionsTable = Annotated[
    Path | None,
    typer.Option(
        "--predictions",
        help="Instead of images and model: a table of predicted labels, or of scores, by id.",
    ),
]
CardFile = Annotated[
    str | None,
    typer.Option("--card", help="Who annotated the data: a YAML file, or a shipped card's name."),
]
LabelFormat = Annotated[
    str | None,
    typer.Option(
        "--label-format", help="auto, fairface, utkface, visogender or table.", show_default="auto"
    ),
]
IdColumn = Annotated[
    str | None,
    typer.Option(
        "--id-column", help="The column that identifies an image.", show_default="detected"
    ),
]
PredictionColumn = Annotated[
    str | None,
    typer.Option(
        "--prediction-column", help="The column of predicted labels.", show_default="detected"
    ),
]
ScoreKind = Annotated[
    str | None,
    typer.Option(
        "--score-kind", help="What scores are: cosine, logit or probability.", show_default="cosine"
    ),
]
Scale = Annotated[
    float | None, typer.Option("--scale", help="The model's logit scale, for cosines in a table.")
]
Thresholds = Annotated[
    list[float] | None,
    typer.Option(
        "--threshold",
        help="Of probability (0.01 is 1 %), beside 0.005 and 0.04; repeat for more.",
        show_default="none",
    ),
]
Groups = Annotated[
    list[str] | None,
    typer.Option(
        "--groups",
        help='Column with perceived or annotated groups, or "a x b"; repeat for more.',
        show_default="those that a known format names",
    ),
]
Probes = Annotated[
    list[str] | None,
    typer.Option("--probe", help="Question to ask; repeat for more.", show_default="occupations"),
]
Out = Annotated[
    Path | None, typer.Option("--out", help="The run folder.", show_default="runs/bias")
]
Words = Annotated[
    Path | None,
    typer.Option(
        "--words",
        help="Instead of the probe's words: a file, one a line.",
        show_default="the probe's own",
    ),
]
Templates = Annotated[
    list[str] | None,
    typer.Option(
        "--template",
        help="Sentence with {} for the word; several are averaged.",
        show_default="the probe's own",
    ),
]
Clusters = Annotated[
    str | None,
    typer.Option("--clusters", help="Column of what is pictured several times (a person)."),
]
Controls = Annotated[
    list[str] | None,
    typer.Option(
        "--control", help="Column within whose values groups are compared; repeat for more."
    ),
]
PlantedFile = Annotated[
    Path | None, typer.Option("--planted", help="A model organism's planted.json to compare with.")
]
Depth = Annotated[
    int | None,
    typer.Option(
        "--k",
        help="Depth of retrieval figures, from 10 to half of N.",
        show_default="a tenth of the images, at most 1000",
    ),
]
Alpha = Annotated[
    float | None,
    typer.Option(
        "--alpha", help="False discovery rate at which a cell is flagged.", show_default="0.05"
    ),
]
MinEffect = Annotated[
    float | None,
    typer.Option("--min-effect", help="Least |d| that is flagged.", show_default="0.2"),
]
Boots = Annotated[
    int | None, typer.Option("--n-boot", help="Bootstrap draws.", show_default="2000")
]
Permutations = Annotated[
    int | None, typer.Option("--n-permutations", help="Permutations.", show_default="10000")
]
IncludeImages = Annotated[
    bool,
    typer.Option(
        "--include-images",
        help="Show a few pictures of the data set in the report; needs a card with its licence.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, help="The same seed, the same bytes.", show_default="0"),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Use at most N images.", show_default="all"),
]
BatchSize = Annotated[
    int | None,
    typer.Option("--batch-size", min=1, help="Images in one forward pass.", show_default="32"),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", min=0, help="Threads that decode beside the model.", show_default="2"
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the group ``audit``."""
    audits = group(app, "audit", "Audits: what breaks a model, and whom it treats differently.")
    audits.command("bias")(bias)


def bias(
    model: ModelOption = None,
    against: Against = None,
    images: Images = None,
    labels: Labels = None,
    embeddings: EmbeddingsFile = None,
    predictions: PredictionsTable = None,
    groups: Groups = None,
    probe: Probes = None,
    out: Out = None,
    words: Words = None,
    template: Templates = None,
    threshold: Thresholds = None,
    card: CardFile = None,
    label_format: LabelFormat = None,
    id_column: IdColumn = None,
    prediction_column: PredictionColumn = None,
    score_kind: ScoreKind = None,
    scale: Scale = None,
    clusters: Clusters = None,
    control: Controls = None,
    planted: PlantedFile = None,
    k: Depth = None,
    alpha: Alpha = None,
    min_effect: MinEffect = None,
    n_boot: Boots = None,
    n_permutations: Permutations = None,
    seed: Seed = None,
    limit: Limit = None,
    batch_size: BatchSize = None,
    workers: Workers = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    include_images: IncludeImages = False,
    config: ConfigOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Report how scores differ between perceived or annotated groups of people.

    Needs images with a column that says how each one's person is perceived (a metadata.csv with
    file_name and perceived_gender, or --labels), or a file of their embeddings, or a table of
    predictions. Nothing is computed for a single picture.
    """
    given: dict[str, Any] = {
        "images": images,
        "labels": labels,
        "embeddings": embeddings,
        "predictions": predictions,
        "card": card,
        "label_format": label_format,
        "id_column": id_column,
        "prediction_column": prediction_column,
        "score_kind": score_kind,
        "scale": scale,
        "thresholds": threshold,
        "groups": groups,
        "probes": probe,
        "out": out,
        "words": read_lines(words, "word") if words is not None else None,
        "templates": template,
        "clusters": clusters,
        "controls": control,
        "planted": planted,
        "k": k,
        "alpha": alpha,
        "min_effect": min_effect,
        "n_boot": n_boot,
        "n_permutations": n_permutations,
        "seed": seed,
        "limit": limit,
        "batch_size": batch_size,
        "workers": workers,
        "model": model,
        "against": against,
        "revision": revision,
        "include_images": include_images or None,
        "device": None if device == "auto" else device,
    }
    settings = read_config(config, _SETTINGS) | {
        name: value for name, value in given.items() if value is not None and value != []
    }
    if not any(settings.get(name) for name in _ROADS):
        raise ConfigError(
            "audit bias needs --images, --embeddings or --predictions (or one of them in "
            "--config), and got none."
        )
    check_types(settings)
    use_folder(settings.get("out", "runs/bias"))
    wanted, other = settings.pop("model", None), settings.pop("against", None)
    device, revision = settings.pop("device", "auto"), settings.pop("revision", None)
    from attacks.bias import audit_bias
    from clipprobe.data import open_dataset

    clip, total = None, None
    if settings.get("predictions") is None:  # else the table says all that the model said
        clip = load_model(wanted, device=device, revision=revision)
    if other is not None:
        settings["against"] = load_model(other, device=device, revision=None)
    if settings.get("images") is not None:
        dataset = open_dataset(settings.pop("images"))
        settings["images"], total = dataset, min(len(dataset), settings.get("limit", len(dataset)))
        total *= 1 if other is None else 2
    with progress("encoding", total=total) as advance:
        run = audit_bias(clip, **settings, overwrite=overwrite, progress=advance)
    for note in run.summary["warnings" if other is not None else "notes"]:
        say(note)
    say(f"The report is {run.path / 'report.html'}.")
    result(
        {"run": run.path, "summary": run.summary}, as_json=as_json, text=lambda: headline_text(run)
    )


def check_types(settings: dict[str, Any]) -> None:
    """Make single words lists, in place, and refuse what a YAML file can get wrong.

    Raises:
        ConfigError: a number is no number, or a list holds something other than text.
    """
    for name in _LISTS:
        value = settings.get(name, [])
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"The setting {name!r} must be a list of texts, not {value!r}.")
        if name in settings:
            settings[name] = value
    limits = settings.get("thresholds", [])
    if not isinstance(limits, list) or not all(isinstance(one, int | float) for one in limits):
        raise ConfigError(f"The setting 'thresholds' must be a list of numbers, not {limits!r}.")
    for names, kinds, what in (
        (_WHOLE, int, "a whole number"),
        (_NUMBERS, int | float, "a number"),
    ):
        for name in names:
            value = settings.get(name, 1)
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise ConfigError(f"The setting {name!r} must be {what}, not {value!r}.")
    if not isinstance(settings.get("include_images", False), bool):
        raise ConfigError(
            "The setting 'include_images' must be true or false, not "
            f"{settings['include_images']!r}."
        )
    others = _SETTINGS.difference(_LISTS, _WHOLE, _NUMBERS, ["thresholds", "include_images"])
    for name in others & settings.keys():
        if not isinstance(settings[name], str | Path):
            raise ConfigError(f"The setting {name!r} must be text, not {settings[name]!r}.")


def headline_text(run: RunView) -> str:
    """The headline, one line a number."""
    from clipprobe.report.numbers import format_cell

    return "\n".join(
        f"{item['name']}: {format_cell(item['estimate'])}\n    {item['meaning']}"
        for item in run.summary["headline"]
    )
