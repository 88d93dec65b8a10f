"""One edit of each kind of part, for a model of any size."""

from __future__ import annotations

from typing import Any

import numpy as np

from clipprobe import At, Edit, Mean, Patch, Scale, Steer, Zero
from clipprobe.edits import (
    CentredClasses,
    ClassOffsets,
    ClassProjection,
    DerivedPoint,
    ImageToken,
    Interventions,
    Mask,
    Projection,
    TextPrefix,
    Views,
    WeightDifference,
)

POST = "vision.blocks.1.mlp.post"


def parts_for(clip: Any) -> dict[str, tuple[Edit, set[str]]]:
    """Name -> an edit, and what it changes: ``image`` vectors, ``text`` vectors, ``class`` ones."""
    rng = np.random.default_rng(0)
    d, vision, text = clip.d_embed, clip.anatomy.vision, clip.anatomy.text
    units = vision.d_mlp
    t = clip.grid[0] * clip.grid[1] + vision.has_class_token
    of_images: dict[str, Any] = {
        "zero": {f"{POST}:3": Zero()},
        "set": {At(POST, units=[1, 4]): 0.5},
        "scale": {At(f"{POST}:3", tokens="cls"): Scale(3.0)},
        "steer": {"vision.blocks.1.resid_post": Steer(rng.normal(size=vision.d_model), 0.5)},
        "mean": {At(POST, units=[0, 2]): Mean(rng.normal(size=(4, t, units)).astype(np.float32))},
        "patch": {POST: Patch(rng.normal(size=(1, units)).astype(np.float32))},
        "heads": Interventions.of_heads(["vision.blocks.1:0"], factor=0.5),
        "image projection": Projection.without(rng.normal(size=(2, d)), "image"),
        "image token": ImageToken(rng.normal(size=(2, vision.d_model))),
        "mask": Mask(np.eye(clip.grid[0], dtype=bool)),
        "pixel mask": Mask(np.eye(clip.image_size, dtype=bool), fill=(1.0, 0.0, 0.0)),
        "mirrored": Views.mirrored(),
        "crops": Views.crops(0.75),
    }
    of_texts = {
        "text projection": Projection(rng.normal(size=(d, d)), "text"),
        "text prefix": TextPrefix(rng.normal(size=(2, text.d_model))),
        "text unit": {"text.blocks.0.mlp.post:1": Zero()},
    }
    of_classes = {
        "centred": CentredClasses(),
        "class projection": ClassProjection(rng.normal(size=(d, d)), "random"),
        "offsets": ClassOffsets({"dog": rng.normal(size=d)}),
    }
    weight = dict(clip.module.named_parameters())["visual_projection.weight"]
    of_both = {
        "both embeddings": Projection.dropping([0, 3], d),
        "weights": WeightDifference(
            {
                "visual_projection.weight": rng.normal(size=tuple(weight.shape)),
                "text_projection.weight": rng.normal(size=(d, text.d_pooled)),
            },
            share=0.1,
        ),
    }
    rows = rng.normal(size=(3, units))
    of_nothing = {"directions": DerivedPoint("some", rows, at=POST, bias=[0.0, 1.0, 2.0])}
    found = {name: (Edit(part), {"image"}) for name, part in of_images.items()}
    found |= {name: (Edit(part), {"text", "class"}) for name, part in of_texts.items()}
    found |= {name: (Edit(part), {"class"}) for name, part in of_classes.items()}
    everything = {"image", "text", "class"}
    found |= {name: (Edit(part), everything) for name, part in of_both.items()}
    return found | {name: (Edit(part), set()) for name, part in of_nothing.items()}


NAMES = (
    "zero", "set", "scale", "steer", "mean", "patch", "heads", "image projection", "image token",
    "mask", "pixel mask", "mirrored", "crops", "text projection", "text prefix", "text unit",
    "centred", "class projection", "offsets", "both embeddings", "weights", "directions",
)  # fmt: skip


def images(n: int = 3) -> list[Any]:
    """Noise, larger than the model sees."""
    rng = np.random.default_rng(1)
    return [rng.integers(0, 255, (48, 40, 3), dtype=np.uint8) for _ in range(n)]


TEXTS_SEEN = ["a dog", "a cat on a mat", "x"]


def seen(clip: Any) -> dict[str, Any]:
    """What a model makes of some images, texts and classes."""
    from clipprobe.zeroshot import build_classifier

    return {
        "image": clip.encode_images(images()),
        "text": clip.encode_texts(TEXTS_SEEN),
        "class": build_classifier(clip, ["dog", "cat", "tree"], ["a {}", "the {}"]),
    }
