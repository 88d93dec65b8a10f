"""Does this tree do what another one does? Runs, flags, signatures and what --help loads.

    git worktree add /tmp/parent HEAD~1
    python benchmarks/_compare_trees.py /tmp/parent

One small run of every kind (``tests/runs/kinds.py`` of this tree) is made by both trees on one tiny
model; each file is compared by its bytes, pages included. Manifests are compared without versions
and hashes. Then every verb's flags with their help, the signatures of the public names, and the
heavy packages that ``--help`` loads. Exits with 1 where something differs, and says what.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HEAVY = "torch transformers pandas plotly pyarrow scipy sklearn statsmodels streamlit captum"

_INSIDE = r"""
import importlib, importlib.util, inspect, json, subprocess, sys
from pathlib import Path

tests, images, model, out = map(Path, sys.argv[1:5])
spec = importlib.util.spec_from_file_location("kinds", tests / "runs" / "kinds.py")
kinds = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kinds)
import clipprobe

clip = clipprobe.load(model)
made = {}
for name, make in kinds.KINDS.items():
    try:
        make(clip, images, out / name)
        made[name] = ""
    except Exception as error:
        made[name] = f"{type(error).__name__}: {error}"

from clipprobe.cli import app
from typer.main import get_command

def flags(command, path):
    found = {}
    for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
        found |= flags(command.get_command(None, name), [*path, name])
    for one in command.params:
        if getattr(one, "opts", None):
            key = " ".join([*path, *sorted([*one.opts, *one.secondary_opts])])
            found[key] = str(getattr(one, "help", ""))
    return found

names = {}
for package in ("clipprobe", "attacks.bias", "attacks.typographic"):
    module = importlib.import_module(package)
    for name in sorted({*dir(module), *getattr(module, "__all__", ())}):
        thing = getattr(module, name, None)
        if callable(thing) and not name.startswith("_"):
            try:
                names[f"{package}.{name}"] = str(inspect.signature(thing))
            except (TypeError, ValueError):
                pass
code = "import json,sys; sys.argv=['clipprobe','audit','--help']\nfrom clipprobe.cli import main\n"
code += "try:\n    main()\nexcept SystemExit: pass\n"
code += "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
loaded = json.loads(done.stderr.splitlines()[-1])
(out / "told.json").write_text(json.dumps({
    "runs": made, "flags": flags(get_command(app), []), "signatures": names, "loaded": loaded,
}))
"""


def told(tree: Path, images: Path, model: Path, out: Path) -> dict[str, Any]:
    """What one tree makes and says."""
    out.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "200"}
    command = [sys.executable, "-c", _INSIDE, *map(str, (ROOT / "tests", images, model, out))]
    subprocess.run(command, check=True, env=environment, cwd=tree, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads((out / "told.json").read_text())
    found["loaded"] = sorted(set(HEAVY.split()) & {name.split(".")[0] for name in found["loaded"]})
    found["files"] = {
        path.relative_to(out).as_posix(): _content(path)
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("told.json", ".lock")
    }
    return found


def _content(path: Path) -> str:
    if path.name != "manifest.json":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = json.loads(path.read_text())
    for name in ("versions", "files", "manifest_sha256"):
        manifest.pop(name, None)
    return json.dumps(manifest, sort_keys=True)


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """What differs between two trees, a line each."""
    lines = []
    for what in ("runs", "flags", "signatures", "files"):
        for name in sorted({*one[what], *other[what]}):
            before, after = one[what].get(name, "(none)"), other[what].get(name, "(none)")
            if before != after:
                lines.append(f"{what}: {name}: {before[:90]!r} -> {after[:90]!r}")
    if one["loaded"] != other["loaded"]:
        lines.append(f"loaded by --help: {one['loaded']} -> {other['loaded']}")
    return lines


def main() -> int:
    """Compare the tree that is named with this one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path, help="The root of the other tree.")
    other = parser.parse_args().tree.resolve()
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]
    from clipprobe.testing import checkpoints as tiny
    from clipprobe.testing import image_folder

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        images, model = image_folder(place / "images"), tiny.tiny_clip(place / "tiny-clip")
        both = [told(tree, images, model, place / name) for tree, name in
                ((other, "other"), (ROOT, "this"))]  # fmt: skip
    n_runs = sum(not problem for problem in both[1]["runs"].values())
    n_files, n_flags = len(both[1]["files"]), len(both[1]["flags"])
    found = differences(*both)
    print("\n".join(found))
    print(
        f"{n_runs} runs with {n_files} files, {n_flags} options, {len(both[1]['signatures'])} "
        f"signatures: {len(found)} differences"
    )
    return 1 if found or not n_runs else 0


if __name__ == "__main__":
    sys.exit(main())
