"""What an audit can start from: labels of the images, and images, embeddings or predictions.

Labels (:mod:`~attacks.bias.inputs.labels`) say how annotators perceived each image. The answers
come by one of three ways that give the same numbers: images, a file of their embeddings
(:mod:`~attacks.bias.inputs.arrays`), or a table of predictions
(:mod:`~attacks.bias.inputs.predictions`). Ids join them exactly (:mod:`~clipprobe.data.join`).
A data-set card (:mod:`~attacks.bias.inputs.cards`) says who annotated what.
"""

from attacks.bias.inputs.arrays import Embeddings, read_embeddings, write_embeddings
from attacks.bias.inputs.cards import Card, card_names, read_card
from attacks.bias.inputs.labels import Labels, read_labels
from attacks.bias.inputs.predictions import Predictions, read_predictions
from clipprobe.data.join import RowMatch, join

__all__ = [
    "Card",
    "Embeddings",
    "Labels",
    "Predictions",
    "RowMatch",
    "card_names",
    "join",
    "read_card",
    "read_embeddings",
    "read_labels",
    "read_predictions",
    "write_embeddings",
]
