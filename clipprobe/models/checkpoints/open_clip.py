"""``open_clip:NAME/TAG`` to a :class:`Clip`: configuration, safetensors weights, preprocessing."""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from clipprobe.errors import (
    MissingExtraError,
    UnknownModelError,
    UnsafeWeightsError,
    UnsupportedModelError,
)
from clipprobe.models.checkpoints.weights import (
    check_safetensors,
    full_precision_logits,
    weights_sha256,
)
from clipprobe.models.clip import Clip, Source
from clipprobe.models.families.openclip import OpenClip
from clipprobe.models.preprocess import Preprocess
from clipprobe.models.texts import OpenClipTokens

PRECISION = {
    torch.float32: "fp32",
    torch.float16: "pure_fp16",
    torch.bfloat16: "pure_bf16",
}
RESAMPLE = {"bilinear": 2, "bicubic": 3}
WEIGHTS = "open_clip_model.safetensors"


def load_open_clip(name: str, *, device: torch.device, dtype: torch.dtype, attention: str) -> Clip:
    """Load ``NAME/TAG``, for example ``RN50x4/openai``.

    Raises:
        MissingExtraError: open_clip is not installed.
        UnknownModelError: no such name or tag, or its weights cannot be reached.
        UnsafeWeightsError: the tag has pickled weights only.
        UnsupportedModelError: another class of towers, or QuickGELU where there was none.
    """
    library = import_open_clip()
    architecture, _, tag = name.rpartition("/")
    config = library.get_model_config(architecture) if architecture else None
    weights = library.get_pretrained_cfg(architecture, tag) if config else None
    if not config or not weights:
        raise UnknownModelError(unknown(library, architecture, tag))
    if attention != "sdpa":
        raise UnsupportedModelError(
            f"open_clip models have one attention implementation, and {attention!r} was asked "
            "for: leave attn_implementation at sdpa."
        )
    check_configuration(name, config)
    quick = quick_gelu(library, architecture, tag, config, weights)
    path, commit = fetch(name, weights)
    try:
        module, transform = library.create_model_from_pretrained(
            architecture,
            pretrained=str(path),
            precision=PRECISION[dtype],
            device=device,
            force_quick_gelu=quick,
            image_mean=weights["mean"],
            image_std=weights["std"],
            image_interpolation=weights["interpolation"],
            image_resize_mode=weights["resize_mode"],
        )
    except (RuntimeError, ValueError, KeyError, AssertionError) as error:
        raise UnsupportedModelError(
            f"open_clip cannot load the weights of {name} into {architecture!r} "
            f"({str(error).splitlines()[0] if str(error) else type(error).__name__}): "
            "clear the download from the Hugging Face cache and try again."
        ) from error
    check_architecture(name, module)
    full_precision_logits(module, [path])
    family = OpenClip(module)
    tokenizer = library.get_tokenizer(architecture)
    if not hasattr(tokenizer, "sot_token_id"):
        raise UnsupportedModelError(
            f"open_clip:{name} uses the tokenizer {type(tokenizer).__name__}, which clipprobe "
            "cannot run: use a model with CLIP's own tokenizer."
        )
    return Clip(
        family,
        preprocess=preprocessing(name, family, transform, weights),
        tokens=OpenClipTokens(tokenizer, context=family.context),
        source=Source(
            id=f"open_clip:{name}",
            revision=commit,
            weights_sha256=weights_sha256([path]),
            attention=attention,
        ),
    )


def import_open_clip() -> Any:
    """The library, or the error that says how to install it."""
    try:
        return importlib.import_module("open_clip")
    except ModuleNotFoundError as error:
        raise MissingExtraError("A model named open_clip:NAME/TAG", "openclip") from error
    except (ImportError, RuntimeError) as error:
        # torchvision is built for one torch and fails in its own way beside another.
        raise UnsupportedModelError(
            f"open_clip is installed but cannot be imported ({type(error).__name__}: {error}): "
            "install the torchvision that belongs to this torch."
        ) from error


def unknown(library: Any, architecture: str, tag: str) -> str:
    """What is wrong with a name, and which tags there are."""
    if not architecture:
        return f"open_clip:{tag} names no tag: write open_clip:NAME/TAG, e.g. RN50x4/openai."
    if tags := library.list_pretrained_tags_by_model(architecture):
        return (
            f"open_clip knows {architecture!r}, but not with the tag {tag!r}: "
            f"its tags are {', '.join(tags)}."
        )
    return (
        f"open_clip knows no pretrained model {architecture!r}: "
        "open_clip.list_pretrained() lists them."
    )


