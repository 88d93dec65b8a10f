"""Images in every form that a user has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attacks.typographic import TypographicAttack
from clipprobe.data import as_dataset, decode_image
from clipprobe.errors import DataError, UnreadableImageError


def picture() -> Image.Image:
    return Image.fromarray(np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3))


def test_a_list_of_mixed_images_becomes_a_data_set(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    forms = [tmp_path / "a.png", str(tmp_path / "a.png"), picture(), np.asarray(picture())]
    dataset = as_dataset(forms)
    assert [record.id for record in dataset] == [
        "000000-a.png",
        "000001-a.png",
        "000002",
        "000003",
    ]
    for record in dataset:
        assert np.array_equal(np.asarray(decode_image(record.source)), np.asarray(picture()))


def test_one_image_is_no_list() -> None:
    for one in (picture(), np.asarray(picture())):
        with pytest.raises(DataError, match="put it in a list"):
            as_dataset(one)  # type: ignore[arg-type]


def test_an_attack_takes_every_form_of_image(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    attack = TypographicAttack(word="dog", position="center")
    drawn = [attack(form) for form in (picture(), tmp_path / "a.png", np.asarray(picture()))]
    assert drawn[0].mask.any()
    assert all(np.array_equal(one.image, drawn[0].image) for one in drawn)
    with pytest.raises(UnreadableImageError, match="nowhere"):
        attack(tmp_path / "nowhere.png")
