"""The contact sheet asks for the right views and puts them where their labels are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from stylefaceuv.contact_sheet import COLUMNS, SMILE, ContactSheet
from stylefaceuv.face_model.arkit import ARKIT_NAMES
from stylefaceuv.types import Face
from tests.fakes.heads import FakeModel


def _face(model: FakeModel, index: int) -> Face:
    made = model.generate(model.sample(1, 7, start=index), seed=7, start=index, truncation=0.7)
    assert isinstance(made, list)
    return made[0]


def test_views_of_a_row() -> None:
    model = FakeModel()
    ContactSheet(64).add(_face(model, 0), 0)
    asked = model.studio.renders
    assert [view.get("yaw") for view in asked[:5]] == [None, -60, -30, 30, 60]
    assert asked[5]["expression"] == SMILE
    assert asked[6]["shading"] == "clay"
    assert len(COLUMNS) == 9
    assert set(SMILE) <= set(ARKIT_NAMES)


def test_pictures_stand_in_their_columns(tmp_path: Path) -> None:
    model, sheet = FakeModel(), ContactSheet(64)
    for index in (1, 0):
        sheet.add(_face(model, index), index)
    path = sheet.save(tmp_path / "sheet.png")
    with Image.open(path) as image:
        pixels = np.asarray(image)
    height, width = pixels.shape[:2]
    step = (width - 120) // 9
    row = pixels[height - 34, [120 + step * column + 32 for column in range(9)], 0]
    face = _face(model, 1)
    assert row.tolist() == [90, 128, 68, 98, 158, 188, 128, 153, int(face.diffuse[0, 0, 0])]


def test_rows_are_sorted_by_number_and_captioned() -> None:
    model, sheet = FakeModel(), ContactSheet(32)
    for index in (5, 2):
        sheet.add(_face(model, index), index)
    other = ContactSheet(32)
    for index in (2, 5):
        other.add(_face(model, index), index)
    assert sheet.draw().tobytes() == other.draw().tobytes()
    assert sheet.rows[5][0] == "#5\nseed 7\npsi 0.7\nfit 1.2%"
