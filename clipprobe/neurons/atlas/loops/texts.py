"""The loop of a scan over texts.

Texts run in order of their number of tokens, so that nothing is padded, and every batch holds
texts of one length. The order in which inputs arrive changes nothing that an atlas keeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from clipprobe.data import Batch, ImageRecord
from clipprobe.models.activations import text_batches
from clipprobe.neurons.atlas.loops.images import ScanState, Stream
from clipprobe.neurons.atlas.unit import PIECES

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.models import Clip


class TextStream(Stream):
    """Batches of texts through the text tower into the statistics."""

    def __init__(
        self,
        clip: Clip,
        pool: str,
        state: ScanState,
        records: Sequence[ImageRecord],
        numbers: Sequence[int],
        seed: int,
    ) -> None:
        ids = clip.tokenize([record.id for record in records])
        order = [row for rows in text_batches(ids, len(ids)) for row in rows]
        self.tokens = {records[row].id: ids[row] for row in order}
        in_order = [records[row] for row in order], [numbers[row] for row in order]
        super().__init__(clip, pool, state, *in_order, seed)

    def _batches(
        self, records: Sequence[ImageRecord], batch_size: int, workers: int
    ) -> Iterator[Batch[Tensor]]:
        # A resumed scan begins between two batches, so it cuts the rest as the first one did.
        for rows in text_batches([self.tokens[one.id] for one in records], batch_size):
            part = [records[row] for row in rows]
            yield Batch(part, [torch.tensor(self.tokens[one.id]) for one in part], [])

    def with_pieces(self, records: Sequence[ImageRecord]) -> list[ImageRecord]:
        """The records with their tokens as words, so that an atlas can name the one that fired."""
        used = {token for row in self.tokens.values() for token in row}
        words = {token: self.clip.tokens.piece(token) for token in sorted(used)}
        return [
            replace(record, attributes={**record.attributes, PIECES: self._pieces(record, words)})
            for record in records
        ]

    def _pieces(self, record: ImageRecord, words: dict[int, str]) -> str:
        return json.dumps([words[token] for token in self.tokens[record.id]], ensure_ascii=False)
