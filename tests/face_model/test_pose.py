from __future__ import annotations

import pytest
import torch
from scipy.spatial.transform import Rotation

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.pose import pose_vertices, rotation_matrix

NOSE, CROWN = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.0, 1.0, 0.0])


def test_yaw_turns_the_nose_to_plus_x() -> None:
    assert (rotation_matrix(torch.tensor([30.0, 0, 0])) @ NOSE)[0] == pytest.approx(0.5, abs=1e-6)


def test_pitch_looks_up() -> None:
    assert (rotation_matrix(torch.tensor([0.0, 30, 0])) @ NOSE)[1] == pytest.approx(0.5, abs=1e-6)


def test_roll_tilts_counter_clockwise_for_the_viewer() -> None:
    assert (rotation_matrix(torch.tensor([0.0, 0, 30])) @ CROWN)[0] == pytest.approx(-0.5, abs=1e-6)


def test_equals_the_composition_of_the_three_turns() -> None:
    angles = torch.tensor([[10.0, 20.0, -35.0], [-70.0, 5.0, 120.0]], dtype=torch.float64)
    for row, (yaw, pitch, roll) in zip(rotation_matrix(angles), angles.tolist(), strict=True):
        expected = Rotation.from_euler("ZYX", [roll, yaw, -pitch], degrees=True).as_matrix()
        torch.testing.assert_close(row, torch.from_numpy(expected))


def test_pose_is_rotation_then_translation() -> None:
    vertices = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    rotation, shift = torch.tensor([[90.0, 0, 0], [0, 0, 0]]), torch.tensor([[1.0, 2, 3], [0, 0, 0]])
    posed = pose_vertices(vertices, rotation, shift)
    x, y, z = vertices[0].unbind(-1)
    torch.testing.assert_close(posed[0], torch.stack([z + 1, y + 2, -x + 3], dim=-1))
    torch.testing.assert_close(posed[1], vertices[1])


def test_gradients() -> None:
    values = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 4, 3), (2, 3), (2, 3))]
    assert torch.autograd.gradcheck(pose_vertices, values)


@pytest.mark.parametrize(
    ("argument", "shapes"),
    [("vertices", ((4, 3), (1, 3), (1, 3))), ("rotation", ((2, 4, 3), (1, 3), (2, 3))),
     ("translation", ((2, 4, 3), (2, 3), (2, 2)))],
)  # fmt: skip
def test_wrong_shapes_are_named(argument: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(InvalidArgumentError, match=argument):
        pose_vertices(*(torch.zeros(shape) for shape in shapes))
