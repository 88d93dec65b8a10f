"""Scenes: ground truth, determinism, and clear refusals."""

from __future__ import annotations

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from clipprobe.errors import ConfigError
from clipprobe.stimuli import (
    Background,
    Person,
    Picture,
    Scene,
    Word,
    concept_set,
    concepts,
    occupations,
    people_set,
    render,
    sprite,
)
from clipprobe.stimuli.scenes import tight_box
from clipprobe.stimuli.sprites import STYLES

# Changes only when the stimuli change on purpose; the same on every machine with the pinned Pillow.
PINNED = "ee6d8b39b390a89fdcd70dd1da0807db479069412b56ac19ede19964279ed70e"


def digest(scenes: list[Scene]) -> list[str]:
    return [hashlib.sha256(render(scene).image.tobytes()).hexdigest() for scene in scenes]


def varied_scenes() -> list[Scene]:
    scenes = [s.scene for m in ("picture", "drawing", "word") for s in concept_set(m)]
    return scenes[::29] + [s.scene for s in people_set(per_cell=1)]


def test_pixels_are_pinned() -> None:
    total = hashlib.sha256("".join(digest(varied_scenes())).encode()).hexdigest()
    assert total == PINNED


def test_order_and_threads_do_not_change_a_pixel() -> None:
    scenes = varied_scenes()
    expected = dict(zip(map(repr, scenes), digest(scenes), strict=True))
    random.Random(3).shuffle(scenes)
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda scene: digest([scene])[0], scenes))
    assert got == [expected[repr(scene)] for scene in scenes]


def test_enough_concepts_in_every_style() -> None:
    names = [c.name for c in concepts()]
    assert len(names) == len(set(names)) >= 200
    assert len([c for c in concepts() if c.synonyms]) >= 40
    assert len(occupations()) >= 14
    for style in STYLES:
        pixels = {sprite(name, style=style).tobytes() for name in names}
        assert len(pixels) == len(names), style


def test_masks_are_exactly_the_pixels_that_differ_from_the_ground() -> None:
    ground = Background(kind="plain", color=(1, 2, 3))
    scene = Scene(items=(Word(text="dog", fill=(255, 0, 0)),), background=ground, size_px=96)
    rendered = render(scene)
    changed = (np.asarray(rendered.image) != (1, 2, 3)).any(axis=-1)
    assert changed.sum() > 50
    assert np.array_equal(changed, rendered.masks[0])
    assert rendered.boxes[0] == tight_box(changed)


def test_later_items_hide_earlier_ones() -> None:
    below = Picture(concept="car", size=0.5)
    alone = render(Scene(items=(below,)))
    covered = render(Scene(items=(below, Picture(concept="sun", size=0.3))))
    assert not (covered.masks[0] & covered.masks[1]).any()
    assert covered.masks[0].sum() < alone.masks[0].sum()
    hidden = render(Scene(items=(Picture(concept="ant", size=0.1), Picture(concept="ball"))))
    assert hidden.boxes[0] is None
    assert hidden.masks[0].sum() == 0


def test_the_same_scene_scales() -> None:
    item = Picture(concept="tree", size=0.4, center=(0.25, 0.75))
    small = render(Scene(items=(item,), size_px=64)).boxes[0]
    large = render(Scene(items=(item,), size_px=256)).boxes[0]
    assert small is not None and large is not None
    assert np.allclose(np.array(large) / 4, small, atol=1.5)


def test_line_drawings_take_their_ink() -> None:
    scene = Scene(items=(Picture(concept="key", style="line", ink=(200, 0, 0)),))
    rendered = render(scene)
    solid = np.asarray(rendered.image)[rendered.masks[0]]
    assert (solid[:, 0] >= 200).all()
    assert solid[:, 1].min() == 0


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (Picture(concept="gryphon"), "No concept is called"),
        (Picture(concept="dog", style="oil"), "No picture style"),
        (Person(gender="man", skin_tone="green"), "no sprite"),
        (Person(gender="man", skin_tone="dark", style="fluent"), "noto, twemoji"),
    ],
)
def test_what_is_not_bundled_is_refused(item: Picture | Person, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        render(Scene(items=(item,)))


def test_unknown_grounds_and_tiny_images_are_refused() -> None:
    with pytest.raises(ConfigError, match="No background is called"):
        render(Scene(items=(), background=Background(kind="fog")))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="too small"):
        render(Scene(items=(), size_px=8))
