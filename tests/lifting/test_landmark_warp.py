"""The warp that moves the mesh's landmarks onto the detected ones."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.landmark_warp import FIRST_IRIS_LANDMARK, landmark_spread, warp_matrix


def places(seed: int = 0) -> torch.Tensor:
    """(478, 3) landmarks on a half-sphere; the last ten on two eyes, half of them on each side."""
    source = torch.Generator().manual_seed(seed)
    points = torch.nn.functional.normalize(torch.randn(478, 3, generator=source), dim=1)
    points[:, 2] = points[:, 2].abs()
    points[468:] = torch.tensor([0.3, 0.1, 0.8]) + 0.02 * torch.randn(10, 3, generator=source)
    points[468:473, 0] *= -1
    return points


def test_without_damping_landmarks_come_to_their_targets() -> None:
    points = places()
    matrix = warp_matrix(points[:468], points, torch.zeros(468, dtype=torch.bool), radii=(0.05,), damping=1e-6)
    residual = torch.randn(478, 2, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(matrix @ residual, residual[:468], atol=0.02, rtol=0)


def test_a_common_shift_is_followed_almost_wholly_by_default() -> None:
    points = places()
    matrix = warp_matrix(points[:468], points, torch.zeros(468, dtype=torch.bool))
    shift = torch.tensor([3.0, -5.0])
    moved = matrix @ shift.expand(478, 2)
    assert float((moved - shift).norm(dim=1).mean()) < 0.1 * float(shift.norm())


def test_no_residual_moves_nothing() -> None:
    points = places()
    eye = torch.arange(478) >= FIRST_IRIS_LANDMARK
    assert float((warp_matrix(points, points, eye) @ torch.zeros(478, 2)).abs().max()) == 0


def test_far_away_nothing_moves() -> None:
    points = places()
    far = torch.tensor([[0.0, -3.0, 0.0], [0.0, 0.0, -2.0]])
    matrix = warp_matrix(far, points, torch.zeros(2, dtype=torch.bool))
    assert float((matrix @ torch.full((478, 2), 9.0)).abs().max()) < 1e-3


def test_eyeballs_move_rigidly_with_their_own_iris_and_skin_does_not_follow_it() -> None:
    points = places()
    eye = torch.arange(478) >= FIRST_IRIS_LANDMARK
    residual = torch.zeros(478, 2)
    residual[468:473], residual[473:] = torch.tensor([2.0, 1.0]), torch.tensor([-4.0, 3.0])
    residual[468, 0] += 5
    moved = warp_matrix(points, points, eye) @ residual
    torch.testing.assert_close(moved[468:473], torch.tensor([3.0, 1.0]).expand(5, 2))
    torch.testing.assert_close(moved[473:], torch.tensor([-4.0, 3.0]).expand(5, 2))
    assert float(moved[:468].abs().max()) == 0


def test_lips_that_touch_are_parted(head: MorphableModel) -> None:
    """On the closed mouth upper and lower lip are one place; the warp must still move them apart."""
    upper, lower = 13, 14
    residual = torch.zeros(478, 2)
    residual[[upper, 82, 312], 1], residual[[lower, 87, 317], 1] = -4.0, 4.0
    moved = landmark_spread(head) @ residual
    at = head.landmarks(torch.cat([moved, torch.zeros(len(moved), 1)], dim=1)[None])[0]
    assert float(at[lower, 1] - at[upper, 1]) > 4.0


def test_other_landmarks_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="landmarks"):
        warp_matrix(torch.zeros(4, 3), torch.zeros(468, 3), torch.zeros(4, dtype=torch.bool))
