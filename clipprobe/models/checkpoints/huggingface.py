"""A Hugging Face checkpoint folder to a :class:`Clip`, refusing what would load wrongly.

Nothing here is lenient, because the library underneath is: weights that are missing are drawn at
random, a missing tokenizer becomes an empty one, and an end token that the configuration names
wrongly makes every text pool its first position. Each of these is an error that names what was
found. Code from a checkpoint is never run (``trust_remote_code`` stays off).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from clipprobe.errors import UnsupportedModelError
from clipprobe.models.checkpoints.processors import from_processor
from clipprobe.models.checkpoints.weights import (
    check_size,
    check_weights,
    full_precision_logits,
    weights_sha256,
)
from clipprobe.models.clip import Clip, Source
from clipprobe.models.families import HF_FAMILIES, Family, HFFamily
from clipprobe.models.texts import HFTokens

# The settings that `quiet` changes are global: two threads would restore each other's.
_QUIET = threading.RLock()
TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)


def load_folder(
    folder: Path,
    *,
    name: str,
    revision: str | None,
    device: torch.device,
    dtype: torch.dtype,
    attention: str,
) -> Clip:
    """Load a checkpoint folder as ``save_pretrained`` writes it.

    Raises:
        UnsafeWeightsError, UnsupportedModelError: see the module.
    """
    kind = read_family(folder)
    files = check_weights(folder)
    check_size(folder, json.loads((folder / "config.json").read_text(encoding="utf-8")), files)
    with quiet():
        # The model first: the others read its configuration too and would be blamed for it.
        module = load_module(folder, kind, dtype=dtype, attention=attention)
        tokenizer = load_tokenizer(folder)
        processor = load_processor(folder)
    full_precision_logits(module, files)
    masks = "attention_mask" in tokenizer.model_input_names
    family = kind.adapter(module.to(device), pad_id=tokenizer.pad_token_id if masks else None)
    tokens = HFTokens(tokenizer, context=family.context, pad_to_context=kind.pad_to_context)
    check_tokens(folder, family, tokens)
    preprocess = from_processor(processor, size=family.image_size)
    return Clip(
        family,
        preprocess=preprocess,
        tokens=tokens,
        source=Source(
            id=name, revision=revision, weights_sha256=weights_sha256(files), attention=attention
        ),
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' progress bars and reports: what matters becomes an error here."""
    from transformers.utils import logging

    with _QUIET:
        level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity(logging.CRITICAL)
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()


def read_family(folder: Path) -> HFFamily:
    """Which family the folder's ``config.json`` names."""
    path = folder / "config.json"
    if not path.is_file():
        raise UnsupportedModelError(
            f"{folder} has no config.json, so it is not a Hugging Face checkpoint: give the folder "
            "that save_pretrained or `hf download` wrote."
        )
    try:
        kind = json.loads(path.read_text(encoding="utf-8")).get("model_type")
    except (ValueError, AttributeError) as error:
        raise UnsupportedModelError(
            f"{path} is not a JSON object, so the checkpoint is damaged: download it again."
        ) from error
    if kind not in HF_FAMILIES:
        raise UnsupportedModelError(
            f"{folder} holds a model of type {kind!r}, which clipprobe cannot run: supported are "
            f"{', '.join(sorted(HF_FAMILIES))}."
        )
    return HF_FAMILIES[kind]


def load_module(folder: Path, kind: HFFamily, *, dtype: torch.dtype, attention: str) -> Any:
    """The transformers model, every weight of it taken from the folder's safetensors."""
    import transformers

    model_class = getattr(transformers, kind.model_class, None)
    if model_class is None:
        raise UnsupportedModelError(
            f"transformers {transformers.__version__} has no {kind.model_class}: upgrade it with "
            "pip install -U transformers."
        )
    try:
        module, info = model_class.from_pretrained(
            folder,
            dtype=dtype,
            attn_implementation=attention,
            use_safetensors=True,
            local_files_only=True,
            # Reported by name below; transformers' own error names none.
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except Exception as error:  # configurations fail in every way there is
        raise UnsupportedModelError(
            f"{folder} cannot be built as {kind.model_class} ({first_line(error)}): its "
            "config.json is wrong for this architecture; download it again."
        ) from error
    check_keys(folder, module, info)
    return module


def check_keys(folder: Path, module: torch.nn.Module, info: dict[str, Any]) -> None:
    """Refuse weights that transformers had to invent or left unused."""
    # Old checkpoints store position_ids, which are constants; buffers are not weights.
    constants = {name for name, _ in module.named_buffers()}
    mismatched = {key if isinstance(key, str) else key[0] for key in info["mismatched_keys"]}
    wrong = (
        ("in another shape than config.json says", mismatched),
        ("missing", set(info["missing_keys"]) - mismatched),
        ("unknown to this architecture", set(info["unexpected_keys"]) - constants),
    )
    for what, names in wrong:
        if names:
            keys = sorted(names)
            more = f" and {len(keys) - 4} more" if len(keys) > 4 else ""
            raise UnsupportedModelError(
                f"{folder} would not load as it was trained: the weights "
                f"{', '.join(keys[:4])}{more} are {what}; use a complete checkpoint whose "
                "config.json belongs to it."
            )


def load_tokenizer(folder: Path) -> Any:
    """The folder's tokenizer."""
    from transformers import AutoTokenizer

    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        # transformers would go on with a tokenizer that knows two tokens.
        raise UnsupportedModelError(
            f"{folder} has no tokenizer (none of {', '.join(TOKENIZER_FILES)}): copy the "
            "tokenizer files of the original model into it."
        )
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # every tokenizer class fails in its own way
        raise UnsupportedModelError(
            f"The tokenizer of {folder} cannot be read ({first_line(error)}): copy the tokenizer "
            "files of the original model into it."
        ) from error


def load_processor(folder: Path) -> Any:
    """The folder's image processor, on the Pillow backend whatever is installed."""
    from transformers import AutoImageProcessor

    try:
        return AutoImageProcessor.from_pretrained(
            folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # see load_tokenizer
        raise UnsupportedModelError(
            f"{folder} has no readable image processor: copy the preprocessor_config.json of the "
            "original model into it."
        ) from error


def check_tokens(folder: Path, family: Family, tokens: HFTokens) -> None:
    """Prove on one text that the tokenizer's ids fit the tower and mark what it pools."""
    ids = tokens(["a photo"])
    # Without added tokens: some checkpoints add a mask token that no text ever produces.
    if tokens.tokenizer.vocab_size > family.n_tokens:
        raise UnsupportedModelError(
            f"The tokenizer of {folder} knows {tokens.tokenizer.vocab_size} tokens, but the model "
            f"has {family.n_tokens}: use the tokenizer that belongs to the model."
        )
    if family.anatomy().text.pool_token != "eos":
        return
    pooled = ids[0][int(family.pool_positions(torch.tensor(ids))[0])]
    if pooled != tokens.tokenizer.eos_token_id:
        raise UnsupportedModelError(
            f"{folder} would pool token {pooled} of each text, not the end token "
            f"{tokens.tokenizer.eos_token_id} that its tokenizer writes: correct eos_token_id in "
            "the text_config of its config.json."
        )


def first_line(error: Exception) -> str:
    """The start of an exception's message, or its type."""
    lines = str(error).strip().splitlines()
    text = lines[0].strip().rstrip(".:") if lines else ""
    return f"{type(error).__name__}: {text}"[:200] if text else type(error).__name__
