"""A CLIPModel whose reading circuit is built by hand, so that it is known which heads read.

Images are one colour, whose blue is 0; the word is written in white at a fixed place, so blue is
ink. The vision tower's stream holds, by construction: the patch's red and green, its ink (4 x 4
cells), markers of three places, and the evidence for each class (``CLASS``) that the projection
turns into the classes' own text vectors. A large constant pair makes every layer norm nearly the
identity.

* Head 0.0 sees: it looks at a corner, where no ink is, and writes the colour's class.
* The heads of ``READERS`` read: each looks at one ink patch (the class token attends to nothing
  else) and writes evidence for the word whose letters stand there, found by least squares over the
  class names, with nonsense words as examples of nothing. It also writes to the ``WORD``
  dimensions, which the neurons of the last block (``NEURONS``, one a class) copy into ``CLASS``.
* Head 1.0 looks at ink as they do and writes where nothing is read: attention without effect.
* Head 1.2 is clutter: where there is ink it speaks for class 0, whatever is written.
* All other heads look everywhere and write noise that is not read.

Without ``reads`` the readers and neurons write nothing; everything else stays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from clipprobe.testing import checkpoints as tiny

NAMES = ["dog", "cat", "ship", "lamp", "tree", "fish"]
SIDE, PATCH, D, N_HEADS, D_HEAD, N_BLOCKS, D_MLP, D_EMBED = 64, 16, 64, 4, 16, 3, 24, 16
ATTACK = {"size": 0.34, "position": "center", "color": "white", "outline": None}
READERS = {(1, 1): 0, (1, 3): 1, (2, 2): 2}
"""Reading head -> which of the places it looks at."""
NEURONS = [(2, unit) for unit in range(len(NAMES))]
LOOKS, CLUTTER = (1, 0), (1, 2)
PLACES = ((1, 1), (1, 2), (2, 1))
"""Patches, ``(row, column)``, in which every class name has ink."""
CORNER = (0, 0)

C = len(NAMES)
BIG = slice(0, 2)
COLOUR = slice(2, 4)
INK = slice(4, 20)
FIRST = 20
MARKS = slice(21, 25)
CLASS = slice(26, 26 + C)
WORD = slice(33, 33 + C)
WASTE = slice(40, 56)
_CONSTANT = 400.0


def colour(index: int) -> tuple[int, int, int]:
    """The colour of a class: on a circle of red and green."""
    angle = 2 * np.pi * index / C
    return (int(127 + 100 * np.cos(angle)), int(127 + 100 * np.sin(angle)), 0)


def write_pictures(folder: Path, each: int = 8) -> Path:
    """``each`` images a class, in one folder a class; they differ in brightness a little."""
    for index, name in enumerate(NAMES):
        (folder / name).mkdir(parents=True)
        for copy in range(each):
            red, green, blue = colour(index)
            shift = copy - each // 2
            image = Image.new("RGB", (SIDE, SIDE), (red + shift, green - shift, blue))
            image.save(folder / name / f"{copy:02}.png")
    return folder


def save(folder: Path, *, reads: bool) -> Path:
    """Write the checkpoint folder."""
    import clipprobe
    from clipprobe.zeroshot import build_classifier

    model, tokenizer = _model()
    processor = tiny.clip_processor(SIDE)
    # The text tower is random; its class vectors are needed to build the vision tower.
    clip = clipprobe.load(tiny.save(folder / "draft", model, tokenizer, processor, seed=3))
    texts = torch.from_numpy(build_classifier(clip, NAMES)).double()
    with torch.no_grad():
        build(model, texts, reads=reads)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def build(model: Any, texts: torch.Tensor, *, reads: bool) -> None:
    """Set the weights of the vision tower; ``texts`` are the classes' vectors, ``(C, e)``."""
    vision = model.vision_model
    for parameter in vision.parameters():
        parameter.zero_()
    _embedding(vision)
    norms = [vision.pre_layrnorm, vision.post_layernorm]
    for layer in vision.encoder.layers:
        norms += [layer.layer_norm1, layer.layer_norm2]
    for norm in norms:
        # The stream's standard deviation is that of the constant pair.
        norm.weight.fill_(_CONSTANT * (2 / D) ** 0.5)
    projection = torch.zeros(D, D_EMBED, dtype=torch.float64)
    projection[CLASS] = torch.linalg.pinv(texts).T  # evidence -> what the text's own vector reads
    model.visual_projection.weight.copy_(projection.T)
    generator = torch.Generator().manual_seed(5)
    for block in range(N_BLOCKS):
        for head in range(N_HEADS):
            value = torch.randn(D_HEAD, D, generator=generator) * 0.3
            value[:, BIG] = 0
            out = torch.zeros(D, D_HEAD)
            noise = torch.randn(16, D_HEAD, generator=generator) * 0.3
            out[WASTE] = noise - noise.mean(dim=0)  # else the norm's mean would carry it on
            _set(vision, block, head, value=value, out=out)
    _seeing(vision)
    letters = _letters()
    _set(vision, *LOOKS, place=0)
    ink = torch.zeros(D_HEAD, D)
    ink[0, INK] = 1 / 16
    against = torch.zeros(D, D_HEAD)
    against[CLASS.start, 0] = 0.3
    _set(vision, *CLUTTER, value=ink, out=against, place=1)
    for (block, head), place in READERS.items():
        value = torch.zeros(D_HEAD, D)
        value[:C, INK] = letters[place].float()
        out = torch.zeros(D, D_HEAD)
        if reads:
            for index in range(C):
                out[CLASS.start + index, index] = 0.7
                out[WORD.start + index, index] = 1.0
        _set(vision, block, head, value=value, out=out, place=place)
    mlp = vision.encoder.layers[N_BLOCKS - 1].mlp
    for index in range(C):
        mlp.fc1.weight[index, WORD.start + index] = 2.0
        mlp.fc2.weight[CLASS.start + index, index] = 0.3 if reads else 0.0
    mlp.fc1.weight[C:].copy_(torch.randn(D_MLP - C, D, generator=generator) * 0.1)
    mlp.fc1.weight[C:, BIG] = 0
    mlp.fc2.weight[WASTE, C:] = torch.linspace(-0.1, 0.1, 16)[:, None]


