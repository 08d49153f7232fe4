from __future__ import annotations

import numpy as np
import pytest
import torch

from stylefaceuv.control import (
    check_over_photo,
    parse_angle,
    parse_background,
    parse_expression,
    parse_lighting,
    parse_size,
)
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.rendering.light_presets import LIGHT_PRESETS

NAMES = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft")
OWN = torch.tensor([0.1, 0.2, 0.3, 0.4])
LIGHT = torch.arange(27.0).reshape(9, 3)


def test_none_and_own_are_the_faces_own_values() -> None:
    assert parse_angle("yaw", None, 12.5) == 12.5
    assert parse_expression(None, OWN, NAMES) is OWN
    assert parse_expression("own", OWN, NAMES) is OWN
    assert parse_lighting(None, LIGHT) is LIGHT


def test_a_mapping_replaces_on_neutral() -> None:
    weights = parse_expression({"jawOpen": 0.6}, OWN, NAMES)
    torch.testing.assert_close(weights, torch.tensor([0.6, 0, 0, 0]))
    assert not parse_expression("neutral", OWN, NAMES).any()
    assert not parse_expression({}, OWN, NAMES).any()


def test_raw_weights() -> None:
    torch.testing.assert_close(parse_expression(np.full(4, 0.5), OWN, NAMES), torch.full((4,), 0.5))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"jawopen": 0.5}, "jawOpen"),
        ({"jawOpen": 1.2}, r"expression\['jawOpen'\]: expected a number in \[0, 1\], got 1.2"),
        ({"jawOpen": float("nan")}, "number"),
        ({"jawOpen": True}, "number"),
        ("happy", "'happy'"),
        ([0.1, 0.2], r"shape \(4,\)"),
        ([0.1, 0.2, 0.3, 2.0], r"\[0, 1\]"),
        ([0.1, 0.2, 0.3, float("nan")], "finite"),
        (object(), "object"),
    ],
)
def test_bad_expressions_are_refused(value: object, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        parse_expression(value, OWN, NAMES)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(LIGHT_PRESETS))
def test_every_preset_is_a_light(name: str) -> None:
    light = parse_lighting(name, LIGHT)
    assert light.shape == (9, 3)
    assert bool(torch.isfinite(light).all())


@pytest.mark.parametrize("value", ["moon", torch.zeros(9), torch.full((9, 3), float("nan")), {"a": 1}])
def test_bad_lights_are_refused(value: object) -> None:
    with pytest.raises(InvalidArgumentError, match="lighting"):
        parse_lighting(value, LIGHT)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["10", float("inf"), float("nan"), True, [1]])
def test_bad_angles_are_refused(value: object) -> None:
    with pytest.raises(InvalidArgumentError, match="pitch"):
        parse_angle("pitch", value, 0.0)  # type: ignore[arg-type]


def test_backgrounds() -> None:
    assert parse_background(None, (0.5, 0.5, 0.5)) == (0.5, 0.5, 0.5)
    assert parse_background("image", (0, 0, 0)) == "image"
    assert parse_background([0, 0.5, 1], (0, 0, 0)) == (0.0, 0.5, 1.0)
    for bad in ("blue", (0, 1), (0, 0, 2), 5):
        with pytest.raises(InvalidArgumentError, match="background"):
            parse_background(bad, (0, 0, 0))  # type: ignore[arg-type]


def test_sizes() -> None:
    assert parse_size(64) == (64, 64)
    assert parse_size((48, 96)) == (48, 96)
    for bad in (0, -1, 1.5, "big", (1, 2, 3), (0, 4), 10_000, True, None):
        with pytest.raises(InvalidArgumentError, match="size"):
            parse_size(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(("angle", "own"), [(-11.7, -11.7), (-16.6, -11.7), (4.9, 0.0)])
def test_a_head_may_be_turned_a_little_over_its_photo(angle: float, own: float) -> None:
    check_over_photo("yaw", angle, own)


@pytest.mark.parametrize(("angle", "own"), [(15.0, -11.7), (-5.1, 0.0), (360.0, 0.0)])
def test_a_head_that_would_show_twice_over_its_photo_is_refused(angle: float, own: float) -> None:
    with pytest.raises(InvalidArgumentError, match=r"yaw: expected an angle within 5 degrees of the photo's"):
        check_over_photo("yaw", angle, own)
