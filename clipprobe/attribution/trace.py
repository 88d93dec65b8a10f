"""One forward and one backward pass, shared by every method that reads attention or gradients.

A method names what it reads: hook points, and ``head.q``, ``head.k``, ``head.v``, ``head.z``,
``head.pattern`` for the attention of a pooling head, which has no hook points of its own. Values
have a row per image; gradients of the scores have a row per pair. The backward pass runs only when
a gradient is asked for: once where every image has one target, else once for each round of targets,
over the same graph.

``local.`` before the name of a block's hook point is another gradient: that of the score read off
the block's own output (the mean of its tokens through the last norm and the projection), which goes
back through that block alone, over the graph that is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from clipprobe.attribution.pooling_head import PARTS, check_head, run_head

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.models import Clip


LOCAL = "local."


class Trace:
    """What one pass left, and its gradients.

    Args:
        features: ``(n, f)``, with the graph; ``directions`` ``(p, f)`` and ``image_of`` make the
            scores of the pairs from them.
        tail: The features computed again by a pooling head on the detached final stream, with a
            graph of their own; None without such a head.
        tensors: Name -> value in the graph.
        local: Hook points whose gradient of the score read off their block is wanted too.
    """

    def __init__(
        self,
        clip: Clip,
        features: Tensor,
        tail: Tensor | None,
        tensors: dict[str, Tensor],
        *,
        directions: Tensor,
        image_of: list[int],
        local: Iterable[str] = (),
    ) -> None:
        self._clip = clip
        self._directions, self._image_of = directions, image_of
        self._local = list(local)
        self._graph, self._tail, self._tensors = features, tail, tensors
        self.features = features.detach()
        self._gradients: dict[str, Tensor | None] | None = None

    def value(self, name: str) -> Tensor:
        """``(n, ...)``, detached."""
        return self._tensors[name].detach()

    def of_pairs(self, name: str) -> Tensor:
        """The value of each pair's image, ``(p, ...)``."""
        return self.value(name)[self._image_of]

    def gradient(self, name: str) -> Tensor | None:
        """Gradient of each pair's score, ``(p, ...)``; None where the score does not depend."""
        if self._gradients is None:
            self._gradients = self._backward()
        return self._gradients[name]

    def _backward(self) -> dict[str, Tensor | None]:
        import torch

        inner = {k: v for k, v in self._tensors.items() if v.requires_grad}
        outer = {k: inner.pop(k) for k in list(inner) if k.startswith("head.")}
        gradients: dict[str, Tensor | None] = dict.fromkeys(self._tensors)
        rounds = _rounds(self._image_of)
        for name in self._local:
            gradients[LOCAL + name] = self._of_block(name, rounds)
        for number, pairs in enumerate(rounds):
            images = [self._image_of[pair] for pair in pairs]
            for score, group in ((self._graph, inner), (self._tail, outer)):
                if score is None or not group or not score.requires_grad:
                    continue
                with torch.enable_grad():
                    total = (score[images] * self._directions[pairs]).sum()
                    grads = torch.autograd.grad(
                        total,
                        list(group.values()),
                        retain_graph=number < len(rounds) - 1,
                        allow_unused=True,
                    )
                for name, grad in zip(group, grads, strict=True):
                    if grad is None:
                        continue
                    if images == list(range(len(grad))) and len(rounds) == 1:
                        gradients[name] = grad  # a pair an image, in order
                        continue
                    whole = gradients[name]
                    if whole is None:
                        whole = grad.new_zeros((len(self._image_of), *grad.shape[1:]))
                        gradients[name] = whole
                    whole[pairs] = grad[images]
        # The graph is not needed again; what was kept stays.
        self._tensors = {name: value.detach() for name, value in self._tensors.items()}
        self._graph = self._graph.detach()
        self._tail = None
        return gradients

    def _of_block(self, name: str, rounds: list[list[int]]) -> Tensor:
        """Gradient ``(p, ...)`` of the score read off the output of the block of a hook point."""
        import torch

        value, output = self._tensors[name], self._tensors[block_output(name)]
        n_tokens = output.shape[1]
        whole = value.new_zeros((len(self._image_of), *value.shape[1:]))
        for pairs in rounds:
            images = [self._image_of[pair] for pair in pairs]
            with torch.enable_grad():
                mean = output.detach().mean(dim=1, keepdim=True)[images].requires_grad_()
                score = (joint_space(self._clip, mean)[:, 0] * self._directions[pairs]).sum()
                (slope,) = torch.autograd.grad(score, mean)
                slopes = torch.zeros_like(output)
                slopes[images] = slope.expand(-1, n_tokens, -1) / n_tokens
                (grad,) = torch.autograd.grad(output, value, slopes, retain_graph=True)
            whole[pairs] = grad[images]
        return whole


def joint_space(clip: Clip, tokens: Tensor) -> Tensor:
    """Tokens ``(b, t, d)`` through the last norm and the projection, of unit length."""
    from clipprobe.models.vectors import unit

    norm: Any = clip.anatomy.vision.norm_final
    flat = unit(clip.adapter.vision_projected(norm(tokens).flatten(0, 1)))
    return flat.view(*tokens.shape[:2], -1)


def block_output(name: str) -> str:
    """The hook point of the stream after the block of a hook point."""
    tower, blocks, number, *_ = name.split(".")
    return f"{tower}.{blocks}.{number}.resid_post"


def _rounds(image_of: list[int]) -> list[list[int]]:
    """Pairs in rounds that hold every image at most once."""
    counts: dict[int, int] = {}
    rounds: list[list[int]] = []
    for pair, image in enumerate(image_of):
        number = counts.get(image, 0)
        counts[image] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(pair)
    return rounds


def run_trace(
    clip: Clip,
    pixels: Tensor,
    read: Callable[[Tensor], Tensor],
    needs: Iterable[str],
    *,
    directions: Tensor,
    image_of: list[int],
) -> Trace:
    """Run the images once and keep what is needed, in the graph.

    Args:
        read: Pixels to features.
    """
    import torch

    from clipprobe.hooks import capture, resolve

    names_needed = set(needs)
    local = sorted(name.removeprefix(LOCAL) for name in names_needed if name.startswith(LOCAL))
    names = {name for name in names_needed if not name.startswith(LOCAL)}
    names |= {*local, *map(block_output, local)}
    head = {name for name in names if name.startswith("head.")}
    final = f"vision.blocks.{len(clip.anatomy.vision.blocks) - 1}.resid_post"
    points = [point.name for point in resolve(clip, sorted(names - head))] if (names - head) else []
    listened = sorted({*points, *([final] if head else [])})
    with torch.enable_grad():
        if listened:
            with capture(clip, listened, grad=True) as acts:
                features = read(pixels)
            tensors = {name: acts[name] for name in listened}
        else:
            features, tensors = read(pixels), {}
        tail = None
        if head:
            parts = run_head(clip, tensors[final].detach())
            tail = parts.pop("embedding")
            check_head(clip, tail, features)
            tensors |= {f"head.{part}": parts[part] for part in PARTS}
    return Trace(
        clip,
        features,
        tail,
        tensors,
        directions=directions,
        image_of=image_of,
        local=local,
    )
