"""three.js' GLTFLoader, in a browser, shows the head that this package renders."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from stylefaceuv import Face
from stylefaceuv.face_model.arkit import ARKIT_NAMES
from tests.export.threejs.browser import Seen, show

SIZE = 384
FLAT_LIGHT = np.zeros((9, 3), np.float32)
FLAT_LIGHT[0] = 1 / 0.28209479  # shading 1 everywhere


@pytest.fixture(scope="module")
def resting(face: Face) -> Face:
    """The face at rest, looking ahead."""
    still = replace(face.coefficients, rotation=torch.zeros(3), expression=torch.zeros(64))
    return replace(face, coefficients=still)


@pytest.fixture(scope="module")
def seen(resting: Face, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("threejs")
    path = resting.export(folder / "head.glb", level=1)
    place = [float(value) / 10 for value in resting.coefficients.translation]  # decimetres to metres
    flat = {"position": place, "flat": True}
    pictures = {
        "flat": flat,
        "jaw": {**flat, "morphs": {"jawOpen": 1.0}},
        "gaze": {**flat, "turn": {"eye_left": 0.5, "eye_right": 0.5}},
        "lit": {"position": place, "yaw": math.radians(30), "morphs": {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8}},
    }
    result = show(path, pictures, SIZE)
    for name, picture in result.pictures.items():
        Image.fromarray(picture).save(folder / f"{name}.png")  # kept with pytest's other artefacts
    return result


def test_morph_targets_are_found_by_their_names(seen: Seen) -> None:
    assert seen.morphs
    for names in seen.morphs.values():
        assert names == list(ARKIT_NAMES)


def test_materials_eyes_and_both_texture_coordinates_arrive(seen: Seen) -> None:
    assert set(seen.materials) == {"skin", "mouth", "eyes"}
    assert {"eye_left", "eye_right"} <= set(seen.nodes)
    for names in seen.attributes.values():
        assert {"position", "normal", "tangent", "uv", "uv1"} <= set(names)


def test_the_picture_is_that_of_our_renderer(resting: Face, seen: Seen) -> None:
    ours = resting.render(size=SIZE, lighting=FLAT_LIGHT, self_shadow=False)
    difference = np.abs(ours.astype(float) - seen.pictures["flat"]).mean(axis=2)
    assert ours.std() > 20
    assert difference.mean() < 1.0  # of 255; 0.4 was measured
    assert np.percentile(difference, 99) < 8


def test_a_jaw_opens_in_the_lower_half_of_the_head(seen: Seen) -> None:
    change = np.abs(seen.pictures["jaw"].astype(float) - seen.pictures["flat"]).mean(axis=2)
    assert change[SIZE // 2 :].mean() > 1
    assert change[: SIZE // 3].max() < 3


def test_eyes_turn_about_their_own_centres(resting: Face, seen: Seen) -> None:
    change = np.abs(seen.pictures["gaze"].astype(float) - seen.pictures["flat"]).max(axis=2) > 12
    rows, columns = np.nonzero(change)
    eyes = resting.landmarks[[33, 133, 362, 263]] * SIZE / resting.image.shape[0]
    assert len(rows) > 50
    assert eyes[:, 0].min() - 8 < columns.min()
    assert columns.max() < eyes[:, 0].max() + 8
    assert np.abs(rows - eyes[:, 1].mean()).max() < 0.06 * SIZE


def test_a_lit_head_looks_like_skin(seen: Seen) -> None:
    picture = seen.pictures["lit"].astype(float)
    head = np.abs(picture - 128).max(axis=2) > 6
    assert 0.25 < head.mean() < 0.75
    red, _, blue = picture[head].mean(axis=0)
    assert red > blue + 10
    assert (picture[head].max(axis=1) > 250).mean() < 0.02, "nothing burns out"
