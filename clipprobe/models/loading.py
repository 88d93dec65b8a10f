"""From a name to a :class:`Clip`, refusing what would load wrongly or unsafely.

Nothing here is lenient: weights that are missing (transformers would draw them at random),
surplus or of another shape, pickled weights, a tokenizer that disagrees with the text tower and an
image processor that disagrees with the vision tower are errors that name what was found.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from clipprobe.errors import ConfigError, UnknownModelError, UnsupportedModelError
from clipprobe.models.bundled import BUNDLED_NAME, bundled_folder
from clipprobe.models.clip import Clip, Source
from clipprobe.models.families import HF_FAMILIES, Family, HFFamily
from clipprobe.models.preprocess import Preprocess, from_processor
from clipprobe.models.texts import HFTokens
from clipprobe.models.weights import check_weights, weights_sha256

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
ATTENTION = ("sdpa", "eager")


def load(
    model: str | Path | None = None,
    *,
    revision: str | None = None,
    device: str = "auto",
    dtype: str = "float32",
    attn_implementation: str = "sdpa",
) -> Clip:
    """Load a CLIP-like model.

    Args:
        model: None for the bundled checkpoint; a checkpoint folder; a Hugging Face id; or
            ``open_clip:NAME/TAG`` (extra ``openclip``).
        revision: Branch, tag or commit of a Hugging Face id.
        device: ``auto`` (cuda, else mps, else cpu) or a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``; outputs are float32 in any case.
        attn_implementation: ``sdpa`` or ``eager``.
    Raises:
        UnknownModelError: nothing of that name can be reached.
        UnsafeWeightsError: the checkpoint has pickled weights only.
        UnsupportedModelError: the checkpoint was read but cannot be run faithfully.
        MissingExtraError: ``open_clip:`` without the extra.
        ConfigError: an unknown device, dtype or attention implementation.
    """
    place = resolve_device(device)
    if dtype not in DTYPES:
        raise ConfigError(f"The dtype {dtype!r} is not one of {', '.join(DTYPES)}.")
    if attn_implementation not in ATTENTION:
        raise ConfigError(
            f"The attention implementation {attn_implementation!r} is not one of "
            f"{', '.join(ATTENTION)}."
        )
    if model is None:
        folder, name, commit = bundled_folder(), BUNDLED_NAME, None
    else:
        folder, name, commit = local_folder(model)
    return load_folder(
        folder,
        name=name,
        revision=commit,
        device=place,
        dtype=DTYPES[dtype],
        attention=attn_implementation,
    )


def resolve_device(device: str) -> torch.device:
    """The torch device of that name, or the best one for ``auto``.

    Raises:
        ConfigError: no such device here.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(
            f"The device {device!r} cannot be used here: give auto, cpu, or a device that this "
            "torch installation supports."
        ) from error
    return found


def local_folder(model: str | Path) -> tuple[Path, str, str | None]:
    """The checkpoint folder of that path, its display name, and no revision."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder, folder.resolve().name, None
    raise UnknownModelError(f"There is no checkpoint folder {str(model)!r}.")


def load_folder(
    folder: Path,
    *,
    name: str,
    revision: str | None,
    device: torch.device,
    dtype: torch.dtype,
    attention: str,
) -> Clip:
    """Load a Hugging Face checkpoint folder."""
    kind = read_family(folder)
    files = check_weights(folder)
    module = load_module(folder, kind, dtype=dtype, attention=attention).to(device)
    family = kind.adapter(module)
    tokens = load_tokens(folder, kind, family)
    preprocess = load_preprocess(folder, family)
    source = Source(
        id=name, revision=revision, weights_sha256=weights_sha256(files), attention=attention
    )
    return Clip(family, preprocess=preprocess, tokens=tokens, source=source)


def read_family(folder: Path) -> HFFamily:
    """Which family the folder's ``config.json`` names."""
    path = folder / "config.json"
    if not path.is_file():
        raise UnsupportedModelError(
            f"{folder} has no config.json, so it is not a Hugging Face checkpoint: give the folder "
            "that save_pretrained wrote."
        )
    try:
        kind = json.loads(path.read_text(encoding="utf-8")).get("model_type")
    except (ValueError, AttributeError) as error:
        raise UnsupportedModelError(
            f"{path} is not a JSON object, so the checkpoint is damaged: download it again."
        ) from error
    if kind not in HF_FAMILIES:
        raise UnsupportedModelError(
            f"{folder} holds a model of type {kind!r}, which has no adapter: supported are "
            f"{', '.join(sorted(HF_FAMILIES))}."
        )
    return HF_FAMILIES[kind]


def load_module(folder: Path, kind: HFFamily, *, dtype: torch.dtype, attention: str) -> Any:
    """The transformers model with every weight taken from the folder's safetensors."""
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
            output_loading_info=True,
        )
    except (RuntimeError, ValueError, OSError, TypeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UnsupportedModelError(
            f"{folder} could not be loaded as {kind.model_class} ({first}): config.json and "
            "weights do not belong together, or one of them is damaged."
        ) from error
    check_keys(folder, module, info)
    return module


def check_keys(folder: Path, module: torch.nn.Module, info: dict[str, Any]) -> None:
    """Refuse weights that transformers had to invent or left unused."""
    # Old checkpoints store position_ids, which are constants and no longer saved.
    constants = {name for name, _ in module.named_buffers()}
    found = {
        "lacks": sorted(info["missing_keys"]),
        "holds, but the architecture does not know,": sorted(
            set(info["unexpected_keys"]) - constants
        ),
        "holds in another shape": sorted(str(key) for key in info["mismatched_keys"]),
    }
    for what, keys in found.items():
        if keys:
            more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
            raise UnsupportedModelError(
                f"The weights of {folder} cannot be trusted, because the file {what} "
                f"{', '.join(keys[:5])}{more}: use a complete checkpoint of this architecture."
            )


def load_tokens(folder: Path, kind: HFFamily, family: Family) -> HFTokens:
    """The folder's tokenizer, proven to mark the position that the text tower pools."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return HFTokens(tokenizer, context=family.context, pad_to_context=kind.pad_to_context)


def load_preprocess(folder: Path, family: Family) -> Preprocess:
    """The folder's image processor, on the Pillow backend whatever is installed."""
    from transformers import AutoImageProcessor

    processor = AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
    return from_processor(processor, size=family.image_size)
