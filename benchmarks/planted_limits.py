"""How often a verdict on planted towers is the planted one, undecided, or wrong.

    OMP_NUM_THREADS=1 python benchmarks/planted_limits.py [--first 10000] [--seeds 10]

One line for each task and plant (``tests/zeroshot/limits/planted.py``), at the size of the audit's
defaults: 66 pairs x 4 scenes, 12 things x 6 numbers x 2, 12 things x 12 scenes. Take seeds that
nobody looked at while the rules were written: those below 5,000 are used up.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from zeroshot.limits import planted

from clipprobe.zeroshot.limits.numbers import measure
from clipprobe.zeroshot.limits.verdict import UNDECIDED, judge

TOWERS = ("able", "absent in the image", "absent in the text", "misaligned")
PLANTS = {
    "relation": (planted.relation, TOWERS),
    "binding": (planted.binding, TOWERS),
    "counting": (planted.counting, TOWERS),
    # What is degraded is the image: the text tower is asked nothing new.
    "naming": (planted.naming, TOWERS[:2]),
}


def main() -> None:
    """Print one line for each task and plant."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    for name, (plant, kinds) in PLANTS.items():
        for kind in kinds:
            right = "fine" if kind == "able" else kind
            said, reasons = Counter[str](), Counter[str]()
            for seed in range(given.first, given.first + given.seeds):
                found = judge(measure(plant(kind, seed)))
                said[found.verdict] += 1
                reasons[found.reason] += found.verdict == UNDECIDED
            wrong = said.total() - said[right] - said[UNDECIDED]
            why = "; ".join(f"{n} x {reason}" for reason, n in reasons.items() if n)
            print(
                f"{name}, {kind}: {said[right]} of {said.total()} right, "
                f"{said[UNDECIDED]} undecided, {wrong} wrong" + (f" ({why})" if why else ""),
                flush=True,
            )


if __name__ == "__main__":
    main()
