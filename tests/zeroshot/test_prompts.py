"""Templates and class names."""

from __future__ import annotations

from typing import Any

import pytest

from clipprobe.errors import ConfigError, DataError
from clipprobe.zeroshot.prompts import TEMPLATES, check_classes, check_templates, fill


def test_the_templates_are_valid_and_distinct() -> None:
    assert check_templates(TEMPLATES) == TEMPLATES
    assert len(set(TEMPLATES)) == len(TEMPLATES) > 1


def test_braces_in_a_class_name_stay_as_they_are() -> None:
    assert fill(["a {}.", "{} and {}"], "{0} cat") == ["a {0} cat.", "{0} cat and {0} cat"]


@pytest.mark.parametrize(
    ("templates", "says"),
    [
        ([], "No template was given"),
        (["a photo"], r"'a photo' has no \{\}"),
        ("a {}", "list of templates was expected"),
    ],
)
def test_bad_templates(templates: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check_templates(templates)


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        ([], "No class was given"),
        (["dog", " "], "class name ' ' is not a text"),
        (["dog", 3], "class name 3 is not a text"),
        (["dog", "cat", "dog"], "'dog' was given 2 times"),
        ("dog", "list of classes was expected"),
    ],
)
def test_bad_classes(classes: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        check_classes(classes)
