"""One image of two things, and where on it the score of either comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from clipprobe.models import Clip
from clipprobe.stimuli import Background, Picture, Scene, concept, concepts, render


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoThings:
    """An image of two things, with the map of either name on it.

    Attributes:
        image: The scene.
        names: The two concepts.
        texts: What the model was asked with.
        maps: Text -> ``(rows, columns)`` attributions on the patches.
        method: Of the maps.
        scores: Text -> cosine similarity.
        on_own: Text -> share of what raises its score that lies on its own thing's half.
    """

    image: Image.Image
    names: tuple[str, str]
    texts: tuple[str, str]
    maps: Mapping[str, Any]
    method: str
    scores: Mapping[str, float]
    on_own: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types, without the image."""
        return {
            "names": list(self.names),
            "texts": list(self.texts),
            "method": self.method,
            "scores": dict(self.scores),
            "on_own_half": dict(self.on_own),
            "maps": {text: values.tolist() for text, values in self.maps.items()},
        }


def two_things(clip: Clip, names: tuple[str, str]) -> TwoThings:
    """Draw two concepts side by side and explain the score of either."""
    from clipprobe.attribution import explain
    from clipprobe.attribution.explaining import default_method

    image = scene_of(names)
    texts = (concept(names[0]).phrase, concept(names[1]).phrase)
    method = default_method(clip, texts[0])
    explanations = {text: explain(clip, image, text, method) for text in texts}
    maps = {text: one.patches for text, one in explanations.items()}
    return TwoThings(
        image=image,
        names=names,
        texts=texts,
        maps=maps,
        method=method,
        scores={text: one.score for text, one in explanations.items()},
        on_own={text: _on_half(maps[text], right=bool(i)) for i, text in enumerate(texts)},
    )


def scene_of(names: tuple[str, str], size_px: int = 64) -> Image.Image:
    """Two concepts side by side on a plain ground."""
    items = tuple(
        Picture(concept=name, style="noto", size=0.46, center=(x, 0.5))
        for name, x in zip(names, (0.25, 0.75), strict=True)
    )
    ground = Background(kind="plain", color=(240, 240, 240), second=(240, 240, 240), seed=0)
    return render(Scene(items=items, background=ground, size_px=size_px)).image


def _on_half(values: Any, *, right: bool) -> float:
    """Share of the positive part of a map that lies on one half of the image."""
    raised = np.maximum(np.asarray(values, float), 0)
    middle = raised.shape[1] / 2
    columns = np.arange(raised.shape[1]) + 0.5
    own = columns > middle if right else columns < middle
    total = float(raised.sum())
    return float(raised[:, own].sum()) / total if total > 0 else float("nan")


def pair_of(first: Sequence[str], names: Sequence[str]) -> tuple[str, str] | None:
    """The two concepts of the scene: the first of those given first, else of all.

    None where there are not two.
    """
    known = {one.name for one in concepts()}
    pair = list(dict.fromkeys(name for name in [*first, *names] if name in known))[:2]
    return (pair[0], pair[1]) if len(pair) == 2 else None