def quick_gelu(library: Any, architecture: str, tag: str, config: Any, weights: Any) -> bool:
    """Whether to run QuickGELU; open_clip itself would only warn of a contradiction.

    Raises:
        UnsupportedModelError: configuration and weights contradict each other.
    """
    configured = bool(config.get("quick_gelu", False))
    trained = bool(weights.get("quick_gelu", False))
    if configured == trained or tag == "openai":
        return trained
    other = f"{architecture}-quickgelu" if trained else architecture.removesuffix("-quickgelu")
    advice = f"use open_clip:{other}/{tag}"
    if library.get_model_config(other) is None:
        advice = "use another tag"
    raise UnsupportedModelError(
        f"The weights {tag!r} were trained {'with' if trained else 'without'} QuickGELU, but "
        f"{architecture!r} is configured {'with' if configured else 'without'} it, which would "
        f"silently change every number: {advice}."
    )


def fetch(name: str, weights: Any) -> tuple[Path, str]:
    """The safetensors file of a tag, from the hub or its cache, and its commit."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    repository, _, filename = str(weights.get("hf_hub", "")).rpartition("/")
    if filename:
        stem, _, suffix = filename.rpartition(".")
        filename = f"{stem}.safetensors" if suffix in ("bin", "pt", "pth") else filename
    refused = UnsafeWeightsError(
        f"open_clip:{name} has pickled weights only, which can run code when they are opened and "
        "are never loaded: use another tag, or the same model as a Hugging Face checkpoint."
    )
    if not repository:
        raise refused
    try:
        path = Path(hf_hub_download(repository, filename or WEIGHTS))
    except LocalEntryNotFoundError as error:
        raise UnknownModelError(offline(name, repository)) from error
    except EntryNotFoundError as error:
        raise refused from error
    except OSError as error:
        raise UnknownModelError(offline(name, repository)) from error
    if path.suffix != ".safetensors":
        raise refused
    check_safetensors(path)
    return path, path.parent.name


def offline(name: str, repository: str) -> str:
    """How to get the weights where there is a network."""
    return (
        f"The weights of open_clip:{name} are not in the Hugging Face cache and could not be "
        f"downloaded (no network?): run `hf download {repository}` where there is one and set "
        "HF_HUB_CACHE to that cache, or give a local checkpoint folder."
    )


def check_configuration(name: str, config: Any) -> None:
    """Refuse other towers before their weights are downloaded."""
    foreign = [
        part
        for part, present in (
            ("a vision tower of timm", "timm_model_name" in config.get("vision_cfg", {})),
            ("a text tower of transformers", "hf_model_name" in config.get("text_cfg", {})),
            ("a caption decoder", "multimodal_cfg" in config),
            ("a text tower of another shape", config.get("custom_text", False)),
        )
        if present
    ]
    if foreign:
        raise UnsupportedModelError(
            f"open_clip:{name} has {foreign[0]}, which clipprobe cannot run: use a ResNet or ViT "
            "of open_clip's plain CLIP class, or a Hugging Face checkpoint."
        )


def check_architecture(name: str, module: Any) -> None:
    """Refuse a model whose parts the adapter would misread."""
    visual = module.visual
    if isinstance(visual.image_size, tuple) and len(set(visual.image_size)) > 1:
        raise UnsupportedModelError(
            f"open_clip:{name} reads images of {visual.image_size} pixels, and clipprobe runs "
            "square inputs only: use another model."
        )
    vit = hasattr(visual, "_pool") and getattr(visual, "pool_type", "") in ("tok", "avg")
    if not (hasattr(visual, "attnpool") or vit) or module.text_pool_type not in ("argmax", "eos"):
        raise UnsupportedModelError(
            f"open_clip:{name} pools its {type(visual).__name__} or its texts in a way that "
            "clipprobe cannot run: use another model."
        )


def _transformed(transform: Any, images: list[Image.Image]) -> Tensor:
    return torch.stack([transform(image) for image in images])


def preprocessing(name: str, family: OpenClip, transform: Any, weights: Any) -> Preprocess:
    """open_clip's own evaluation transform, with its twin and inverse."""
    if weights["resize_mode"] not in ("shortest", "squash"):
        raise UnsupportedModelError(
            f"open_clip:{name} pads its images ({weights['resize_mode']}), which clipprobe does "
            "not support: use another model."
        )

    size = family.image_size
    settings = {key: weights[key] for key in ("mean", "std", "interpolation", "resize_mode")}
    return Preprocess(
        partial(_transformed, transform),
        size=size,
        resize_to=size if weights["resize_mode"] == "shortest" else None,
        resample=RESAMPLE[weights["interpolation"]],
        mean=weights["mean"],
        std=weights["std"],
        config={"open_clip": settings, "size": size},
        crop_rounds=True,
    )
