"""The strip at the top of a page: what it is of, and the same without the app."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qs

from dashboard.address import Address
from dashboard.elements.parts import element

_strip = element("strip", "links")


def strip(
    address: Address,
    *,
    chips: Mapping[str, str],
    steps: Mapping[str, Address] = MappingProxyType({}),
    python: str = "",
    command: str = "",
    json: str = "",
) -> None:
    """Show what a page is of, and buttons that copy its link, and its content as code.

    Args:
        address: The page with everything that it shows.
        chips: Facts by name, such as the model.
        steps: Where to go from here, by name.
        python, command, json: What gives the same; an empty one has no button.

    The parameters of the address also stand in the browser's, whoever set them.
    """
    texts = {"Copy as Python": python, "Copy as command": command, "JSON": json}
    _strip(
        key=f"strip of {address.page}",
        data={
            "link": address.link,
            "kept": parse_qs(address.query, keep_blank_values=True),
            "chips": [[name, value] for name, value in chips.items() if value],
            "steps": [[name, step.link] for name, step in steps.items()],
            "texts": {name: text for name, text in texts.items() if text},
        },
    )
