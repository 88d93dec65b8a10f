"""Runs of the vision tower that start at any block, with heads and neurons replaced.

A patch at block ``l`` leaves everything before it as it was, so a run starts there, from the
residual stream of the unpatched run. That such a run gives the model's own embedding is checked on
the first batch; where it does not, whole forward passes are made instead.

Terms: *own* are the activations of the run that is changed, *source* what is put into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from clipprobe.tracing.variants import Acts, Units, Variant, check_tower

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.models import Clip

_ROWS = 128  # most inputs in one run; more leave a CPU's cache


class Streams:
    """Forward passes of one model.

    Args:
        cls: Whether units are read and replaced at the class token alone, else at all tokens.
    """

    def __init__(self, clip: Clip, *, cls: bool) -> None:
        check_tower(clip)
        self.clip = clip
        self.tower = clip.anatomy.vision
        self.cls = cls
        self.n_blocks = len(self.tower.blocks)
        self.n_heads = self.tower.blocks[0].n_heads
        self.d_mlp = self.tower.d_mlp
        self.has_class_token = self.tower.has_class_token and self.tower.pool_token == "cls"
        self._short: bool | None = None
        self._extra: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def name(self, block: int, site: str) -> str:
        """A hook point of the vision tower."""
        return f"vision.blocks.{block}.{site}"

    def acts(self, pixels: Tensor) -> Acts:
        """One forward pass, with what a patch needs of it."""
        import torch

        from clipprobe.hooks import capture

        clip, blocks = self.clip, range(self.n_blocks)
        pool = "cls" if self.cls else "none"
        patterns = [self.name(i, "attn.pattern") for i in blocks] if self.has_class_token else []
        look: Any = capture(clip, patterns, pool="cls") if patterns else nullcontext({})
        with (
            torch.no_grad(),
            capture(clip, [self.name(i, "resid_pre") for i in blocks]) as stream,
            capture(
                clip,
                [self.name(i, site) for i in blocks for site in ("attn.z", "mlp.post")],
                pool=pool,
            ) as units,
            look as looks,
            self._recording() if not self._extra else nullcontext(),
        ):
            unit = clip.image_embeddings(pixels)

        def token(value: Tensor) -> Tensor:
            return value.unsqueeze(1) if self.cls else value

        acts_found = Acts(
            pixels=pixels,
            resid=[stream[self.name(i, "resid_pre")] for i in blocks],
            z=[token(units[self.name(i, "attn.z")]) for i in blocks],
            post=[token(units[self.name(i, "mlp.post")]) for i in blocks],
            pattern=[looks[name] for name in patterns],
            unit=unit,
        )
        if self._short is None:
            self._short = self._agrees(acts_found)
        return acts_found

    def run(
        self,
        own: Acts,
        variants: Sequence[Variant],
        z: Sequence[Tensor],
        post: Sequence[Tensor] = (),
        *,
        cls: bool | None = None,
    ) -> Tensor:
        """Embeddings with each variant's units replaced, ``(n_variants, b, e)``.

        Args:
            z, post: What is put in, by block: as in :class:`Acts`; axes of length 1 are repeated.
            cls: Where units are replaced; by default as this object was made.
        """
        import torch

        from clipprobe.hooks import intervene

        at_cls = self.cls if cls is None else cls
        b = len(own.unit)
        size = max(1, _ROWS // b)
        # Alike starts run together, so that no late variant waits for an early one.
        order = sorted(range(len(variants)), key=lambda i: variants[i].first)
        found: dict[int, Tensor] = {}
        for begin in range(0, len(order), size):
            places = order[begin : begin + size]
            chunk = [variants[i] for i in places]
            start = chunk[0].first
            edits: dict[str, Any] = {}
            for block in range(start, self.n_blocks):
                for site, kind, source in (("attn.z", "heads", z), ("mlp.post", "neurons", post)):
                    changed = [(i, getattr(v, kind)) for i, v in enumerate(chunk)]
                    rows = [(i, units[block]) for i, units in changed if block in units]
                    if rows:
                        change = _swap(rows, source[block], len(chunk), at_cls)
                        edits[self.name(block, site)] = change
            x = own.resid[start].repeat(len(chunk), 1, 1)
            with torch.no_grad(), intervene(self.clip, edits):
                unit = self.finish(x, start, own.pixels)
            for i, rows in zip(places, unit.reshape(len(chunk), b, -1), strict=True):
                found[i] = rows
        return torch.stack([found[i] for i in range(len(variants))])

    def finish(self, x: Tensor, start: int, pixels: Tensor) -> Tensor:
        """Embeddings ``(n, e)`` from the stream ``(n, t, d)`` before block ``start``.

        Args:
            pixels: Of the run that the stream belongs to; ``n`` is a multiple of their number.
        """
        from clipprobe.hooks import intervene

        if self._short is False:
            repeated = pixels.repeat(len(x) // len(pixels), 1, 1, 1)
            with intervene(self.clip, {self.name(start, "resid_pre"): lambda _: x}):
                return self.clip.image_embeddings(repeated)
        return self._tail(x, start)

    def _tail(self, x: Tensor, start: int) -> Tensor:
        from clipprobe.models.vectors import unit

        for index in range(start, self.n_blocks):
            more, keywords = self._extra[index]
            out = self.tower.blocks[index].module(x, *more, **keywords)
            x = out[0] if isinstance(out, tuple) else out
        norm: Any = self.tower.norm_final
        return unit(self.clip.adapter.vision_projected(norm(x[:, 0])))

    @contextmanager
    def _recording(self) -> Iterator[None]:
        """Keeps what each block is called with beside the stream (transformers: an absent mask)."""

        def keep(module: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            if arguments:  # a stream that is given by name leaves nothing to put first
                self._extra.append((arguments[1:], dict(keywords)))

        modules = [block.module for block in self.tower.blocks]
        handles = [one.register_forward_pre_hook(keep, with_kwargs=True) for one in modules]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _agrees(self, acts: Acts) -> bool:
        """Whether a run from the middle gives the embedding of the whole pass."""
        import torch

        if not self.has_class_token or len(self._extra) != self.n_blocks:
            return False
        tensors = [*(value for args, _ in self._extra for value in args)]
        tensors += [value for _, keywords in self._extra for value in keywords.values()]
        if any(isinstance(value, torch.Tensor) for value in tensors):
            return False  # it may belong to the batch that it came with
        with torch.no_grad():
            again = self._tail(acts.resid[self.n_blocks // 2], self.n_blocks // 2)
        return bool(torch.allclose(again, acts.unit, rtol=0, atol=1e-5))


def _swap(
    rows: Sequence[tuple[int, Units]], source: Tensor, n_variants: int, cls: bool
) -> Callable[[Tensor], Tensor]:
    """A change that puts ``source`` into some units of some of the stacked variants."""

    def change(value: Tensor) -> Tensor:
        new = value.view(n_variants, -1, *value.shape[1:])
        for row, units in rows:
            tokens = 0 if cls else slice(None)
            where = units if isinstance(units, slice) else list(units)
            new[row][:, tokens, where] = source[:, tokens, where].to(new)
        return value

    return change
