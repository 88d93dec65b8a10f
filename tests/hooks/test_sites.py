"""Names of hook points: the table, the grammar, globs and what is said about a wrong name."""

from __future__ import annotations

from typing import Any

import pytest
from hooks.checks import FAMILIES, run_both
from hypothesis import given
from hypothesis import strategies as st

from clipprobe.errors import ConfigError, UnknownHookPointError, UnsupportedHookError
from clipprobe.hooks import capture, parse_unit, resolve
from clipprobe.hooks.sites import (
    BLOCK_SITES,
    SiteName,
    UnitAddress,
    hook_points,
    nearest,
    parse_name,
    split_unit,
)
from clipprobe.hooks.units import default_sites

SITES = st.sampled_from([*BLOCK_SITES, "embed", "pooled", "projected", "layer4.5.add"])
NAMES = st.builds(
    SiteName, st.sampled_from(["vision", "text"]), st.none() | st.integers(0, 10**6), SITES
)


@given(NAMES, st.integers(0, 10**9))
def test_names_survive_a_round_trip(name: SiteName, index: int) -> None:
    assert parse_name(str(name)) == name
    unit = UnitAddress(str(name), index)
    assert parse_unit(str(unit)) == unit
    assert split_unit(str(name)) == (str(name), None)


def test_the_table_of_a_clip(clip: Any) -> None:
    points = {point.name: point for point in clip.hook_points()}
    assert len(points) == 1 + 3 * 13 + 2 + 3 * 13 + 2
    neuron = points["vision.blocks.2.mlp.post"]
    assert (neuron.axes, neuron.n_units, neuron.unit) == (("b", "t", "d_mlp"), 64, "neuron")
    assert (neuron.tower, neuron.block, neuron.site) == ("vision", 2, "mlp.post")
    heads = points["text.blocks.0.attn.pattern"]
    assert (heads.axes, heads.n_units, heads.unit) == (("b", "n_heads", "t", "t"), 4, "head")
    assert points["vision.embed"].unit == "channel"
    assert points["text.projected"].n_units == clip.d_embed
    assert "text.embed" not in points


@pytest.mark.parametrize("family", FAMILIES)
def test_captured_shapes_are_those_of_the_table(load_tiny: Any, family: str) -> None:
    clip = load_tiny(family)
    points = hook_points(clip)
    with capture(clip, "*") as acts:
        run_both(clip)
    assert list(acts) == [point.name for point in points]
    for point in points:
        value = acts[point.name]
        assert value.ndim == len(point.axes), point.name
        assert value.shape[0] == 5, point.name
        assert value.shape[point.unit_axis] == point.n_units, point.name


def test_globs_negative_blocks_and_order(clip: Any) -> None:
    def names(*patterns: str) -> list[str]:
        return [point.name for point in resolve(clip, patterns)]

    assert names("vision.blocks.*.mlp.post") == [f"vision.blocks.{i}.mlp.post" for i in range(3)]
    assert len(names("*.attn.out")) == 6
    assert names("text.blocks.[02].mlp.pre") == ["text.blocks.0.mlp.pre", "text.blocks.2.mlp.pre"]
    assert names("vision.blocks.-1.mlp.post") == ["vision.blocks.2.mlp.post"]
    assert names("*.blocks.-1.mlp.out") == ["vision.blocks.2.mlp.out", "text.blocks.2.mlp.out"]
    assert names("text.blocks.-3.attn.*")[0] == "text.blocks.0.attn.q"
    assert names("vision.pooled", "vision.*")[0] == "vision.pooled"
    assert len(names("*")) == len(names("*", "*.mlp.*")) == len(clip.hook_points())


def test_an_unknown_name_names_the_nearest_and_the_command(clip: Any) -> None:
    with pytest.raises(UnknownHookPointError) as failure:
        resolve(clip, "vision.blocks.1.mlp.poste")
    message = str(failure.value)
    close = nearest("vision.blocks.1.mlp.poste", [p.name for p in clip.hook_points()])
    assert close[0] == "vision.blocks.1.mlp.post" and len(close) == 3
    assert all(name in message for name in close)
    assert f"clipprobe hooks {clip.id}" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "name",
    [
        "vision.blocks.3.mlp.post",
        "vision.blocks.-4.mlp.post",
        "audio.blocks.0.mlp.post",
        "vision.blocks.*.mlp.middle",
        "",
    ],
)
def test_what_a_model_does_not_have_is_unknown(clip: Any, name: str) -> None:
    with pytest.raises(UnknownHookPointError):
        resolve(clip, name)


def test_no_name_at_all_is_refused(clip: Any) -> None:
    with pytest.raises(UnknownHookPointError, match="No hook point was named"):
        capture(clip, [])


@pytest.mark.parametrize("address", ["a:b", "vision.pooled:-1", "vision.pooled:", ":3", "a:1:2"])
def test_a_malformed_unit_is_refused(address: str) -> None:
    with pytest.raises(UnknownHookPointError, match="does not name a unit"):
        parse_unit(address)


def test_a_unit_is_needed_where_one_is_asked_for_and_must_exist(clip: Any) -> None:
    with pytest.raises(UnknownHookPointError, match="names a whole hook point"):
        parse_unit("vision.blocks.3.mlp.post")
    with pytest.raises(UnknownHookPointError, match="has 64 neurons, numbered 0 to 63"):
        capture(clip, "vision.blocks.0.mlp.post:64")


def test_a_name_outside_the_grammar_is_refused() -> None:
    with pytest.raises(UnknownHookPointError, match="not a hook point name"):
        parse_name("blocks.3.mlp.post")


def test_a_tower_that_no_model_has_is_refused(clip: Any) -> None:
    assert clip.anatomy.tower("text") is clip.anatomy.text
    with pytest.raises(ConfigError, match="The tower 'audio' is not 'vision' or 'text'"):
        default_sites(clip, "audio")


def test_a_site_that_the_model_lacks_says_why(load_tiny: Any) -> None:
    clip = load_tiny("siglip2")
    with pytest.raises(UnsupportedHookError, match="has no patch convolution"):
        resolve(clip, "vision.embed")
