"""`Edit`: a change to a model as a value.

    edit = Edit({"vision.blocks.3.mlp.post:17": Zero()}, Projection.without(directions))
    with edit.on(clip):                     # in this context only
        clip.encode_images(images)
    audit_typographic(edit.of(clip), ...)   # a model that everything takes in place of a Clip

Parts apply in order at each place of the model: pixels, tokens, activations, embeddings, class
vectors. A part of weights copies the modules; all others share them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from clipprobe.anatomy import listening
from clipprobe.edits.interventions import Interventions
from clipprobe.edits.part import Part, sha256_of
from clipprobe.edits.store import Content, MadeFor, read, to_bytes, write
from clipprobe.errors import ConfigError
from clipprobe.models.network import Network, Note
from clipprobe.origin import Origin, absolute

if TYPE_CHECKING:
    from clipprobe.models import Clip

OPENER = "edited-model"
"""What a stored call opens an edited model with."""


@dataclass(frozen=True, init=False, eq=False)
class Edit:
    """One or more parts, in order; equal where all that they do is equal.

    Args:
        parts: Parts of :mod:`clipprobe.edits`; mappings, which become interventions; other edits.
        name: What reports call it.
        made_for: The checkpoint that it fits; None where any will do that has the shapes.
    Raises:
        ConfigError: no part, something that is not one, or edits for different checkpoints.
    """

    parts: tuple[Part, ...]
    name: str
    made_for: MadeFor | None
    place: Path | None
    """Where it was read from or saved last."""

    def __init__(self, *parts: Any, name: str = "", made_for: MadeFor | None = None) -> None:
        checked: list[Part] = []
        for part in parts:
            if isinstance(part, Edit):
                checked += part.parts
                if part.made_for is not None and made_for not in (None, part.made_for):
                    raise ConfigError(
                        f"The edits were made for different models, {made_for and made_for.id} "
                        f"and {part.made_for.id}: they cannot be one edit."
                    )
                made_for = made_for or part.made_for
            elif isinstance(part, Mapping):
                checked.append(Interventions(part))
            elif isinstance(part, Part):
                checked.append(part)
            else:
                raise ConfigError(
                    f"A {type(part).__name__} is not a part of an edit: give interventions as a "
                    "mapping, or a part of clipprobe.edits."
                )
        if not checked:
            raise ConfigError("An edit needs at least one part.")
        object.__setattr__(self, "parts", tuple(checked))
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "made_for", made_for)
        object.__setattr__(self, "place", None)

    def __repr__(self) -> str:
        return f"Edit({self})"

    def __str__(self) -> str:
        return "; ".join(map(str, self.parts))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Edit) and other.sha256 == self.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __add__(self, other: Edit) -> Edit:
        """This edit, then the other."""
        names = " + ".join(one for one in (self.name, other.name) if one)
        return Edit(self, other, name=names)

    @property
    def sha256(self) -> str:
        """The hash of all that its parts are; its name and model do not count."""
        return hashlib.sha256("".join(map(sha256_of, self.parts)).encode()).hexdigest()

    def fitted_to(self, clip: Clip) -> Self:
        """The same edit, which other checkpoints than this refuse."""
        return self._with(made_for=MadeFor(id=clip.id, weights_sha256=clip.weights_sha256))

    def for_any_model(self) -> Self:
        """The same edit for every model that has the shapes."""
        return self._with(made_for=None)

    def named(self, name: str) -> Self:
        """The same edit under another name."""
        return self._with(name=name)

    def read_from(self, place: str | Path) -> Self:
        """The same edit, with the place where it is stored."""
        return self._with(place=Path(place))

    def _with(self, **fields: Any) -> Self:
        edit = object.__new__(type(self))
        for name in ("parts", "name", "made_for", "place"):
            object.__setattr__(edit, name, fields.get(name, getattr(self, name)))
        return edit

    def save(self, path: str | Path) -> Self:
        """Write it, to one file where the path ends in ``.safetensors``, else to a folder.

        Returns:
            The same edit, with the place where it is stored.
        """
        return self.read_from(write(self._content, path))

    def to_bytes(self) -> bytes:
        """The content of its file; the same edit gives the same bytes."""
        return to_bytes(self._content)

    @property
    def _content(self) -> Content:
        return Content(parts=self.parts, name=self.name, made_for=self.made_for)

    def of(self, clip: Clip) -> Clip:
        """The edited model: every audit and every instrument takes it in place of a Clip.

        It shares the modules of ``clip`` unless the edit changes weights.

        Raises:
            ConfigError: the edit was made for another model, or does not fit this one.
        """
        network = self._onto(clip)
        return clip.running(network)

    @contextmanager
    def on(self, clip: Clip) -> Iterator[Clip]:
        """Edit the model inside the block, for this thread or task only."""
        with listening.overlay(clip, self._onto(clip)):
            yield clip

    def _onto(self, clip: Clip) -> Network:
        if not hasattr(clip, "network"):
            raise ConfigError(
                f"An edit changes a model that clipprobe.load made, not a {type(clip).__name__}."
            )
        network = clip.network
        weights = "" if self.made_for is None else network.weights.sha256(network.module)
        if self.made_for is not None and self.made_for.weights_sha256 != weights:
            name = f" {self.name}" if self.name else ""
            raise ConfigError(
                f"The edit{name} was made for {self.made_for.id} (weights "
                f"{self.made_for.weights_sha256[:12]}…), and {clip.id} has the weights "
                f"{weights[:12]}…: load that model, or take edit.for_any_model() in Python."
            )
        origin = self._origin(network.origin)
        for part in self.parts:
            # A part sees the model as the parts before it leave it.
            network = part.onto(clip.running(network), network)
            note = Note(kind=part.kind, sha256=sha256_of(part), text=str(part))
            network = network.changed(edits=(*network.edits, note))
        return replace(network, origin=origin)

    def _origin(self, known: Origin | None) -> Origin | None:
        """What loads the edited model again; None for an edit that is in no file."""
        if known is None or self.place is None:
            return None
        edits = list(known.arguments["edits"]) if known.opener == OPENER else []
        model = known.arguments["model"] if known.opener == OPENER else dict(known.arguments)
        return Origin(
            opener=OPENER, arguments={"model": model, "edits": [*edits, absolute(self.place)]}
        )


def open_edited(model: Mapping[str, Any], edits: Sequence[str | Path]) -> Clip:
    """A model under the edits of some files, in order.

    Args:
        model: The arguments of :func:`clipprobe.load`.
        edits: Files or folders; read before the model is loaded.
    Raises:
        ConfigError: an edit cannot be read, or is for another model.
    """
    from clipprobe.models import load as load_model

    stored = [load_edit(place) for place in edits]
    clip = load_model(**model)
    for edit in stored:
        clip = edit.of(clip)
    return clip


def load_edit(path: str | Path) -> Edit:
    """Read an edit that :meth:`Edit.save` wrote.

    Raises:
        ConfigError: there is none, it is damaged, or it was written by another version.
    """
    content = read(path)
    edit = Edit(*content.parts, name=content.name, made_for=content.made_for)
    return edit.read_from(path)


load = load_edit
"""``clipprobe.edits.load(path)``."""
