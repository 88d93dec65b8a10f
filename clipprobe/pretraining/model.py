"""A new CLIP to train: its shape, its tokenizer and its image processor.

A plain Hugging Face ``CLIPModel`` (Radford et al. 2021, arXiv:2103.00020): ViT and causal text
transformer, pooled at the class token and at the end token.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START, END = "<|startoftext|>", "<|endoftext|>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a CLIP."""

    image_px: int = 64
    patch_px: int = 8
    vision_width: int = 192
    vision_blocks: int = 6
    text_width: int = 128
    text_blocks: int = 3
    d_head: int = 32
    d_embed: int = 128
    vocabulary: int = 1600
    context: int = 77
    activation: str = "gelu"
    """Of the MLPs. GELU as in open_clip's own models; QuickGELU is slower on a CPU."""


def build_tokenizer(texts: Iterable[str], vocabulary: int) -> Any:
    """Learn a byte-level BPE like CLIP's from ``texts`` and return a ``CLIPTokenizer``.

    Any text can be tokenised: unseen words fall apart into bytes.
    """
    import json

    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=END))
    bpe.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(
                Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"),
                behavior="removed",
                invert=True,
            ),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(alphabet) - 2,
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    learned = json.loads(bpe.to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in learned["merges"]]
    # The trainer keeps only the word ends it saw; every byte must also be able to end a word.
    tokens = sorted({*learned["vocab"], *alphabet, *(f"{byte}</w>" for byte in alphabet)})
    vocab = {token: index for index, token in enumerate([*tokens, START, END])}
    return CLIPTokenizer(
        vocab=vocab,
        merges=merges,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        unk_token=END,
        model_max_length=77,
    )


def build_processor(tokenizer: Any, shape: Shape) -> Any:
    """The ``CLIPProcessor`` that ships beside the weights."""
    from transformers import CLIPProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    size = {"height": shape.image_px, "width": shape.image_px}
    images = CLIPImageProcessorPil(size={"shortest_edge": shape.image_px}, crop_size=size)
    return CLIPProcessor(image_processor=images, tokenizer=tokenizer)


def build_model(shape: Shape, tokenizer: Any, seed: int) -> Any:
    """A ``CLIPModel`` with random weights drawn from ``seed``; global random state is restored."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    special = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = CLIPConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": shape.text_width,
            "intermediate_size": 4 * shape.text_width,
            "num_hidden_layers": shape.text_blocks,
            "num_attention_heads": shape.text_width // shape.d_head,
            "max_position_embeddings": shape.context,
            "projection_dim": shape.d_embed,
            "hidden_act": shape.activation,
            **special,
        },
        vision_config={
            "hidden_size": shape.vision_width,
            "intermediate_size": 4 * shape.vision_width,
            "num_hidden_layers": shape.vision_blocks,
            "num_attention_heads": shape.vision_width // shape.d_head,
            "image_size": shape.image_px,
            "patch_size": shape.patch_px,
            "projection_dim": shape.d_embed,
            "hidden_act": shape.activation,
        },
        projection_dim=shape.d_embed,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CLIPModel(config)


def open_model(folder: Path) -> tuple[Any, Any]:
    """The ``CLIPModel`` and ``CLIPTokenizer`` of a checkpoint folder, in float32."""
    import torch
    from transformers import CLIPModel, CLIPTokenizer

    model = CLIPModel.from_pretrained(folder, dtype=torch.float32)
    return model, CLIPTokenizer.from_pretrained(folder)