def _model() -> tuple[Any, Any]:
    from transformers import CLIPConfig, CLIPModel

    tokenizer = tiny.clip_tokenizer()
    text = {**tiny.clip_text_config(tokenizer), "hidden_act": "quick_gelu"}
    vision = {
        "hidden_size": D,
        "intermediate_size": D_MLP,
        "num_hidden_layers": N_BLOCKS,
        "num_attention_heads": N_HEADS,
        "image_size": SIDE,
        "patch_size": PATCH,
        "projection_dim": D_EMBED,
        "hidden_act": "gelu",
    }
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=D_EMBED)
    return CLIPModel(config), tokenizer


def _embedding(vision: Any) -> None:
    """Patches to colour and ink, in units of 0..1; the processor's mean and scale are undone."""
    from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

    kernel = vision.embeddings.patch_embedding.weight  # d 3 p p
    for channel in range(2):
        kernel[COLOUR.start + channel, channel] = OPENAI_CLIP_STD[channel] / PATCH**2
    cell = PATCH // 4
    for row in range(4):
        for column in range(4):
            where = INK.start + 4 * row + column
            rows, columns = (
                slice(row * cell, (row + 1) * cell),
                slice(column * cell, (column + 1) * cell),
            )
            kernel[where, 2, rows, columns] = OPENAI_CLIP_STD[2] / cell**2
    position = vision.embeddings.position_embedding.weight  # t d
    position[1:, COLOUR] += torch.tensor(OPENAI_CLIP_MEAN[:2]) - 0.5
    position[1:, INK] += OPENAI_CLIP_MEAN[2]
    position[:, 0], position[:, 1] = _CONSTANT, -_CONSTANT
    vision.embeddings.class_embedding[FIRST] = 1.0
    for mark, (row, column) in enumerate((*PLACES, CORNER)):
        position[1 + row * (SIDE // PATCH) + column, MARKS.start + mark] = 1.0


def _set(
    vision: Any,
    block: int,
    head: int,
    *,
    value: torch.Tensor | None = None,
    out: torch.Tensor | None = None,
    place: int | None = None,
) -> None:
    attention = vision.encoder.layers[block].self_attn
    rows = slice(head * D_HEAD, (head + 1) * D_HEAD)
    if value is not None:
        attention.v_proj.weight[rows] = value
    if out is not None:
        attention.out_proj.weight[:, rows] = out
    if place is not None:  # the class token's query meets the key of the marked patch alone
        attention.q_proj.weight[rows.start, FIRST] = 20.0
        attention.k_proj.weight[rows.start, MARKS.start + place] = 20.0


def _seeing(vision: Any) -> None:
    value = torch.zeros(D_HEAD, D)
    value[0, COLOUR.start] = value[1, COLOUR.start + 1] = 1.0
    out = torch.zeros(D, D_HEAD)
    for index in range(C):
        angle = 2 * np.pi * index / C
        out[CLASS.start + index, 0] = 3.0 * np.cos(angle)
        out[CLASS.start + index, 1] = 3.0 * np.sin(angle)
    _set(vision, 0, 0, value=value, out=out, place=len(PLACES))


def cells_of(word: str) -> np.ndarray:
    """The ink of a word as the patches see it, ``(3, 16)``: by place, 0..1."""
    from attacks.typographic import TypographicAttack

    picture = TypographicAttack(word=word, **ATTACK)(Image.new("RGB", (SIDE, SIDE), "black")).image
    blue = np.asarray(picture, float)[..., 2] / 255
    cell = PATCH // 4
    found = []
    for row, column in PLACES:
        patch = blue[row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH]
        found.append(patch.reshape(4, cell, 4, cell).mean(axis=(1, 3)).reshape(-1))
    return np.array(found)


def _letters() -> torch.Tensor:
    """``(3, C, 16)``: by place, what turns ink into evidence for each name."""
    from attacks.typographic import nonsense_word

    words = [cells_of(name) for name in NAMES]
    other = []
    for name in NAMES:
        for copy in range(12):
            made = nonsense_word(name, known=lambda word: word in NAMES, key=("toy", copy))
            assert made is not None
            other.append(cells_of(made))
    found = []
    for place in range(len(PLACES)):
        patterns = np.array([one[place] for one in [*words, *other]])
        wanted = np.zeros((len(patterns), C))
        wanted[:C] = np.eye(C)
        weight = np.where(np.arange(len(patterns)) < C, 3.0, 0.05)[:, None]
        ridge = 0.01 * np.eye(patterns.shape[1])
        left = (patterns * weight).T @ patterns + ridge
        found.append(np.linalg.solve(left, (patterns * weight).T @ wanted).T)
    return torch.from_numpy(np.array(found))
