"""YAML that a user wrote: safe, no key twice, and whatever is wrong is one short reason.

YAML lets the last of two equal keys win in silence, and then a file says one thing to its reader
and another to the program.
"""

from __future__ import annotations

from typing import Any

import yaml


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        earlier = set()
        for key, _ in node.value:
            # What `<<` brings in is a default: a key of its own may stand beside it.
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                name = self.construct_object(key, deep=True)
                if name in earlier:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {name!r} stands twice: keep one", key.start_mark
                    )
                earlier.add(name)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def parse_yaml(text: str) -> Any:
    """The content of a YAML text; no code is run.

    Raises:
        ValueError: it is not valid, has a key twice (names the key and the line), is nested too
            deep, or holds a number that is too long; the message is a reason on one line, without
            a full stop.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except RecursionError:
        raise ValueError("it is nested too deep to be read") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1})" if mark else ""
        raise ValueError(f"{error.problem or error.context}{where}") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except ValueError:
        raise ValueError("it holds a number or a date that cannot be read") from None
