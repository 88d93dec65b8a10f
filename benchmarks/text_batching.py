"""Encoding texts without padding, beginnings computed once, against padding them to 77 tokens.

The text tower of ViT-B/32 (width 512, 12 layers), weights drawn at random: speed does not depend on
them. The texts are class names put into templates: some templates with many classes each, because
what a shared beginning saves grows with the texts that share it. Padding is what OpenAI's notebook
and most scripts do, 80 texts (one class) at a time; a second baseline pads with the batch size that
is fastest on this kind of machine, so that the gain is not that of a better batch size. A padded
text costs the same whatever it says, so the baselines are timed on fewer texts.

All ways take turns within one process; each round gives one ratio of processor time per text
(processor time, because other work on the machine would show in wall time); reported are the
median ratio and its range, of the slower way by each of the two ways without padding.

    python benchmarks/text_batching.py [--prompts FOLDER] [--classes 400] [--templates 8]

``--prompts FOLDER`` reads OpenAI's class names, templates and byte-pair vocabulary
(imagenet_classes_templates.json, bpe_simple_vocab_16e6.txt.gz); without it a built-in sample and a
tokenizer of whole words are used, whose texts have about the same lengths.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clipprobe.models.clip import Clip, Source
from clipprobe.models.families.hf_clip import HFClip
from clipprobe.models.prefixed import encode_groups
from clipprobe.models.preprocess import Preprocess
from clipprobe.models.texts import HFTokens

CONTEXT, START, END = 77, 49406, 49407
NOUNS = (
    "apple bridge candle dog engine ferry guitar house island jacket kettle lamp "
    "map needle owl piano rabbit spoon"
).split()
KINDS = ["", "small ", "old wooden ", "red "]
TEMPLATES = [
    "a {}.",
    "a photo of a {}.",
    "a bad photo of the {}.",
    "a photo of many {}.",
    "a close photo of the small {}.",
    "one of the many {}.",
    "this picture shows a {}.",
    "a drawing of a {} made with a pencil.",
    "the {} that I saw on the way.",
    "a dark photo of a {}.",
]


class WordTokens:
    """One token per word or mark; stands in for byte pairs where there is no vocabulary."""

    context = CONTEXT

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        known: dict[str, int] = {}
        rows = []
        for text in texts:
            words = re.findall(r"\w+|[^\w\s]", text)
            rows.append([START, *(known.setdefault(w, len(known) + 1) for w in words), END])
        return rows


def openai_tokens(path: Path) -> HFTokens:
    """CLIP's tokenizer from OpenAI's vocabulary file."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    lines = gzip.open(path, "rt", encoding="utf-8").read().split("\n")[1 : 49152 - 256 - 2 + 1]
    # Bytes in OpenAI's order: the printable ones first.
    symbols = sorted(ByteLevel.alphabet())
    merges = [tuple(line.split()) for line in lines]
    special = ["<|startoftext|>", "<|endoftext|>"]
    words = [*symbols, *(f"{s}</w>" for s in symbols), *("".join(m) for m in merges), *special]
    vocab = {word: i for i, word in enumerate(words)}
    tokenizer = CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=CONTEXT)
    return HFTokens(tokenizer, context=CONTEXT)


def sample(prompts: Path | None, n_classes: int, n_templates: int) -> tuple[list[list[str]], Any]:
    """The texts of each template, and what tokenizes them."""
    if prompts is None:
        names, templates = [kind + noun for kind in KINDS for noun in NOUNS], TEMPLATES
        tokens: Any = WordTokens()
    else:
        file = prompts / "imagenet_classes_templates.json"
        data = json.loads(file.read_text(encoding="utf-8"))
        names, templates = data["imagenet_classes"], data["imagenet_templates"]
        tokens = openai_tokens(prompts / "bpe_simple_vocab_16e6.txt.gz")
    rng = np.random.default_rng(0)  # from all of them, so that their lengths are spread as there
    names = [names[i] for i in sorted(rng.permutation(len(names))[:n_classes])]
    templates = [templates[i] for i in sorted(rng.permutation(len(templates))[:n_templates])]
    return [[t.replace("{}", n) for n in names] for t in templates], tokens


