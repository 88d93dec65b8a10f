"""Class names and templates from a user's file or folder.

Four forms are read: a text file of class names, one per line; a folder with ``classes.txt`` and, if
there are any, ``templates.txt``; a JSON file with ``classes`` and ``templates`` (or names that end
so, like OpenAI's ``imagenet_classes``); and a Markdown file in the form of OpenAI's ``prompts.md``,
which holds 26 data sets, each under its heading. clipprobe ships none of these sets: they are in
https://github.com/openai/CLIP (MIT), ``data/prompts.md``, and are named as their source with every
result that used them.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from clipprobe.errors import ConfigError, DataError
from clipprobe.lines import read_lines, read_text
from clipprobe.zeroshot.prompts import TEMPLATES, check_classes, check_templates

_HEADING = re.compile(r"^##+ +(.+?) *$", re.MULTILINE)
_LIST = r"^{} *= *(\[.*?^\])"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelText:
    """What a data set calls its classes, and the sentences around the names."""

    classes: tuple[str, ...]
    templates: tuple[str, ...]
    source: str
    """File, and the data set in it, for the results."""

    @classmethod
    def read(cls, path: str | Path, name: str | None = None) -> LabelText:
        """The names and templates of a file or folder.

        Args:
            name: The data set, where a file holds several.
        Raises:
            DataError: the file cannot be read, or is of another form.
            ConfigError: it holds several data sets and no name is given, or another one.
        """
        place = Path(path)
        if place.is_dir():
            contents: dict[str, Any] = {"classes": read_lines(place / "classes.txt", "class")}
            if (place / "templates.txt").exists():
                contents["templates"] = read_lines(place / "templates.txt", "template")
        elif place.suffix == ".json":
            contents = _json(place)
        elif place.suffix == ".md":
            contents = _markdown(place, name)
        else:
            contents = {"classes": read_lines(place, "class")}
        return cls(
            classes=check_classes(_texts(contents["classes"], place)),
            templates=check_templates(_texts(contents.get("templates", TEMPLATES), place)),
            source=place.name + (f", {name}" if name else ""),
        )


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(read_text(path, "class file"))
    except json.JSONDecodeError as error:
        raise DataError(f"{path} is not JSON ({error.msg}, line {error.lineno}).") from None
    if not isinstance(data, dict):
        data = {}
    contents = {
        kind: value
        for kind in ("classes", "templates")
        for key, value in data.items()
        if key == kind or key.endswith(f"_{kind}")
    }
    if "classes" not in contents:
        raise DataError(f"{path} has no entry 'classes' with a list of names: add one.")
    return contents


def _markdown(path: Path, name: str | None) -> dict[str, Any]:
    text = read_text(path, "class file")
    heads = list(_HEADING.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    sets = {head[1]: text[head.end() : end] for head, end in zip(heads, ends, strict=True)}
    if name not in sets:
        near = get_close_matches(name or "", sets, n=3, cutoff=0.4) or list(sets)[:5]
        listed = ", ".join(near) or "none"
        raise ConfigError(
            f"{path.name} holds {len(sets)} data sets and {name!r} is not one of them: name one, "
            f"such as {listed}."
        )
    contents = {}
    for kind in ("classes", "templates"):
        match = re.search(_LIST.format(kind), sets[name], re.MULTILINE | re.DOTALL)
        if match is None:
            raise DataError(f"{path.name} has no list '{kind} = [...]' under {name!r}.")
        try:
            contents[kind] = ast.literal_eval(match[1])
        except (ValueError, SyntaxError):
            raise DataError(f"The list of {kind} under {name!r} cannot be read.") from None
    return contents


def _texts(value: Any, path: Path) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise DataError(f"{path} should hold lists of texts for classes and templates.")
    return list(value)
