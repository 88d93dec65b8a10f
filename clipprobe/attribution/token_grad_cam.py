"""Grad-CAM on the patch tokens of a vision transformer.

captum's LayerGradCam takes tokens for channels and never returns a map, so this is our own. Limits:
a map of where features are that raise the score on average over the image; it is not a
decomposition of the score. **For texts it mostly points away from the object** (see
:data:`CAUTION` and ``docs/explanations.md``), so it is here for comparison: explain with integrated
gradients. Subtracting the mean over patches from the activations moves the whole map by a constant
and mends nothing. The gradient of a neuron's maximum over tokens sits on few tokens, and its mean
over all says little: prefer integrated gradients, or the neuron's own map
(``clipprobe.neurons.unit_map``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.attribution.registry import Maps
from clipprobe.errors import UnsupportedHookError
from clipprobe.models.grid import patch_grid

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.attribution.target import Score
    from clipprobe.hooks import HookPoint
    from clipprobe.models import Clip

CAUTION = (
    "token_grad_cam mostly points away from the object: with emoji-clip, on 200 images of one "
    "thing with a known mask, its map is higher on the thing than on the background in 24 %, and "
    "its strongest patch lies on the thing in 28 % (integrated_gradients: 100 % and 96 %)"
)
"""Of texts; ``tests/attribution/test_pointing.py`` holds both methods to it."""
_AFTER_ATTENTION = ("attn.out", "resid_mid", "mlp.out", "resid_post")


def token_grad_cam(clip: Clip, pixels: Tensor, score: Score, *, hook: str | None = None) -> Maps:
    """Weight patch activations by their mean gradient and sum over channels.

    Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391, eq. 1-2) on patch tokens: the class token is
    dropped and the rest laid out on the patch grid. No ReLU is applied: negative values are places
    that lower the score.

    Args:
        pixels: Preprocessed, ``(b, 3, H, W)``.
        hook: Hook point with axes ``b t d``. None: the stream before the last block for texts,
            before the unit's own block for units. The last block's output is refused where only
            the class token is read: its patch tokens have zero gradient.
    Returns:
        Map ``(b, rows, columns)`` in units of the score; not comparable across hook points.
    Raises:
        UnsupportedHookError: the model has no patch tokens, the point has other axes, or there is
            no gradient path from its patches to the score.
    """
    import torch

    from clipprobe.hooks import capture

    point = _point(clip, score, hook)
    with torch.enable_grad():
        with capture(clip, [point.name], grad=True) as seen:
            scores = score(pixels)
        activations = seen[point.name]  # b t d
        gradients = None
        if scores.requires_grad:  # a unit before the hook point does not depend on it
            (gradients,) = torch.autograd.grad(scores.sum(), activations, allow_unused=True)
    first = int(clip.anatomy.vision.has_class_token)
    if gradients is None or not bool(gradients[:, first:].any()):
        raise UnsupportedHookError(
            f"The patches at {point.name} have no gradient to {score.name}: choose an earlier hook "
            "point with axes b t d."
        )
    patches = activations.detach()[:, first:].double()  # b n d
    weights = gradients[:, first:].double().mean(dim=1)  # b d
    rows, columns = patch_grid(clip, pixels)
    values = torch.einsum("bnd,bd->bn", patches, weights)
    return Maps(
        values=values.view(-1, rows, columns).cpu().numpy(),
        resolution="patches",
        units="{score} (mean gradient times activation, summed over channels)",
        scores=scores.detach().cpu().double().numpy(),
        reason="Grad-CAM does not share out the score, so there is no completeness gap",
        caution=CAUTION if score.point is None else "",
        settings={"hook": point.name},
    )



def _point(clip: Clip, score: Score, hook: str | None) -> HookPoint:
    from clipprobe.hooks import resolve

    tower = clip.anatomy.vision
    if not tower.blocks:
        raise UnsupportedHookError(
            f"token_grad_cam needs patch tokens, and the vision tower of {clip.id} is a ResNet: "
            "use integrated_gradients."
        )
    point = resolve(clip, _default_hook(clip, score) if hook is None else hook)[0]
    if point.tower != "vision" or point.axes != ("b", "t", "d"):
        raise UnsupportedHookError(
            f"token_grad_cam needs a vision hook point with axes b t d, and {point.name} has "
            f"{' '.join(point.axes)}: use for example vision.blocks.-2.resid_post."
        )
    last = point.block == len(tower.blocks) - 1 and point.site in _AFTER_ATTENTION
    if last and score.point is None and tower.pool_token == "cls":
        raise UnsupportedHookError(
            f"At {point.name} the patch tokens have zero gradient, because {clip.id} reads only "
            "the class token of its last block: use vision.blocks.-2.resid_post or earlier."
        )
    return point


def _default_hook(clip: Clip, score: Score) -> str:
    """The last stream from which patches still reach the score."""
    n_blocks = len(clip.anatomy.vision.blocks)
    unit = score.point
    if unit is not None and unit.block is None and "t" not in unit.axes and "h" in unit.axes:
        raise UnsupportedHookError(
            f"No patch token comes before {score.name}: use integrated_gradients."
        )
    block = n_blocks - 1 if unit is None or unit.block is None else unit.block
    if unit is not None and unit.site == "resid_pre":
        block -= 1
        if block < 0:
            raise UnsupportedHookError(
                f"No patch token comes before {score.name}: use integrated_gradients."
            )
    return f"vision.blocks.{block - 1}.resid_post" if block else "vision.blocks.0.resid_pre"
