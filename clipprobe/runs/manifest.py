"""``manifest.json``: where a finished run comes from, what is in it, and a hash of all that."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from typing import Any

from clipprobe.runs import jsonio
from clipprobe.version import __version__

SEAL = "manifest_sha256"
version = cache(metadata.version)  # it reads and parses a file each time
_PACKAGES = ("captum", "numpy", "pillow", "pyarrow", "scipy", "torch", "transformers")


def make_manifest(
    config: Mapping[str, Any],
    *,
    provenance: Mapping[str, Any],
    counts: Mapping[str, int],
    failures: Sequence[Mapping[str, str]],
    files: Mapping[str, Any],
    seed: int,
    dataset: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The manifest of a run.

    Args:
        config: The content of ``config.json``.
        files: Name -> size and hash.
    """
    extra = dict(provenance)
    manifest = {
        **{key: config[key] for key in ("format", "schema_version", "kind", "config")},
        "config_sha256": sha256_of_json(config["config"]),
        "seed": seed,
        "model": extra.pop("model", None),
        "versions": {**versions(), **extra.pop("versions", {})},
        "provenance": extra,
        "dataset": dataset,
        "counts": {name: counts.get(name, 0) for name in ("used", "skipped", "failed")},
        "failures": sorted(
            ({"id": item["id"], "reason": item["reason"]} for item in failures),
            key=lambda item: (item["id"], item["reason"]),
        ),
        "files": files,
    }
    return {**manifest, SEAL: sha256_of_json(manifest)}


def broken_seal(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest was changed; one of an older clipprobe has no hash of itself."""
    rest = {key: value for key, value in manifest.items() if key != SEAL}
    return SEAL in manifest and manifest[SEAL] != sha256_of_json(rest)


def sha256_of_json(value: Any) -> str:
    """The hash of a value as JSON, the way every run writes it."""
    return hashlib.sha256(jsonio.dumps(value).encode("utf-8")).hexdigest()


def versions() -> dict[str, str]:
    """Versions of clipprobe, Python and the packages that numbers depend on."""
    table = {"clipprobe": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            table[name] = version(name)
        except (
            metadata.PackageNotFoundError
        ):  # an environment may do without one, for example captum
            continue
    return table
