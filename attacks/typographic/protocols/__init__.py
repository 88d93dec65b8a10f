"""Published ways to score typographic attacks, as records: the same images, other rules.

Accuracies of one model on one data set differ by up to 10 points between papers because the
candidates, the sentences, the order of averaging and the rule for ties differ. A
:class:`Protocol` states each of them, with its source and the rows that were published.
"""

from attacks.typographic.protocols.catalogue import PROTOCOLS as PROTOCOLS
from attacks.typographic.protocols.catalogue import protocol as protocol
from attacks.typographic.protocols.record import Protocol as Protocol
from attacks.typographic.protocols.record import Published as Published
from attacks.typographic.protocols.rule import Answers as Answers
from attacks.typographic.protocols.rule import answer as answer
