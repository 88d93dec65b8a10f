"""A bias report as a model card: the JSON of Google's model-card-toolkit, schema 0.0.2.

Form: Mitchell et al. 2019, "Model Cards for Model Reporting" (arXiv:1810.03993); fields of
``model_card.schema.json`` 0.0.2, as the toolkit's last release (2.0.0) has it. Every shown figure
becomes a performance metric with its ``slice`` (column and perceived or annotated value) and, where
there is one, its ``confidence_interval``. That schema asks for numbers of metrics as text. What is
hidden in the report is not a metric here, and is counted in the limitations.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clipprobe.errors import RunFolderError
from clipprobe.runs import RunView, jsonio, load_run
from clipprobe.runs.files import write_text

SCHEMA_VERSION = "0.0.2"


def export_model_card(run: RunView | str | Path, path: str | Path) -> Path:
    """Write a bias run as a model card.

    Args:
        run: A complete run of ``audit_bias``, or its folder.
        path: The JSON file; its folder is made, an existing file is replaced.
    Raises:
        RunFolderError: the run is not of a bias report, or the file cannot be written.
    Example:
        >>> export_model_card("runs/bias", "card.json")
        PosixPath('card.json')
    """
    run = load_run(run) if isinstance(run, str | Path) else run
    if run.kind != "bias":
        raise RunFolderError(
            f"{run.path} is of the kind {run.kind!r}, and a model card is made of a bias report: "
            "give the folder of an audit bias run."
        )
    return write_text(path, jsonio.dumps(model_card(run)))


def model_card(run: RunView) -> dict[str, Any]:
    """The card of a run, in JSON types."""
    summary, model = run.summary, run.manifest.get("model") or {}
    return {
        "schema_version": SCHEMA_VERSION,
        "model_details": {
            "name": str(model.get("id", "unknown model")),
            "overview": (
                "Social-bias report by perceived or annotated group, exported from clipprobe. It "
                "covers what was asked there and nothing else about the model."
            ),
            "documentation": (
                f"{summary['family_size']} tests, corrected together (Benjamini-Hochberg); "
                f"{summary['n_flagged']} stand out. Probes: {', '.join(summary['probes'])}. Seed "
                f"{run.manifest['seed']}. Settings sha256 {run.manifest['config_sha256']}."
            ),
            "version": {"name": str(model.get("weights_sha256") or model.get("revision") or "")},
            "references": [{"reference": "https://arxiv.org/abs/1810.03993"}],
        },
        "model_parameters": {"data": [_dataset(run)]},
        "quantitative_analysis": {"performance_metrics": _metrics(run)},
        "considerations": {
            "users": [{"description": "Auditors and researchers who study groups of images."}],
            "use_cases": [
                {"description": "Comparing groups of images of a named data set under a model."}
            ],
            "limitations": [
                *({"description": text} for text in summary["limits"]),
                {
                    "description": f"{summary['cells']['insufficient']} figures of groups that are "
                    "too small (or would give such a group away) are counted and not shown."
                },
            ],
            "ethical_considerations": [
                {
                    "name": "Groups are perceived or annotated, not what a person is.",
                    "mitigation_strategy": "Figures are of groups only; small groups are hidden; "
                    "no figure, image or name of a single person is written.",
                },
                {
                    "name": "Not for judging, sorting or identifying people.",
                    "mitigation_strategy": "None in software: the export carries the limits.",
                },
            ],
        },
    }


def _dataset(run: RunView) -> dict[str, Any]:
    summary = run.summary
    card = summary["card"]
    texts = [f"{run.manifest['counts']['used']} images used."]
    data: dict[str, Any] = {"name": str((run.manifest.get("dataset") or {}).get("name", ""))}
    if isinstance(card, dict):
        data["name"] = card["title"]
        texts += [f"Annotation: {card['annotation']} ({card['annotators']}).",
                 f"Licence: {card['licence']}. Consent: {card['consent']}."]  # fmt: skip
        if str(card["link"]).startswith(("http://", "https://")):
            data["link"] = card["link"]
    else:
        texts.append(str(card))
    data["description"] = " ".join(texts)
    data["sensitive"] = {
        "sensitive_data": [column["heading"] for column in summary["groups"].values()]
    }
    return data


def _metrics(run: RunView) -> list[dict[str, Any]]:
    headings = {name: column["heading"] for name, column in run.summary["groups"].items()}
    metrics = []
    for row in run.read_table("cells.parquet").to_pylist():
        if row["value"] is None:
            continue
        item = f", {row['item']}" if row["item"] else ""
        depth = f", k = {row['k']}" if row["k"] else ""
        metric: dict[str, Any] = {
            "type": f"{row['probe']}: {row['measure']}{item}{depth}",
            "value": repr(row["value"]),
            "slice": _slice(row, headings),
        }
        if row["low"] is not None and row["high"] is not None:
            metric["confidence_interval"] = {
                "lower_bound": repr(row["low"]),
                "upper_bound": repr(row["high"]),
            }
        metrics.append(metric)
    return metrics


def _slice(row: dict[str, Any], headings: dict[str, str]) -> str:
    if not row["column"]:
        return "words only, no image"
    heading = headings[row["column"]]
    group = f" = {row['group']}" if row["group"] else ", all groups"
    against = f", against {row['reference']}" if row["reference"] else ""
    return f"{heading}{group}{against} (n={row['n']})"
