"""Pointing of every attribution method on scenes of one to four things, with intervals.

    python benchmarks/faithfulness_pointing.py --json pointing.json --targets 200
    python benchmarks/faithfulness_pointing.py --json pointing.json --page PAGE.md

The first line measures (parts that are in the file already are not measured again), the second
writes the tables of the page, between its two markers.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

METRICS = ("inside", "inside_strict", "zone", "mass")
BEGIN, END = "<!-- pointing: begin -->", "<!-- pointing: end -->"
PARTS: dict[str, dict[str, dict[str, Any]]] = {
    "one pass": {
        name: {}
        for name in (
            "random", "centre", "attention_rollout", "chefer", "grad_eclip", "head_tokens",
            "legrad", "maskclip", "patch_cosine", "token_grad_cam", "value_value",
            "values_x_gradient", "attnlrp",
        )
    },
    "windows": {"keep_only": {}, "cci": {}},
    "masks": {"banzhaf": {"n_masks": 256}, "interactions": {"n_masks": 256}},
    "pixels": {"occlusion": {}, "gradient_x_input": {}},
    "patches": {"attention_occlusion": {}},
    "path": {"integrated_gradients": {"n_steps": 8}},
    "rise": {"rise": {"n_masks": 96}},
}  # fmt: skip


def measure(args: argparse.Namespace) -> None:
    import clipprobe
    from clipprobe.attribution.faithfulness import faithfulness, scene_cases

    clip = clipprobe.load(args.model, device="cpu")
    found: dict[str, Any] = {"rows": {}, "seconds": {}}
    if args.json.exists():
        found = json.loads(args.json.read_text())
    for part in args.parts:
        for n_objects in args.objects:
            key = f"{part}, {n_objects}, {args.targets}"
            if key in found["rows"]:
                continue
            start = time.perf_counter()
            cases = scene_cases(n_objects, args.targets, size_px=clip.image_size)
            result = faithfulness(clip, cases, methods=PARTS[part], metrics=METRICS)
            found["rows"][key] = result.to_json()
            found["seconds"][key] = time.perf_counter() - start
            found["model"] = result.to_json()["provenance"]["model"]
            args.json.write_text(json.dumps(found))
            print(f"{key}: {found['seconds'][key]:.0f} s", flush=True)


def gallery(args: argparse.Namespace) -> None:
    """One scene of four things by all methods, the text less the mean text."""
    import clipprobe
    from clipprobe.attribution import explain_many
    from clipprobe.attribution.faithfulness import scene_cases
    from clipprobe.figures.attribution import side_by_side

    clip = clipprobe.load(args.model, device="cpu")
    case = scene_cases(4, 24, size_px=clip.image_size)[4]
    names = clipprobe.attribution_methods()
    found = explain_many(clip, [case.image], [case.text], {name: {} for name in names}, centre=True)
    sheet = side_by_side(
        clip.preprocess.to_grid(case.image),
        [(name, found[name][0].patches) for name in names],
        columns=6,
        side=192,
    )
    sheet.save(args.gallery, quality=80)


def tables(found: dict[str, Any]) -> str:
    """Markdown: a table for each number of things."""
    rows = [row for one in found["rows"].values() for row in one["rows"]]
    lines = []
    for n_objects in sorted({row["n_objects"] for row in rows}):
        here = [row for row in rows if row["n_objects"] == n_objects]
        metrics = [m for m in METRICS if any(row["metric"] == m for row in here)]
        n = max(row["estimate"]["n"] for row in here)
        things = "one thing" if n_objects == 1 else f"{n_objects} things"
        lines += [f"### {things.capitalize()} ({n} targets)", ""]
        lines += ["| method | text | " + " | ".join(metrics) + " |"]
        lines += ["|---|---|" + "---|" * len(metrics)]
        cells = {(r["method"], r["centred"], r["metric"]): r["estimate"] for r in here}
        names = sorted({key[:2] for key in cells}, key=lambda one: _order(cells, one))
        for method, centred in names:
            row = [_cell(cells.get((method, centred, metric))) for metric in metrics]
            text = "less the mean" if centred else "as it is"
            lines.append(f"| {method} | {text} | " + " | ".join(row) + " |")
        lines.append("")
    return "\n".join(lines)


def _order(cells: dict[Any, Any], one: tuple[str, bool]) -> tuple[float, str, bool]:
    best = max(
        (cells.get((one[0], c, m)) or {"value": 0})["value"] or 0
        for c in (False, True)
        for m in ("zone", "inside")
        if m == "zone" or not any(key[2] == "zone" for key in cells)
    )
    return -best, *one


def _cell(one: dict[str, Any] | None) -> str:
    if one is None or one["value"] is None:
        return ""
    if one["low"] is None:
        return f"{one['value']:.2f}"
    return f"{one['value']:.2f} [{one['low']:.2f}, {one['high']:.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=None, help="the bundled model, if left out")
    parser.add_argument("--targets", type=int, default=200)
    parser.add_argument("--objects", type=int, nargs="+", default=[4, 2, 1, 3])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--gallery", type=Path, help="draw one scene by all methods here")
    parser.add_argument("--page", type=Path, help="write the tables here; nothing is measured")
    args = parser.parse_args()
    if args.gallery is not None:
        gallery(args)
        return
    if args.page is None:
        measure(args)
        return
    page = args.page.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    text = tables(json.loads(args.json.read_text()))
    args.page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
