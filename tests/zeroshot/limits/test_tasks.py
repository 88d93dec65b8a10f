"""What the tasks show is what they say, at any resolution."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from clipprobe.pretraining.plan import WIDE_FROM
from clipprobe.stimuli import render
from clipprobe.zeroshot.limits.naming import SENTENCES
from clipprobe.zeroshot.limits.questions import ImageQuestion, image_of
from clipprobe.zeroshot.limits.tasks import TASKS, WIDE_STEPS, questions

NAMED = list(TASKS)[list(TASKS).index("digits and letters") :]


def asked(name: str, size_px: int = 64) -> list[ImageQuestion]:
    return questions(name, scenes=4, seed=0, size_px=size_px)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_the_same_at_every_resolution(name: str) -> None:
    small, large = asked(name, 32)[:5], asked(name, 224)[:5]
    assert [one.options for one in small] == [one.options for one in large]
    assert image_of(small[-1]).size == (32, 32)
    assert image_of(large[-1]).size == (224, 224)


@pytest.mark.parametrize(("name", "share"), [("half hidden", 0.5), ("mostly hidden", 0.75)])
def test_a_board_hides_the_share_that_the_question_says(name: str, share: float) -> None:
    for one in asked(name, 96)[:20]:
        rendered = render(one.scene)
        board = (np.asarray(image_of(one)) == 128).all(axis=2)
        changed = board & (np.asarray(rendered.image) != 128).any(axis=2)
        mask = rendered.masks[0]
        assert (changed & mask).sum() / mask.sum() == pytest.approx(share, abs=0.02)


def test_noise_leaves_the_thing_and_nothing_else() -> None:
    for one in asked("noise around")[:5]:
        rendered = render(one.scene)
        before, after = np.asarray(rendered.image), np.asarray(image_of(one))
        assert (before == after).all(axis=2)[rendered.masks[0]].all()
        assert (before != after).any(axis=2)[~rendered.masks[0]].mean() > 0.99


def test_a_small_thing_covers_what_its_side_says() -> None:
    shares = {
        name: np.mean([render(one.scene).masks[0].mean() for one in asked(name, 224)[:36]])
        for name in ("naming", "small", "very small")
    }
    assert shares["small"] / shares["naming"] == pytest.approx((0.25 / 0.62) ** 2, rel=0.1)
    assert shares["very small"] / shares["naming"] == pytest.approx((0.125 / 0.62) ** 2, rel=0.1)


def test_blur_is_that_of_the_side() -> None:
    def detail(name: str, size_px: int) -> float:
        pixels = np.asarray(image_of(asked(name, size_px)[0]).convert("L"), np.float64)
        return float(np.abs(np.diff(pixels, axis=0)).mean() * size_px)

    for size_px in (64, 192):
        assert detail("blur", size_px) > 1.5 * detail("strong blur", size_px)
    assert detail("strong blur", 64) == pytest.approx(detail("strong blur", 192), rel=0.35)


def test_what_stands_behind_is_no_option() -> None:
    seen = Counter()
    for one in asked("thing behind"):
        behind, shown = (item.concept for item in one.scene.items)  # type: ignore[union-attr]
        assert not any(behind in option for option in one.options)
        assert shown in one.options[one.truth]
        seen[behind] += 1
    assert len(seen) > 5


@pytest.mark.parametrize("name", NAMED)
def test_a_sentence_is_held_out_with_its_scenes(name: str) -> None:
    sentences: dict[str, set[str]] = {}
    for one in asked(name):
        fits = [s for s in SENTENCES if all(_inside(s, option) for option in one.options)]
        sentences.setdefault(one.group, set()).add(max(fits, key=len))
    assert all(len(found) == 1 for found in sentences.values())
    assert len({min(found) for found in sentences.values()}) == len(sentences) == 12


def _inside(sentence: str, option: str) -> bool:
    before, after = sentence.split("{}")
    return option.startswith(before) and option.endswith(after)


def test_several_things_cross_size_and_order() -> None:
    wordings = Counter()
    for one in asked("several things"):
        names = [item.concept for item in one.scene.items]  # type: ignore[union-attr]
        sizes = [item.size for item in one.scene.items]  # type: ignore[union-attr]
        true, false = one.options[one.truth], one.options[1 - one.truth]
        (lone,) = [name for name in names if name not in false]
        assert all(name in true for name in names)
        assert (sizes[names.index(lone)] == max(sizes)) == one.wording.startswith("the large")
        first = lone in true.split(",")[0]
        assert first == one.wording.endswith("first")
        wordings[one.wording] += 1
    assert len(wordings) == 4
    assert max(wordings.values()) == min(wordings.values())


def test_what_was_taught_depends_on_the_steps_of_the_weights() -> None:
    assert WIDE_STEPS == WIDE_FROM
    relation, blur, size = (TASKS[name] for name in ("left or right", "blur", "size"))
    assert [relation.taught_by(n) for n in (0, 9000, 23000)] == [False, True, True]
    assert [blur.taught_by(n) for n in (0, 9000, 23000)] == [False, False, True]
    assert not size.taught_by(23000)
