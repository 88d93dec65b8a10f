"""Scenes of one to four things in the quadrants of the image, with their true pixels."""

from __future__ import annotations

import numpy as np

from clipprobe.attribution.faithfulness.cases import Case
from clipprobe.errors import ConfigError
from clipprobe.stimuli import Background, Picture, Scene, concepts, render
from clipprobe.stimuli.splits import TRAINED_STYLES

CORNERS = ((0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73))
SIDE = 0.42
_GROUND = Background(kind="checks", color=(245, 245, 245), second=(225, 225, 225), seed=0)


def scene_cases(
    n_objects: int, n_targets: int = 200, *, size_px: int = 64, seed: int = 0
) -> list[Case]:
    """Different things, each in a quadrant of its own, on a background that was not trained on.

    Args:
        n_objects: 1 to 4; every thing of a scene is the target of one case.
        n_targets: Cases in all; the last scene is cut short where it does not divide.
        size_px: Side of the images.
    """
    if not 1 <= n_objects <= 4:
        raise ConfigError(f"n_objects={n_objects} does not fit: a scene has 1 to 4 quadrants used.")
    rng = np.random.default_rng([seed, n_objects])
    known = concepts()
    halves = (slice(0, size_px // 2), slice(size_px // 2, size_px))
    cases: list[Case] = []
    while len(cases) < n_targets:
        things = [known[int(i)] for i in rng.permutation(len(known))[:n_objects]]
        places = [int(i) for i in rng.permutation(4)[:n_objects]]
        style = TRAINED_STYLES[int(rng.integers(len(TRAINED_STYLES)))]
        items = tuple(
            Picture(concept=thing.name, style=style, size=SIDE, center=CORNERS[place])
            for thing, place in zip(things, places, strict=True)
        )
        rendered = render(Scene(items=items, background=_GROUND, size_px=size_px))
        zones = np.zeros((n_objects, size_px, size_px), bool)
        for zone, place in zip(zones, places, strict=True):
            zone[halves[place // 2], halves[place % 2]] = True
        names = tuple(thing.phrase for thing in things)
        scene = f"{n_objects} things, scene {len(cases) // n_objects}"
        cases += [
            Case(
                image=rendered.image,
                text=names[own],
                masks=rendered.masks,
                zones=zones,
                own=own,
                names=names,
                scene=scene,
            )
            for own in range(n_objects)
        ]
    return cases[:n_targets]
