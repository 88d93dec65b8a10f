"""The six protocols of the field, with their published rows: ``assets/typographic/protocols.json``.

Every entry was read in its source; numbers that could not be checked there, and do not follow from
it by arithmetic, are not in it. The templates of SCAM are the first 32 of the 80 that OpenAI
published for ImageNet; the rows of Dyslexify are the undefended models: what is published after the
defence minus its gain. A row is tied to names that clipprobe loads only where the source says which
weights it used.
"""

from __future__ import annotations

from importlib import resources

from pydantic import TypeAdapter

from attacks.typographic.protocols.record import Protocol
from clipprobe.errors import UnknownMethodError, nearest

_FILE = resources.files("clipprobe") / "assets" / "typographic" / "protocols.json"

PROTOCOLS: dict[str, Protocol] = {
    item.name: item for item in TypeAdapter(tuple[Protocol, ...]).validate_json(_FILE.read_bytes())
}


def protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        UnknownMethodError: there is none; the message lists them.
    """
    known = PROTOCOLS.get(str(name).replace("-", "_").lower())
    if known is None:
        raise UnknownMethodError(
            f"The protocol {name!r} is unknown: {nearest(str(name), PROTOCOLS)}"
        )
    return known
