"""Grad-CAM on the patch tokens of a vision transformer.

captum's LayerGradCam takes tokens for channels and never returns a map, so this is our own. Limits:
a map of where features are that raise the score on average over the image; it is not a
decomposition of the score. **For a text as it is, it may point away from the thing** (see
:data:`CAUTION` and ``docs/methods/faithfulness.md``): along what all texts share the background
can score higher. The gradient of a neuron's maximum over tokens sits on few tokens, and its mean
over all says little: prefer integrated gradients, or the neuron's own map
(``clipprobe.neurons.unit_map``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.attribution.registry import CLASS_TOKEN, FUSED, POOLING_HEAD, RESNET, Maps, Method
from clipprobe.errors import UnsupportedHookError

if TYPE_CHECKING:
    from clipprobe.attribution.job import Job
    from clipprobe.hooks import HookPoint

CAUTION = (
    "token_grad_cam may point away from the thing: with emoji-clip, on 200 images of one thing "
    "with a known mask, its map is higher on the thing than on the background in 54 %, and its "
    "strongest patch lies on the thing in 42 % (integrated_gradients: 90 % and 88 %; on the "
    "weights before these 24 % and 28 %, against 100 % and 96 %)"
)
"""Of texts as they are; ``tests/attribution/test_pointing.py`` holds both methods to it."""
_AFTER_ATTENTION = ("attn.out", "resid_mid", "mlp.out", "resid_post")


def token_grad_cam(job: Job, *, hook: str | None = None) -> Maps:
    """Weight patch activations by their mean gradient and sum over channels.

    Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391, eq. 1-2) on patch tokens: the class token is
    dropped and the rest laid out on the patch grid. No ReLU is applied: negative values are places
    that lower the score.

    Args:
        hook: Hook point with axes ``b t d``. None: the stream before the last block for texts,
            before the unit's own block for units. The last block's output is refused where only
            the class token is read: its patch tokens have zero gradient.
    Returns:
        Map ``(p, rows, columns)`` in units of the score; not comparable across hook points.
    Raises:
        UnsupportedHookError: the model has no patch tokens, the point has other axes, or there is
            no gradient path from its patches to the score.
    """
    point = _point(job, hook)
    trace = job.trace([point.name])
    gradients = trace.gradient(point.name)
    first = job.first_patch
    if gradients is None or not bool(gradients[:, first:].any()):
        raise UnsupportedHookError(
            f"The patches at {point.name} have no gradient to {job.targets.names[0]}: choose an "
            "earlier hook point with axes b t d."
        )
    patches = trace.of_pairs(point.name)[:, first:].double()  # p n d
    weights = gradients[:, first:].double().mean(dim=1)  # p d
    values = (patches @ weights[:, :, None])[:, :, 0]
    return Maps(
        values=job.on_grid(values),
        units="{score} (mean gradient times activation, summed over channels)",
        reason="Grad-CAM does not share out the score, so there is no completeness gap",
        caution=CAUTION if job.targets.units == "cosine similarity" else "",
        settings={"hook": point.name},
    )


def _point(job: Job, hook: str | None) -> HookPoint:
    from clipprobe.hooks import resolve

    clip, tower = job.clip, job.clip.anatomy.vision
    if not tower.blocks:
        raise UnsupportedHookError(
            f"token_grad_cam needs patch tokens, and the vision tower of {clip.id} is a {RESNET}: "
            "use integrated_gradients."
        )
    point = resolve(clip, _default_hook(job) if hook is None else hook)[0]
    if point.tower != "vision" or point.axes != ("b", "t", "d"):
        raise UnsupportedHookError(
            f"token_grad_cam needs a vision hook point with axes b t d, and {point.name} has "
            f"{' '.join(point.axes)}: use for example vision.blocks.-2.resid_post."
        )
    last = point.block == len(tower.blocks) - 1 and point.read_site in _AFTER_ATTENTION
    if last and job.is_text and tower.pool_token == "cls":
        raise UnsupportedHookError(
            f"At {point.name} the patch tokens have zero gradient, because {clip.id} reads only "
            "the class token of its last block: use vision.blocks.-2.resid_post or earlier."
        )
    return point


def _default_hook(job: Job) -> str:
    """The last stream from which patches still reach the score."""
    blocks = []
    for unit in job.targets.points:
        if unit.block is None and "t" not in unit.axes and "h" in unit.axes:
            raise _nothing_before(job)
        if unit.block is not None:
            blocks.append(unit.block - (unit.read_site == "resid_pre"))
    block = min(blocks, default=len(job.clip.anatomy.vision.blocks) - 1)
    if block < 0:
        raise _nothing_before(job)
    return f"vision.blocks.{block - 1}.resid_post" if block else "vision.blocks.0.resid_pre"


def _nothing_before(job: Job) -> UnsupportedHookError:
    return UnsupportedHookError(
        f"No patch token comes before {job.targets.names[0]}: use integrated_gradients."
    )


TOKEN_GRAD_CAM = Method(
    run=token_grad_cam,
    title="token Grad-CAM",
    paper="Selvaraju et al. 2017, arXiv:1610.02391",
    towers=(CLASS_TOKEN, POOLING_HEAD, FUSED),
    single_pass=True,
    needs=lambda job: [_default_hook(job)],
    cost="1 and a backward pass",
)
