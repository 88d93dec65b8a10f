"""``clipprobe audit written``: does a written word move one group's labels more than another's?"""

from __future__ import annotations

from dataclasses import replace

from attacks.bias.terminal import tell
from attacks.bias.written.settings import WordFile, WrittenAudit
from clipprobe.cli.common import load_model, open_images, progress, read_lines
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError
from clipprobe.settings.shared import Model, Terminal


def written(audit: WrittenAudit, words: WordFile, model: Model, terminal: Terminal) -> None:
    """Run the audit that flags and config file ask for, and print its headline."""
    texts = [audit.words] if isinstance(audit.words, str) else list(audit.words)
    texts += read_lines(words.file, "word") if words.file is not None else []
    if not texts:
        raise ConfigError("audit written needs a word to write: give --word, or --words FILE.")
    from attacks.bias.people import read_people
    from attacks.bias.written.audit import WRITTEN, question_of

    # What is wrong with the question or the images is said before the model is loaded.
    audit = replace(audit, words=texts)
    question_of(audit)
    audit = open_images(audit)
    read_people(audit, audit.groups)
    total = min(filter(None, (len(audit.dataset()), audit.limit, audit.sample)))
    bar = progress("writing and answering", total=total)
    run = make_run(WRITTEN, audit, load_model(model), bar).run
    warning = run.summary["content_warning"]
    notes = [*run.summary["notes"], *([warning] if warning else [])]
    tell(run, notes, as_json=terminal.as_json)


WRITTEN = Verb(written, (WrittenAudit, WordFile, Model, Terminal))
