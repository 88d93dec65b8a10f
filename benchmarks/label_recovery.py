"""CLIP-Dissect's sanity check on the bundled model: do class logits get their own class as label?

    python benchmarks/label_recovery.py [--per-concept 4]

Prints top-1 recovery with its interval for every scorer and judge, beside the published level.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

import clipprobe
from clipprobe.neurons.labels import class_logit_recovery
from clipprobe.stimuli import concept_set, write_set
from clipprobe.stimuli.probe_sets import MODALITIES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-concept", type=int, default=4, help="images of each modality")
    parser.add_argument("--model", default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sets = (concept_set(kind, per_concept=options.per_concept) for kind in MODALITIES)
        write_set(itertools.chain(*sets), Path(folder))
        for one in class_logit_recovery(clipprobe.load(options.model), folder):
            judge = "the model itself (circular)" if one.circular else "true labels"
            print(
                f"{one.scorer:<13} judge {judge:<28} top-1 {one.top1.value:.3f} "
                f"[{one.top1.low:.3f}, {one.top1.high:.3f}] n={one.top1.n} classes, "
                f"{one.n_images} images; published {one.published:.3f}"
            )


if __name__ == "__main__":
    main()
