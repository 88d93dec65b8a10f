"""Cases from data on disk: COCO-style annotations, folders of masks, a table of boxes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from clipprobe.attribution.faithfulness.cases import Case
from clipprobe.attribution.faithfulness.settings import PROMPT
from clipprobe.data import Failure
from clipprobe.data.images import as_pil
from clipprobe.data.suffixes import IMAGE_SUFFIXES
from clipprobe.errors import DataError, UnreadableImageError

Bools = NDArray[np.bool_]
_BOX = ("x0", "y0", "x1", "y1")


def box_cases(
    table: str | Path,
    *,
    root: str | Path | None = None,
    failures: list[Failure] | None = None,
) -> list[Case]:
    """From a CSV or Parquet table: ``image``, ``text`` and a box ``x0, y0, x1, y1`` in pixels.

    Rows of one image are the things shown in it, each the target of a case.

    Args:
        root: Where relative image paths start; by default the folder of the table.
        failures: Takes the images that cannot be read; None refuses them.
    Raises:
        DataError: columns are missing, or a box is empty or outside its image.
    """
    path = Path(table)
    rows = _read_table(path)
    missing = [name for name in ("image", "text", *_BOX) if rows and name not in rows[0]]
    if missing or not rows:
        raise DataError(
            f"{path} has {'no column ' + ', '.join(missing) if missing else 'no rows'}: a table of "
            "boxes has the columns image, text, x0, y0, x1, y1."
        )
    folder = path.parent if root is None else Path(root)
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[str(row["image"])].append(row)
    cases: list[Case] = []
    for name, members in groups.items():
        try:
            image = as_pil(folder / name)
        except UnreadableImageError as error:
            if failures is None:
                raise
            failures.append(Failure(name, str(error)))
            continue
        size = (image.height, image.width)
        masks = [_box(size, [float(row[part]) for part in _BOX], name) for row in members]
        cases += _of_image(str(folder / name), [str(r["text"]) for r in members], masks, name)
    return cases


def coco_cases(annotations: str | Path, images: str | Path, *, prompt: str = PROMPT) -> list[Case]:
    """From COCO's ``instances_*.json``: polygons or boxes of every category in an image together.

    Args:
        annotations: The JSON file.
        images: The folder of the images.
        prompt: Made into each category's text.
    Raises:
        DataError: the file is not of that form.
    """
    try:
        data = json.loads(Path(annotations).read_text(encoding="utf-8"))
        names = {one["id"]: str(one["name"]) for one in data["categories"]}
        files = {one["id"]: one for one in data["images"]}
        groups: dict[int, dict[str, Bools]] = defaultdict(dict)
        for one in data["annotations"]:
            if one.get("iscrowd"):
                continue
            image, name = files[one["image_id"]], names[one["category_id"]]
            mask = _polygons((int(image["height"]), int(image["width"])), one)
            known = groups[one["image_id"]]
            known[name] = known[name] | mask if name in known else mask
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise DataError(
            f"{annotations} is not a COCO annotation file ({type(error).__name__}: {error}): it "
            "needs images, categories and annotations."
        ) from None
    cases: list[Case] = []
    for number, masks in groups.items():
        file = str(files[number]["file_name"])
        texts = [prompt.format(name) for name in masks]
        cases += _of_image(str(Path(images) / file), texts, list(masks.values()), file)
    return cases


def segmentation_cases(
    images: str | Path,
    masks: str | Path,
    classes: Sequence[str],
    *,
    prompt: str = PROMPT,
    ignore: int = 255,
) -> list[Case]:
    """From a folder of images and one of label images of the same names (PNG, as in VOC, ADE20K).

    Args:
        classes: Name of label 1, 2, ...; 0 is the ground.
        ignore: The label that belongs to nothing.
    Raises:
        DataError: an image has no mask, or a label has no name.
    """
    cases: list[Case] = []
    if not Path(images).is_dir():
        raise DataError(f"{images} is not a folder: give the folder of the images.")
    files = sorted(p for p in Path(images).iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    for path in files:
        file = Path(masks) / f"{path.stem}.png"
        if not file.exists():
            raise DataError(f"{path.name} has no mask: {file} was expected.")
        labels = _labels(file)
        present = [int(v) for v in np.unique(labels) if v not in (0, ignore)]
        if labels.ndim != 2 or any(label > len(classes) for label in present):
            raise DataError(
                f"{file} holds the labels {present}, and {len(classes)} classes were named: masks "
                "are images of one channel whose values are 0 or the number of a class."
            )
        texts = [prompt.format(classes[label - 1]) for label in present]
        cases += _of_image(str(path), texts, [labels == label for label in present], path.name)
    return cases


def _of_image(image: str, texts: list[str], masks: list[Bools], scene: str) -> list[Case]:
    """A case for every thing of an image."""
    if not masks:
        return []
    stack = np.stack(masks)
    return [
        Case(
            image=image,
            text=text,
            masks=stack,
            zones=stack,
            own=own,
            names=tuple(texts),
            scene=scene,
        )
        for own, text in enumerate(texts)
    ]


def _labels(path: Path) -> NDArray[Any]:
    try:
        with Image.open(path) as opened:
            return np.asarray(opened)
    except (OSError, ValueError) as error:
        raise DataError(f"The mask {path} cannot be read ({error}): give a PNG.") from None


def _read_table(path: Path) -> list[Mapping[str, Any]]:
    import pandas as pd

    if not path.exists():
        raise DataError(f"There is no table {path}: give a CSV or Parquet file.")
    read = pd.read_parquet if path.suffix.lower() == ".parquet" else pd.read_csv
    rows: list[Mapping[str, Any]] = read(path).to_dict("records")
    return rows


def _box(size: tuple[int, int], box: list[float], name: str) -> Bools:
    x0, y0, x1, y1 = (round(value) for value in box)
    if not (0 <= x0 < x1 <= size[1] and 0 <= y0 < y1 <= size[0]):
        raise DataError(
            f"The box {x0}, {y0}, {x1}, {y1} of {name} does not lie in its {size[1]} x {size[0]} "
            "pixels: give x0 < x1 and y0 < y1."
        )
    mask = np.zeros(size, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def _polygons(size: tuple[int, int], one: Mapping[str, Any]) -> Bools:
    canvas = Image.new("1", (size[1], size[0]))
    draw = ImageDraw.Draw(canvas)
    outline = one.get("segmentation")
    if isinstance(outline, list) and outline:
        for polygon in outline:
            draw.polygon([float(value) for value in polygon], fill=1)
    else:
        x, y, width, height = (float(value) for value in one["bbox"])
        draw.rectangle((x, y, x + width - 1, y + height - 1), fill=1)
    return np.asarray(canvas).astype(bool)
