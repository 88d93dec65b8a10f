"""Fetching a checkpoint from the Hugging Face hub, into and from its cache.

huggingface_hub does the work, so ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_TOKEN``, ``HF_ENDPOINT`` and
``HF_HUB_OFFLINE`` mean what they mean everywhere; without a network a cached snapshot is used.
"""

from __future__ import annotations

import re
from pathlib import Path

from clipprobe.errors import UnknownModelError, UnsafeWeightsError
from clipprobe.models.checkpoints.weights import conversion_command, has_safetensors

# Only what loading reads: some repositories also hold the weights for three other libraries.
PATTERNS = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer*",
    "vocab*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "spiece.model",
    "sentencepiece*",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*-of-*.safetensors",
)
_NAME = r"[A-Za-z0-9][\w.-]*"


def is_hub_id(model: str) -> bool:
    """Whether it is written like ``name`` or ``owner/name``."""
    return re.fullmatch(rf"{_NAME}(/{_NAME})?", model) is not None


def fetch(model: str, revision: str | None) -> tuple[Path, str]:
    """The snapshot folder and the commit of a hub model.

    Raises:
        UnknownModelError: no such repository or revision, no access, or no network and nothing
            in the cache.
        UnsafeWeightsError: the repository has pickled weights only.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        folder = Path(snapshot_download(model, revision=revision, allow_patterns=list(PATTERNS)))
    except GatedRepoError as error:
        raise UnknownModelError(
            f"The hub model {model!r} is gated: ask for access on its page and log in with "
            "`hf auth login`."
        ) from error
    except RevisionNotFoundError as error:
        raise UnknownModelError(
            f"The hub model {model!r} has no revision {revision!r}: give a branch, tag or commit "
            "that its page lists."
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise UnknownModelError(
            f"{model!r} is neither a folder here nor a model on the Hugging Face hub that you "
            "may read: check the name, or log in with `hf auth login` if it is private."
        ) from error
    except Exception as error:  # offline, no network, time-outs: each layer has its own
        at = f" --revision {revision}" if revision else ""
        raise UnknownModelError(
            f"{model!r} is not a folder here, is not in the Hugging Face cache, and could not be "
            f"downloaded ({type(error).__name__}; no network?): fetch it where there is one with "
            f"`hf download {model}{at} --local-dir FOLDER` and give that folder."
        ) from error
    if not has_safetensors(folder):
        _refuse_pickles(model, revision)
    return folder, folder.name


def _refuse_pickles(model: str, revision: str | None) -> None:
    """Raise if the repository's only weights are pickles, which `fetch` leaves on the hub."""
    from huggingface_hub import HfApi

    try:
        files = HfApi().list_repo_files(model, revision=revision)
    except Exception:  # offline: the folder's own check says what is missing
        return
    if any(re.fullmatch(r"pytorch_model.*\.bin", name) for name in files):
        target = Path(model.rsplit("/", 1)[-1])
        raise UnsafeWeightsError(
            f"The hub model {model!r} has pickled weights only, which can run code when they are "
            f"opened and are never loaded: convert it once, then give the folder {target}, with "
            "this command, which needs torch 2.6 or newer (CVE-2025-32434), reads tensors and "
            "refuses everything else: "
            f"hf download {model} --local-dir {target} && {conversion_command(target)}"
        )
