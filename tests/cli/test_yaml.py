"""Equal keys in a YAML file are refused by name: the last one would win in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacks.bias.inputs.cards import parse_card
from attacks.typographic.texts import read_synonyms
from clipprobe.cli.adapter import read_mapping
from clipprobe.errors import ConfigError, DataError
from clipprobe.yamltext import parse_yaml


def test_a_key_that_stands_twice_is_named(tmp_path: Path) -> None:
    file = tmp_path / "audit.yaml"
    file.write_text("size: 0.1\nseed: 3\nsize: 0.2\n")
    with pytest.raises(ConfigError, match=r"the key 'size' stands twice: keep one .*line 3"):
        read_mapping(file)
    file.write_text("apple: [Granny Smith]\napple: [Gala]\n")
    with pytest.raises(ConfigError, match="the key 'apple' stands twice"):
        read_synonyms(file)
    with pytest.raises(DataError, match="the key 'name' stands twice"):
        parse_card("name: one\nname: two\n", "card.yaml")


def test_nested_and_quoted_keys_count_and_merged_ones_do_not() -> None:
    with pytest.raises(ValueError, match="the key 'a' stands twice"):
        parse_yaml("x: {a: 1, b: 2, 'a': 3}")
    with pytest.raises(ValueError, match="the key 1 stands twice"):
        parse_yaml("- 1: a\n  0x1: b\n")
    merged = parse_yaml("base: &b {a: 1, c: 2}\nx:\n  <<: *b\n  a: 3\n")
    assert merged["x"] == {"a": 3, "c": 2}
    with pytest.raises(ValueError):
        parse_yaml("? [1, 2]\n: 3\n")
