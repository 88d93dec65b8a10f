"""The file that ``--config`` names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipprobe.errors import ConfigError


def read_mapping(path: Path) -> dict[str, Any]:
    """A YAML file that maps settings to values; no setting stands in it twice.

    Raises:
        ConfigError: the file cannot be read, or is not a mapping.
    """
    from clipprobe.yamltext import parse_yaml

    try:
        loaded = parse_yaml(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"The config file {path} could not be read ({reason}).") from None
    except ValueError as error:
        raise ConfigError(f"The config file {path} is not valid YAML: {error}.") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, Mapping):
        raise ConfigError(
            f"The config file {path} holds a {type(loaded).__name__}: it must be a mapping of "
            "settings to values."
        )
    return dict(loaded)
