"""Conformal p and abstention: what they promise holds, and where they promise nothing it shows."""

from __future__ import annotations

import numpy as np
import pytest

from clipprobe.errors import ConfigError, DataError
from clipprobe.zeroshot.scores import abstention, conformal_p
from clipprobe.zeroshot.scores.conformal import threshold


def test_p_by_hand() -> None:
    assert conformal_p([0.1, 0.25, 0.3, 0.9], [0.3, 0.2, 0.4]).tolist() == [0.25, 0.5, 0.75, 1.0]
    with pytest.raises(DataError, match="at least one calibration image"):
        conformal_p([0.1], [])


def test_p_is_uniform_for_exchangeable_images_and_not_for_others() -> None:
    rng = np.random.default_rng(0)
    same, other = [], []
    for _ in range(2000):
        known = rng.normal(size=39)
        same.append(float(conformal_p(rng.normal(), known)))
        other.append(float(conformal_p(rng.normal() - 2, known)))
    for level in (0.05, 0.1, 0.5):
        assert abs(np.mean(np.array(same) <= level) - level) < 3 * (level / 2000) ** 0.5
    assert np.mean(np.array(other) <= 0.05) > 0.4


def test_the_threshold_is_the_stated_order_statistic() -> None:
    scores = np.arange(1.0, 100.0)  # 99 of them: ceil(.95 * 100) = 95
    assert threshold(scores, 0.05) == 95.0
    assert threshold(np.arange(1.0, 20.0), 0.05) == 19.0
    with pytest.raises(DataError, match=r"at least 19 different unknown things .* there are 18"):
        threshold(np.arange(18.0), 0.05)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        threshold(scores, 0.0)


def test_no_more_than_alpha_of_the_unknown_are_answered_on_average() -> None:
    rng = np.random.default_rng(1)
    shares, answered = [], []
    for _ in range(400):
        calibration, fresh = rng.normal(size=199), rng.normal(size=500)
        cut = threshold(calibration, 0.05)
        shares.append((fresh > cut).mean())
        answered.append((rng.normal(size=500) + 3 > cut).mean())
    assert np.mean(shares) <= 0.05 + 3 * np.std(shares) / 20
    assert np.mean(shares) > 0.04
    assert np.mean(answered) > 0.8


def test_the_error_is_measured_on_things_that_did_not_calibrate() -> None:
    rng = np.random.default_rng(2)
    things = np.repeat([f"thing {i}" for i in range(200)], 3)
    own = np.repeat(rng.normal(size=200), 3)  # images of one thing score alike
    unknown = own + 0.2 * rng.normal(size=600)
    known = rng.normal(size=300) + 3
    found = abstention(unknown, list(things), known, alpha=0.1)
    assert 0.05 < found.unknown_answered.value <= 0.13
    assert found.known_answered.value == pytest.approx((known > found.threshold).mean())
    assert found.n_things == 200
    assert found.unknown_answered.n == 600
    # Things that a split divides look safer than they are: this is why it never does.
    assert found.to_json()["splits"] == 200


def test_too_few_things_are_refused_however_many_images_show_them() -> None:
    scores = np.random.default_rng(3).normal(size=500)
    with pytest.raises(DataError, match="there are 10"):
        abstention(scores, [f"{i % 20}" for i in range(500)], scores, alpha=0.05)
