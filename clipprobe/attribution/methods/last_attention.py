"""Gradients at the last attention: which values, if moved to the score's token, raise the score.

``grad_eclip`` (Zhao et al. 2024, ICML, arXiv:2502.18816)
weights the channels of the values by the gradient of the mixture, and patches by a loosened
attention: the cosine of query and key, stretched to 0..1 over the patches. ``values_x_gradient`` is
gradient times input at the values, and so weights patches by the attention itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.attribution.registry import CLASS_TOKEN, POOLING_HEAD, Maps, Method
from clipprobe.errors import UnsupportedHookError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.attribution.job import Job

_ECLIP_PARTS = ("q", "k", "v", "z")


def grad_eclip(job: Job) -> Maps:
    """``relu(sum_c dz_c v_jc l_j)`` with the loosened attention ``l_j`` of the query of the score.

    Where a unit is read from several tokens, the sum runs over their queries too.
    """
    import torch
    from torch.nn import functional

    prefix = job.attention("grad_eclip")
    trace = job.trace([prefix + part for part in _ECLIP_PARTS])
    gradient = _gradient(job, prefix + "z", "grad_eclip").double()  # p q h k
    q, k, v = (trace.of_pairs(prefix + part).double() for part in ("q", "k", "v"))
    first = job.first_patch
    k, v = k[:, first:], v[:, first:]
    with torch.no_grad():
        if job.is_text and prefix != "head.":  # only the class token is read
            q, gradient = q[:, :1], gradient[:, :1]
        near = torch.einsum(
            "pqc,ptc->pqt",
            functional.normalize(q.flatten(2), dim=-1),
            functional.normalize(k.flatten(2), dim=-1),
        )
        low, high = near.amin(dim=-1, keepdim=True), near.amax(dim=-1, keepdim=True)
        loosened = (near - low) / (high - low).clamp(min=1e-12)
        worth = torch.einsum("pqhk,pthk->pqt", gradient, v)
        values = (worth * loosened).sum(dim=1).clamp(min=0)
    return Maps(
        values=job.on_grid(values),
        units="{score}, loosened and positive only",
        reason="loosened attention does not share out the score",
    )


def values_x_gradient(job: Job) -> Maps:
    """``sum_c v_jc ds/dv_jc`` at the values of the last attention."""
    name = job.attention("values_x_gradient") + "v"
    trace = job.trace([name])
    gradient = _gradient(job, name, "values_x_gradient").double()
    products = (trace.of_pairs(name).double() * gradient).flatten(2).sum(dim=-1)  # p t
    return Maps(
        values=job.on_grid(products[:, job.first_patch :]),
        units="{score}, to first order in the values of the last attention",
        reason="a first-order term does not share out the score",
    )


def _gradient(job: Job, name: str, method: str) -> Tensor:
    gradient = job.trace([name]).gradient(name)
    if gradient is None or not bool(gradient.any()):
        raise UnsupportedHookError(
            f"The last attention has no gradient to {job.targets.names[0]}, so {method} has no "
            "map: use integrated_gradients."
        )
    return gradient


GRAD_ECLIP = Method(
    run=grad_eclip,
    title="Grad-ECLIP",
    paper="Zhao et al. 2024, arXiv:2502.18816",
    towers=(CLASS_TOKEN, POOLING_HEAD),
    single_pass=True,
    needs=lambda job: [job.attention("grad_eclip") + part for part in _ECLIP_PARTS],
    cost="1 and a backward pass",
)
VALUES_X_GRADIENT = Method(
    run=values_x_gradient,
    title="last values times gradient",
    paper="gradient times input (Shrikumar et al. 2016, arXiv:1605.01713) at the last values",
    towers=(CLASS_TOKEN, POOLING_HEAD),
    single_pass=True,
    needs=lambda job: [job.attention("values_x_gradient") + "v"],
    cost="1 and a backward pass",
)
