"""What an audit can start from: labels of the images, and images, embeddings or predictions.

Labels (:mod:`~attacks.bias.inputs.labels`) say how annotators perceived each image. The answers
come by one of three ways that give the same numbers: images, a file of their embeddings
(:mod:`~attacks.bias.inputs.arrays`), or a table of predictions
(:mod:`~attacks.bias.inputs.predictions`). Ids join them exactly (:mod:`~clipprobe.data.join`).
A data-set card (:mod:`~attacks.bias.inputs.cards`) says who annotated what.
"""

from attacks.bias.inputs.arrays import Embeddings as Embeddings
from attacks.bias.inputs.arrays import read_embeddings as read_embeddings
from attacks.bias.inputs.arrays import write_embeddings as write_embeddings
from attacks.bias.inputs.cards import Card as Card
from attacks.bias.inputs.cards import card_names as card_names
from attacks.bias.inputs.cards import read_card as read_card
from attacks.bias.inputs.labels import Labels as Labels
from attacks.bias.inputs.labels import read_labels as read_labels
from attacks.bias.inputs.predictions import Predictions as Predictions
from attacks.bias.inputs.predictions import read_predictions as read_predictions
from clipprobe.data.join import RowMatch as RowMatch
from clipprobe.data.join import join as join
