"""YAML as settings are read: safe, and no key twice.

YAML lets the last of two equal keys win in silence, and then a file says one thing to its reader
and another to the program.
"""

from __future__ import annotations

from typing import Any

import yaml


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            # What `<<` brings in is a default: a key of its own may stand beside it.
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                name = self.construct_object(key, deep=True)
                if name in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {name!r} stands twice: keep one", key.start_mark
                    )
                seen.add(name)
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


def load_yaml(text: str) -> Any:
    """What the text says; no code is run.

    Raises:
        yaml.YAMLError: it is not YAML, or a mapping has a key twice; names the key and the line.
    """
    return yaml.load(text, Loader=_Loader)
