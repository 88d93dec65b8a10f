"""Which hook points an atlas can hold, and where in the image a token of them lies.

An atlas keeps one number per unit and image, so a hook point must become one vector per image by
pooling over its tokens or places. Heads are not such points: a head's output is a vector per token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clipprobe.errors import UnsupportedHookError

if TYPE_CHECKING:
    from clipprobe.hooks.hooked import Seeing
    from clipprobe.hooks.sites import HookPoint

_POOL_WORDS = {
    "tokens": {
        "max": "max over tokens",
        "mean": "mean over tokens",
        "cls": "class token",
        "eos": "end token",
    },
    "map": {"max": "max over places", "mean": "mean over places"},
    "vector": {"none": "one value per image"},
}
_LAYOUTS = {
    ("b", "t", "d"): "tokens",
    ("b", "t", "d_mlp"): "tokens",
    ("b", "d", "h", "w"): "map",
    ("b", "c", "h", "w"): "map",
    ("b", "d"): "vector",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A hook point as an atlas needs it, readable without the model.

    Attributes:
        name: Hook point.
        unit: What its units are: neuron, dimension or channel.
        n_units: How many.
        layout: ``tokens``, ``map`` or ``vector``: what is pooled over.
        grid: Rows and columns of its patches or places; None for a vector, and for models whose
            grid depends on the image.
        class_token: Whether token 0 is the class token and patches begin at 1.
    """

    name: str
    unit: str
    n_units: int
    layout: str
    grid: tuple[int, int] | None
    class_token: bool

    def place(self, token: int) -> tuple[int, int] | None:
        """Row and column on the grid; None for the class token and where there is no place."""
        patch = token - self.class_token
        if self.grid is None or not 0 <= patch < self.grid[0] * self.grid[1]:
            return None
        return divmod(patch, self.grid[1])

    def pooled(self, pool: str) -> str:
        """How the tokens became one number, in words."""
        if self.layout == "vector" and self.name.startswith("text."):
            return "one value per text"
        return _POOL_WORDS[self.layout][pool]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Site:
        """The inverse of :meth:`to_json`."""
        grid = None if data["grid"] is None else (int(data["grid"][0]), int(data["grid"][1]))
        return cls(**{**data, "grid": grid})


def default_sites(clip: Seeing, tower_name: str = "vision") -> list[str]:
    """The neurons of every block; of a ResNet, the last block's channels before the ReLU."""
    tower = clip.anatomy.tower(tower_name)
    if tower.blocks:
        return [f"{tower_name}.blocks.*.mlp.post"]
    sums = [name for name in tower.channels if name.endswith(".add")]
    return [f"vision.{sums[-1]}"]


def default_pool(clip: Seeing, tower: str) -> str:
    """How tokens become one number where nobody says: the maximum; of texts, the token read.

    Not the maximum over a text: where tokens see only earlier ones, the first token answers the
    same to every text, and often most strongly.
    """
    if tower == "vision":
        return "max"
    return "cls" if clip.anatomy.text.pool_token == "cls" else "eos"


def find_sites(
    clip: Seeing, patterns: Sequence[str] | str | None, pool: str, tower: str = "vision"
) -> list[Site]:
    """The hook points that the names and globs mean, checked for what an atlas can hold.

    Args:
        patterns: None for the default ones of the tower.
        tower: The one that the inputs run through: ``vision`` for images, ``text`` for texts.

    Raises:
        UnknownHookPointError: a name matches nothing.
        UnsupportedHookError: a hook point of the other tower, one without one number per unit and
            token, or one where the pooling has no meaning.
    """
    from clipprobe.hooks.pooling import check_pool
    from clipprobe.hooks.sites import resolve

    points = resolve(clip, default_sites(clip, tower) if patterns is None else patterns)
    for point in points:
        layout = _LAYOUTS.get(point.axes)
        if point.tower != tower:
            inputs = "images" if tower == "vision" else "texts"
            raise UnsupportedHookError(
                f"{point.name} is in the {point.tower} tower, and this atlas is made from "
                f"{inputs}: name hook points that begin with '{tower}.', or scan "
                f"{'texts (--texts)' if tower == 'vision' else 'images (--images)'}."
            )
        if layout is None:
            raise UnsupportedHookError(
                f"{point.name} has the axes {' '.join(point.axes)}, so its {point.unit}s have no "
                "single number per token: scan a hook point with axes b t d, b c h w or b d, such "
                "as mlp.post or attn.out."
            )
        check_pool(point, clip.anatomy.tower(tower), pool)
        if pool == "none" and layout != "vector":
            raise UnsupportedHookError(
                f"An atlas keeps one number per unit and input, and {point.name} has one per "
                "token: choose pool max, mean, cls or, for texts, eos."
            )
    grids = _map_sizes(clip, [point for point in points if _LAYOUTS[point.axes] == "map"])
    return [_site(clip, point, grids) for point in points]


def _site(clip: Seeing, point: HookPoint, grids: Mapping[str, tuple[int, int]]) -> Site:
    tower = clip.anatomy.tower(point.tower)
    layout = _LAYOUTS[point.axes]
    return Site(
        name=point.name,
        unit=point.unit,
        n_units=point.n_units,
        layout=layout,
        grid={"tokens": tower.grid, "map": grids.get(point.name), "vector": None}[layout],
        class_token=layout == "tokens" and tower.has_class_token,
    )


def _map_sizes(clip: Seeing, points: Sequence[HookPoint]) -> dict[str, tuple[int, int]]:
    """Rows and columns of each map, from one forward pass; layers of a ResNet differ."""
    if not points or clip.anatomy.vision.grid is None:
        return {}
    import torch

    from clipprobe.hooks.capture import capture

    blank = torch.zeros(1, 3, clip.image_size, clip.image_size)
    with torch.no_grad(), capture(clip, [point.name for point in points]) as acts:
        clip.image_embeddings(blank)
    return {name: (values.shape[2], values.shape[3]) for name, values in acts.items()}
