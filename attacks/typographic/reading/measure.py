"""What one batch of images says about every head and neuron.

All effects are in logits, of the *margin*: the logit of the written word's class minus that of the
true class. Their sum over everything is the change of the margin from the clean to the attacked
image.

* *Attention on ink*: class-token attention on patches with ink, as a share of its attention on all
  patches (the typographic attention score of Dyslexify, arXiv:2508.20570, for any mask).
* *Direct effect*: what a head or neuron writes, read off by the exact decomposition of the logit
  (:mod:`clipprobe.neurons.effects`), attacked minus clean.
* *Causal effect*: activation patching (Heimersheim & Nanda 2024, arXiv:2404.15255). ``to``:
  how much the margin rises when the unit's attacked activation is put into the clean run.
  ``from``: how much it falls when its clean activation is put into the attacked run.
* *Reading*: the same for the attack minus the same for a nonsense word in its place, so what is
  left is not clutter.
* *First-order effect* of neurons: the margin's derivative times the change of the activation, at
  both ends, averaged (attribution patching); it chooses which neurons are patched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from attacks.typographic.reading.pairs import CONDITIONS, Drawer, ImageConditions, PlannedImage
from clipprobe.models import Clip
from clipprobe.tracing import Score
from clipprobe.tracing.contributions import gradients
from clipprobe.tracing.inputs import InputBatch, Inputs
from clipprobe.tracing.parts import TowerParts
from clipprobe.tracing.streams import Streams
from clipprobe.tracing.variants import Acts, Variant
from clipprobe.zeroshot.classes import Classes

Arrays = dict[str, npt.NDArray[Any]]
#: Attacks that units are patched from, in this order along the axis of the arrays.
CONTRASTS = ("attack", "nonsense")
#: Groups of tokens whose stream is patched.
PLACES = ("ink", "other patches", "class token")


class Measurer:
    """Measures batches of one model.

    Args:
        vectors: Unit text vectors of the classes, ``(n_classes, e)``.
        cls: Whether heads and neurons are patched at the class token alone.
    """

    def __init__(
        self,
        clip: Clip,
        drawer: Drawer,
        classes: Classes,
        vectors: npt.NDArray[np.float32],
        *,
        cls: bool,
    ) -> None:
        self.clip = clip
        self.drawer = drawer
        self.classes = classes
        self.vectors = torch.from_numpy(vectors).to(clip.device)
        self.streams = Streams(clip, cls=cls)
        self.parts = TowerParts(clip, "vision", tokens=self.streams.has_class_token)

    def measure(self, images: Sequence[ImageConditions]) -> Arrays:
        """Everything but the exact patching of neurons; each array has ``b`` rows."""
        runs = self.acts(images)
        plan = [one.planned for one in images]
        numbers = self._answers(runs, plan) | self._attention(runs, images) | self._direct(images)
        every = [Variant(heads={i: [h]}) for i in range(self.streams.n_blocks)
                 for h in range(self.streams.n_heads)]  # fmt: skip
        shape = (self.streams.n_blocks, self.streams.n_heads)
        heads = self.patched(runs, plan, every)
        numbers["heads"] = heads.reshape(*heads.shape[:3], *shape)
        numbers["groups"] = self.patched(runs, plan, self._groups())[:, 0]
        numbers["places"] = self._places(runs, images)
        numbers["first_order"] = self._first_order(images)
        return numbers

    def acts(self, images: Sequence[ImageConditions]) -> dict[str, Acts]:
        """A forward pass of every condition."""
        return {kind: self.streams.acts(self.drawer.pixels(images, kind)) for kind in CONDITIONS}

    def margin(self, unit: Tensor, plan: Sequence[PlannedImage]) -> npt.NDArray[np.float64]:
        """Embeddings ``(..., b, e)`` -> margins ``(..., b)`` in logits."""
        margins: npt.NDArray[np.float64] = (
            self._score(plan).of(unit, range(len(plan))).cpu().numpy()
        )
        return margins

    def answers(self, unit: Tensor) -> npt.NDArray[np.intp]:
        """Embeddings ``(n, e)`` -> numbers of the answered classes, ``(n,)``."""
        logits = (unit.float() @ self.vectors.float().T).cpu().numpy() * np.float32(self.clip.scale)
        return self.classes.pick(logits)

    def patched(
        self, runs: dict[str, Acts], plan: Sequence[PlannedImage], variants: Sequence[Variant]
    ) -> npt.NDArray[np.float64]:
        """``(b, contrast, 2, n_variants)``: effects of patching, in the order of CONTRASTS; the
        third axis is ``to`` and ``from``."""
        clean = runs["clean"]
        before = self.margin(clean.unit, plan)
        scores = np.zeros((len(plan), len(CONTRASTS), 2, len(variants)))
        for row, kind in enumerate(CONTRASTS):
            other = runs[kind]
            raised = self.margin(self.streams.run(clean, variants, other.z, other.post), plan)
            lowered = self.margin(self.streams.run(other, variants, clean.z, clean.post), plan)
            scores[:, row, 0] = (raised - before).T
            scores[:, row, 1] = (self.margin(other.unit, plan) - lowered).T
        return scores

    def _score(self, plan: Sequence[PlannedImage]) -> Score:
        target = self.vectors[[one.target for one in plan]].double()
        difference = target - self.vectors[[one.label for one in plan]].double()
        return Score(
            name="the margin", direction=difference.cpu().numpy(), factor=float(self.clip.scale)
        )

    def _answers(self, runs: dict[str, Acts], plan: Sequence[PlannedImage]) -> Arrays:
        return {
            "margin": np.stack([self.margin(runs[kind].unit, plan) for kind in CONDITIONS], axis=1),
            "answer": np.stack([self.answers(runs[kind].unit) for kind in CONDITIONS], axis=1),
        }

    def _attention(self, runs: dict[str, Acts], images: Sequence[ImageConditions]) -> Arrays:
        """``attention (b, condition, block, head)``; NaN without a class token."""
        ink = np.stack([one.ink for one in images])  # b p
        shape = (len(images), len(CONDITIONS), self.streams.n_blocks, self.streams.n_heads)
        shares = np.full(shape, np.nan)
        for column, kind in enumerate(CONDITIONS):
            for block, pattern in enumerate(runs[kind].pattern):
                on_patches = pattern[..., 1:].double().cpu().numpy()  # b h p
                on_ink = (on_patches * ink[:, None]).sum(axis=-1)
                shares[:, column, block] = on_ink / on_patches.sum(axis=-1)
        return {"attention": shares, "ink": ink.mean(axis=1)}

    def _direct(self, images: Sequence[ImageConditions]) -> Arrays:
        """Direct effects, attacked minus clean, and for heads also nonsense minus clean."""
        attack, clean, nonsense = (
            self._direct_of(images, kind) for kind in ("attack", "clean", "nonsense")
        )
        return {
            "direct": np.stack(
                [attack["heads"] - clean["heads"], nonsense["heads"] - clean["heads"]], axis=1
            ),
            "direct_ink": attack["ink"] - clean["ink"],
            "direct_neurons": (attack["neurons"] - clean["neurons"]).astype(np.float32),
            "direct_parts": attack["parts"] - clean["parts"],
            "gap": np.maximum(attack["gap"], clean["gap"]),
        }

    def _direct_of(self, images: Sequence[ImageConditions], kind: str) -> Arrays:
        plan = [one.planned for one in images]
        labels, targets = [one.label for one in plan], [one.target for one in plan]
        used = sorted({*labels, *targets})
        rows = np.arange(len(plan))
        at = [np.array([used.index(i) for i in ids]) for ids in (targets, labels)]

        def margin(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            difference: npt.NDArray[np.float64] = values[rows, at[0]] - values[rows, at[1]]
            return difference

        inputs, batch = self._batch(images, kind)
        state = self.parts.run(inputs, batch, self.vectors[used])
        terms = {name: margin(value) for name, value in self.parts.terms(state).items()}
        heads = np.zeros((len(plan), self.streams.n_blocks, self.streams.n_heads))
        for block in range(self.streams.n_blocks):
            for head in range(self.streams.n_heads):
                heads[:, block, head] = terms[head_name(block, head)]
        mlps = sum(value for name, value in terms.items() if name.endswith(".mlp.out"))
        total = np.sum(list(terms.values()), axis=0)
        parts = [terms["embed"], heads.sum(axis=(1, 2)), mlps]
        parts.append(total - np.sum(parts, axis=0))
        neurons = self.parts.neurons(state)
        through_ink = np.full(heads.shape, np.nan)
        ink = np.stack([one.ink for one in images])
        for block, moved in enumerate(self.parts.moved(state).values()):
            margins = margin(moved)[..., 1:]  # b h p
            through_ink[:, block] = (margins * ink[:, None]).sum(axis=-1)
        sites = sorted(neurons, key=lambda name: int(name.split(".")[2]))  # by block
        return {
            "heads": heads,
            "ink": through_ink,
            "neurons": np.stack([margin(neurons[name]) for name in sites], axis=1)
            if neurons
            else np.zeros((len(plan), self.streams.n_blocks, 0)),
            "parts": np.stack(parts, axis=1),
            "gap": np.abs(total - margin(state.totals)),
        }

    def _groups(self) -> list[Variant]:
        """All heads, all neurons, both; then the heads of each block, the neurons of each block."""
        blocks = range(self.streams.n_blocks)
        heads, neurons = ({i: slice(None) for i in blocks} for _ in range(2))
        single = [Variant(heads={i: slice(None)}) for i in blocks]
        single += [Variant(neurons={i: slice(None)}) for i in blocks]
        both = Variant(heads=heads, neurons=neurons)
        return [Variant(heads=heads), Variant(neurons=neurons), both, *single]

    def _places(
        self, runs: dict[str, Acts], images: Sequence[ImageConditions]
    ) -> npt.NDArray[np.float64]:
        """``(b, 2, block, place)``: the stream before each block, patched at a group of tokens."""
        plan = [one.planned for one in images]
        clean, attack = runs["clean"], runs["attack"]
        ink = torch.from_numpy(np.stack([one.ink for one in images])).to(clean.unit.device)
        first = torch.zeros(len(ink), int(self.streams.has_class_token), dtype=torch.bool)
        first = first.to(ink.device)
        groups = [torch.cat([first, ink], 1), torch.cat([first, ~ink], 1)]
        if self.streams.has_class_token:
            groups.append(torch.cat([~first, torch.zeros_like(ink)], 1))
        shares = np.full((len(plan), 2, self.streams.n_blocks, len(PLACES)), np.nan)
        before, after = self.margin(clean.unit, plan), self.margin(attack.unit, plan)
        for block in range(self.streams.n_blocks):
            own, other = clean.resid[block], attack.resid[block]
            for row, (base, patch) in enumerate(((own, other), (other, own))):
                x = torch.cat([torch.where(group[..., None], patch, base) for group in groups])
                with torch.no_grad():
                    unit = self.streams.finish(
                        x, block, clean.pixels if row == 0 else attack.pixels
                    )
                margins = self.margin(unit.reshape(len(groups), len(plan), -1), plan)
                effects = margins - before if row == 0 else after - margins
                shares[:, row, block, : len(groups)] = effects.T
        return shares

    def _first_order(self, images: Sequence[ImageConditions]) -> npt.NDArray[np.float32]:
        """``(b, block, d_mlp)``: mean of the derivatives at both ends times the change."""
        values, slopes = [], []
        for kind in ("clean", "attack"):
            value, slope = self._slopes(images, kind)
            values.append(value)
            slopes.append(slope)
        change = (values[1] - values[0]) * (slopes[0] + slopes[1]) / 2  # b block t m
        effects: npt.NDArray[np.float32] = change.sum(dim=2).float().cpu().numpy()
        return effects

    def _slopes(self, images: Sequence[ImageConditions], kind: str) -> tuple[Tensor, Tensor]:
        names = [self.streams.name(i, "mlp.post") for i in range(self.streams.n_blocks)]
        inputs, batch = self._batch(images, kind)
        score = self._score([one.planned for one in images])
        acts, [slopes], _ = gradients(inputs, batch, names, [score])
        tokens = slice(1 if self.streams.cls else None)  # the class token's part alone
        return (
            torch.stack([acts[name][:, tokens] for name in names], 1),
            torch.stack([slopes[name][:, tokens] for name in names], 1),
        )

    def _batch(self, images: Sequence[ImageConditions], kind: str) -> tuple[Inputs, InputBatch]:
        values = self.drawer.pixels(images, kind)
        inputs = Inputs(self.clip, "vision", images, len(images))
        return inputs, InputBatch(rows=list(range(len(images))), values=values)


def head_name(block: int, head: int) -> str:
    """Address of a head: what it writes to the stream."""
    return f"vision.blocks.{block}.attn.head_out:{head}"


def neuron_name(block: int, neuron: int) -> str:
    """Address of a neuron."""
    return f"vision.blocks.{block}.mlp.post:{neuron}"
