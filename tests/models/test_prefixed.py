"""Templates whose beginning is computed once give the vectors of the ordinary way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clipprobe.hooks import capture, intervene
from clipprobe.models import prefixed
from clipprobe.models.prefixed import encode_groups, shares_prefixes
from clipprobe.zeroshot import build_classifier

NAMES = ["cat", "dog", "a", "shark", "owl", "x-ray", "red box", "zebra", "I", "yak"]
TEMPLATES = ["a bad photo of a {}.", "{}", "my {} at night", "a photo of the {}"]
GROUPS = [[template.replace("{}", name) for name in NAMES] for template in TEMPLATES]


@pytest.mark.parametrize("family", ["clip", "metaclip_2"])
def test_equal_to_the_ordinary_way(load_tiny: Callable[..., Any], family: str) -> None:
    clip = load_tiny(family)
    assert shares_prefixes(clip)
    for found, group in zip(encode_groups(clip, GROUPS), GROUPS, strict=True):
        assert np.abs(found - clip.encode_texts(group)).max() < 1e-6
    for found, group in zip(encode_groups(clip, GROUPS, raw=True), GROUPS, strict=True):
        with capture(clip, ["text.projected"]) as acts:
            clip.encode_texts(group)
        raw = np.asarray(acts["text.projected"])
        assert np.abs(found - raw).max() < 1e-6 * max(1, np.abs(raw).max())


def test_the_beginning_is_computed_once(clip: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    tower = clip.adapter.shared_prefix()
    original = tower.begin
    monkeypatch.setattr(clip.adapter, "shared_prefix", lambda: tower)
    monkeypatch.setattr(
        tower, "begin", lambda prefix: (begun.append(len(prefix)), original(prefix))[1]
    )
    encode_groups(clip, GROUPS)
    # One token a letter and the start: "a bad photo of a" and so on, once for each template.
    assert len(begun) == len(TEMPLATES)
    assert begun[0] == 1 + len("abadphotoofa")


@pytest.mark.parametrize("family", ["siglip", "chinese_clip", "altclip"])
def test_towers_that_are_not_causal_take_the_ordinary_way(
    load_tiny: Callable[..., Any], family: str
) -> None:
    clip = load_tiny(family)
    assert not shares_prefixes(clip)
    for found, group in zip(encode_groups(clip, GROUPS), GROUPS, strict=True):
        assert np.abs(found - clip.encode_texts(group)).max() < 1e-6


def test_captures_and_interventions_take_the_ordinary_way(clip: Any) -> None:
    plain = np.concatenate(encode_groups(clip, GROUPS))
    with capture(clip, ["text.blocks.0.resid_post"], pool="eos") as acts:
        seen = np.concatenate(encode_groups(clip, GROUPS))
    assert len(acts["text.blocks.0.resid_post"]) == len(NAMES) * len(TEMPLATES)
    assert np.abs(seen - plain).max() < 1e-6
    with intervene(clip, {"text.blocks.1.mlp.post:3": 5.0}):
        assert not shares_prefixes(clip)
        changed = np.concatenate(encode_groups(clip, GROUPS))
        ordinary = clip.encode_texts([text for group in GROUPS for text in group])
        assert np.abs(changed - ordinary).max() < 1e-6
    assert np.abs(changed - plain).max() > 1e-3


def test_a_hook_of_somebody_else_fires(clip: Any) -> None:
    handle = clip.module.text_model.encoder.layers[0].register_forward_hook(
        lambda module, args, output: output * 2
    )
    try:
        assert not shares_prefixes(clip)
        hooked = np.concatenate(encode_groups(clip, GROUPS))
    finally:
        handle.remove()
    assert np.abs(hooked - np.concatenate(encode_groups(clip, GROUPS))).max() > 1e-3


def test_a_model_that_changes_its_passes_takes_the_ordinary_way(clip: Any) -> None:
    class Louder(prefixed.Clip):
        def text_embeddings(self, tokens: Any) -> Any:
            return -super().text_embeddings(tokens)

    louder = Louder.__new__(Louder)
    louder.__dict__.update(clip.__dict__)
    for mine, found in zip(encode_groups(louder, GROUPS), encode_groups(clip, GROUPS), strict=True):
        assert np.abs(mine + found).max() < 1e-6


@pytest.mark.parametrize("averaging", ["unit-mean-unit", "unit-mean", "raw-mean-unit"])
def test_the_classifier_equals_a_plain_reference(clip: Any, averaging: Any) -> None:
    found = build_classifier(clip, NAMES, TEMPLATES, averaging=averaging)
    for name, vector in zip(NAMES, found, strict=True):
        texts = [template.replace("{}", name) for template in TEMPLATES]
        with capture(clip, ["text.projected"]) as acts:
            clip.encode_texts(texts)
        raw = np.asarray(acts["text.projected"], np.float64)
        if averaging != "raw-mean-unit":
            raw = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        expected = raw.mean(axis=0)
        if averaging != "unit-mean":
            expected = expected / np.linalg.norm(expected)
        assert np.abs(vector - expected).max() < 1e-6
