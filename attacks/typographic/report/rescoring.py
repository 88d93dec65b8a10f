"""What can only be said at the end of an audit, from the vectors that it stored: nothing is encoded
again but the words that mean no class, and the sentences of a protocol.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from attacks.typographic.protocols.record import Protocol
from attacks.typographic.protocols.scoring import protocol_section
from attacks.typographic.rendering.render import Floats
from attacks.typographic.report.summary import columns_of
from attacks.typographic.scoring.candidate_sets import candidate_sets, other_words, score_pairs
from attacks.typographic.scoring.pairs import Pairs, make_pairs
from attacks.typographic.scoring.retrieval import retrieval
from attacks.typographic.task import Task
from clipprobe.runs import Run
from clipprobe.zeroshot.classifier import class_vectors
from clipprobe.zeroshot.text_bank import TextBank


def rescore(
    run: Run,
    table: Any,
    summary: dict[str, Any],
    task: Task,
    bank: TextBank,
    classifier: Floats,
    protocol: Protocol | None,
) -> Any:
    """Add candidate sets, retrieval and protocol to the summary, and two columns to the table.

    Returns:
        The table with ``logit_word`` (logit of the attack word, class or not) and ``union_answer``
        (the answer among labels and attack words of this audit).
    """
    clip, classes, natural, seed = task.clip, task.classes, task.natural, task.seed
    data = columns_of(table)
    pairs = make_pairs(data, classes, natural=natural)
    words = other_words(pairs, classes)
    others = class_vectors(bank, words, task.templates)
    scores = score_pairs(run, pairs, classes, clip, classifier, others)
    full = {item["name"]: item["estimate"] for item in summary["headline"]}
    summary["candidate_sets"] = candidate_sets(
        pairs, scores, full, n_classes=len(set(classes.group.tolist())), seed=seed
    )
    summary["n"]["words_without_class"] = len(words)
    summary["retrieval"] = (
        None if natural else retrieval(run, data, classes, clip, classifier, seed=seed)
    )
    summary["protocol"] = None
    if protocol is not None:
        summary["protocol"] = protocol_section(
            run,
            protocol,
            pairs,
            clip=clip,
            bank=bank,
            classes=classes.names,
            templates=task.templates,
            model_id=str(clip.provenance()["model"].get("id", "")),
            seed=seed,
        )
    return with_columns(table, pairs, scores.word, scores.answer)


def with_columns(table: Any, pairs: Pairs, word: Any, answer: Any) -> Any:
    """The table with the scores of its own rows; null where a row has no attack word."""
    import pyarrow as pa

    own = np.unique(pairs.row, return_index=True)[1]
    rows = pairs.row[own]
    answers = np.full(table.num_rows, None, object)
    answers[rows] = answer[own]
    columns = columns_of(table.select(["word", "condition"]))
    # A blank photograph has no word of its own.
    has_word = (columns["word"][rows] != "") | (columns["condition"][rows] != "clean")
    logits = np.full(table.num_rows, None, object)
    logits[rows[has_word]] = word[own][has_word]
    table = table.append_column("logit_word", pa.array(logits, pa.float32()))
    return table.append_column("union_answer", pa.array(answers, pa.string()))