def vit_b32_texts(tokens: Any) -> Clip:
    """A CLIP with ViT-B/32's text tower and hardly any vision tower."""
    from transformers import CLIPConfig, CLIPModel

    text = {"bos_token_id": START, "eos_token_id": END, "pad_token_id": END}
    vision = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "image_size": 32,
        "patch_size": 32,
    }
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=512))
    nothing = Preprocess(
        lambda images: torch.zeros(len(images), 3, 32, 32),
        size=32,
        resize_to=None,
        resample=3,
        mean=(0, 0, 0),
        std=(1, 1, 1),
        config={},
    )
    source = Source(id="random", revision=None, weights_sha256="", attention="sdpa")
    return Clip(HFClip(model), preprocess=nothing, tokens=tokens, source=source)


def padded(clip: Clip, texts: Sequence[str], batch_size: int) -> np.ndarray:
    """Every text padded to the context with the end token, as CLIP's tokenizer does."""
    rows = [row + [END] * (CONTEXT - len(row)) for row in clip.tokenize(texts)]
    parts = []
    with torch.no_grad():
        for start in range(0, len(rows), batch_size):
            batch = torch.tensor(rows[start : start + batch_size])
            parts.append(clip.text_embeddings(batch).numpy())
    return np.concatenate(parts)


def main() -> None:
    """Measure, print a table, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--prompts", type=Path)
    parser.add_argument("--classes", type=int, default=400)
    parser.add_argument("--templates", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    groups, tokens = sample(options.prompts, options.classes, options.templates)
    texts = [text for group in groups for text in group]
    clip = vit_b32_texts(tokens)
    lengths = [len(row) for row in clip.tokenize(texts)]
    few = [texts[i] for i in np.random.default_rng(1).choice(len(texts), 80, replace=False)]
    ways: dict[str, tuple[Callable[[], np.ndarray], int]] = {
        "padded to 77, 80 at a time": (lambda: padded(clip, few, 80), len(few)),
        "padded to 77, 16 at a time": (lambda: padded(clip, few, 16), len(few)),
        "groups of equal length": (lambda: clip.encode_texts(texts), len(texts)),
        "beginnings computed once": (
            lambda: np.concatenate(encode_groups(clip, groups)),
            len(texts),
        ),
    }
    own = list(ways)[2:]
    ours = dict(zip(texts, ways[own[1]][0](), strict=True))
    reference = padded(clip, few, 16)
    difference = max(
        float(np.abs(reference - clip.encode_texts(few)).max()),
        float(np.abs(reference - np.stack([ours[text] for text in few])).max()),
    )
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(options.rounds):
        for way, (run, n) in ways.items():
            start = time.process_time()
            run()
            seconds[way].append((time.process_time() - start) / n)
    gains = {
        way: {mine: [a / b for a, b in zip(values, seconds[mine], strict=True)] for mine in own}
        for way, values in seconds.items()
    }
    data = {
        "texts": len(texts),
        "mean_tokens": statistics.mean(lengths),
        "threads": torch.get_num_threads(),
        "rounds": options.rounds,
        "largest_difference": difference,
        "ways": {
            way: {
                "ms_per_text": 1e3 * statistics.median(seconds[way]),
                "times_slower": {
                    mine: [statistics.median(values), min(values), max(values)]
                    for mine, values in gains[way].items()
                },
            }
            for way in ways
        },
    }
    print(f"{len(texts)} texts of {data['mean_tokens']:.1f} tokens, {options.rounds} rounds")
    for way, row in data["ways"].items():
        slower = "; ".join(
            f"{middle:.2f} ({low:.2f}-{high:.2f}) times {mine}"
            for mine, (middle, low, high) in row["times_slower"].items()
        )
        print(f"{way:<28}{row['ms_per_text']:>7.2f} ms/text   {slower}")
    print(f"largest difference of the unit vectors: {difference:.1e}")
    if options.json is not None:
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    if difference > 1e-6:
        raise SystemExit("the vectors differ by more than 1e-6")


if __name__ == "__main__":
    main()
