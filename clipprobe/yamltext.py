"""Reading YAML that a user wrote: whatever is wrong with it is one error with a short reason."""

from __future__ import annotations

from typing import Any


def parse_yaml(text: str) -> Any:
    """The content of a YAML text.

    Raises:
        ValueError: it is not valid, nested too deep, or holds a number that is too long; the
            message is a reason on one line, without a full stop.
    """
    import yaml

    try:
        return yaml.safe_load(text)
    except RecursionError:
        raise ValueError("it is nested too deep to be read") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except ValueError:
        raise ValueError("it holds a number or a date that cannot be read") from None
