"""The examples of docs/circuits.md run as they stand, in order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

PAGE = (Path(__file__).parents[3] / "docs" / "circuits.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_examples_run_and_show_what_the_page_says() -> None:
    assert len(EXAMPLES) == 5
    names: dict[str, Any] = {}
    for number, example in enumerate(EXAMPLES):
        assert number == 0 or len(example.strip().splitlines()) <= 8
        exec(compile(example, f"example {number}", "exec"), names)
    share = names["found"].mean_share()
    assert abs(share[-1, 0] - 1) < 1e-3 and abs(share[-1, 1]) < 1e-3
    assert names["lens"].accuracy(range(6))[-1].value >= 5 / 6
    assert np.isfinite(names["path"].effect).all() and names["path"].noise < 1e-3
