"""Whether a run folder is what docs/store-format.md says; any test may check its run with it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load_file

from clipprobe.runs import jsonio

PAGE = Path(__file__).parents[2] / "docs" / "store-format.md"
TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "object": dict,
    "array": list,
    "null": type(None),
}


def documented(title: str, text: str | None = None) -> dict[str, str]:
    """Key -> type, from the table below the heading or table head ``title``.

    Args:
        text: A part of the page; all of it by default.
    """
    text = PAGE.read_text(encoding="utf-8") if text is None else text
    start = text.index(title)
    body = re.search(r"\|---\|---\|---\|\n((?:\|.*\n)+)", text[start:])
    assert body
    cells = [line.split("|")[1:3] for line in body[1].splitlines()]
    return {key.strip().strip("`"): kind.strip() for key, kind in cells}


def check(value: dict[str, Any], table: dict[str, str], *, more: bool = False) -> None:
    assert table.keys() <= value.keys() if more else value.keys() == table.keys()
    for key, kind in table.items():
        allowed = tuple(TYPES[name] for name in kind.split(" or "))
        assert isinstance(value[key], allowed) and not isinstance(value[key], bool), (key, kind)


def check_run(folder: Path) -> None:
    """Everything the page says about a complete run."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    check(config, documented("### config.json"))
    check(manifest, documented("### manifest.json"))
    check(summary, documented("### summary.json"), more=True)
    for entry in summary["headline"]:
        check(entry, documented("| headline key |"), more=True)
        assert entry["estimate"].keys() >= {"value", "low", "high", "n", "method", "reason"}
    assert manifest["config"] == config["config"] and manifest["kind"] == config["kind"]
    digest = hashlib.sha256(jsonio.dumps(config["config"]).encode()).hexdigest()
    assert manifest["config_sha256"] == digest
    assert manifest["counts"].keys() == {"used", "skipped", "failed"}
    ids = [failure["id"] for failure in manifest["failures"]]
    assert ids == sorted(ids)
    for name, entry in manifest["files"].items():
        data = (folder / name).read_bytes()
        assert entry == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    configs = [path for path in folder.rglob("config.json") if path.parent != folder]
    inner = {path.parent for path in configs if "clipprobe-run" in path.read_text("utf-8")}
    there = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and inner.isdisjoint(path.parents)
    }
    assert there - {"call.json"} == {*manifest["files"], "manifest.json"}
    assert not (folder / "parts").exists()
    for path in folder.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert jsonio.dumps(json.loads(text)) == text  # sorted, indented, with a newline
        assert "NaN" not in text
    for path in folder.glob("*.parquet"):
        file = pq.ParquetFile(path)
        assert file.metadata.format_version == "2.6" and file.schema_arrow.metadata is None
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        assert all(group.num_rows <= 131_072 for group in groups)
        assert all(
            group.column(i).compression == "ZSTD"
            for group in groups
            for i in range(group.num_columns)
        )


def check_schema(summary: dict[str, Any], schema: Path) -> None:
    """A summary as it was read from its file, against the published schema of its kind.

    The schema must refuse the same summary without any one of its keys, and with another key.
    """
    content = json.loads(schema.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(content)
    validator = jsonschema.Draft202012Validator(content)
    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(summary)] == []
    broken = [{k: v for k, v in summary.items() if k != name} for name in content["required"]]
    assert len(broken) > 3
    assert all(list(validator.iter_errors(one)) for one in [*broken, {**summary, "another": 1}])


def check_tables(folder: Path, kind: str) -> None:
    """The tables and arrays of one kind of run, against the page's section about the kind."""
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index(f"\n### {kind}\n") + 5 :].split("\n### ")[0]
    names = re.findall(r"^\| ([\w.]+\.(?:parquet|safetensors)) \| type", section, re.MULTILINE)
    there = [path.name for path in folder.iterdir() if path.suffix in (".parquet", ".safetensors")]
    if "`<method>.edit.safetensors`" in section:  # one for each method, whose format is on its page
        edits = [name for name in there if name.endswith(".edit.safetensors")]
        assert edits
        there = [name for name in there if name not in edits]
    assert sorted(names) == sorted(there)
    for name in names:
        if name.endswith(".parquet"):
            schema = pq.read_schema(folder / name)
            found = {field.name: arrow_type(field.type) for field in schema}
        else:
            found = {
                key.rsplit("/", 1)[1]: str(array.dtype)
                for key, array in load_file(folder / name).items()
            }
        table = documented(f"| {name} | type", section)
        assert found == table, name
        assert name.endswith(".safetensors") or list(found) == list(table), name


def arrow_type(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return "text" if pa.types.is_string(kind) else str(kind)
