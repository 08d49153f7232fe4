"""The forehead rises with the inner brows."""

from __future__ import annotations

import copy

import pytest
import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.training.raise_brows import UNIT, forehead, raise_brows, smooth_motion


@pytest.fixture(scope="module")
def grid() -> tuple[torch.Tensor, torch.Tensor]:
    """A strip of 3 x 6 vertices: places (18, 2) and quads."""
    rows = torch.arange(18).reshape(6, 3)
    quads = torch.stack([rows[:-1, :-1], rows[:-1, 1:], rows[1:, 1:], rows[1:, :-1]], dim=-1).reshape(-1, 4)
    return torch.stack([rows % 3, rows // 3], dim=-1).reshape(-1, 2).float(), quads


def test_between_a_moved_and_a_resting_edge_the_motion_falls_linearly(grid: tuple[torch.Tensor, torch.Tensor]) -> None:
    place, quads = grid
    motion = torch.rand(18, 3, generator=torch.Generator().manual_seed(3))
    motion[:3], motion[-3:] = torch.tensor([1.0, 2.0, -1.0]), 0
    free = (place[:, 1] > 0) & (place[:, 1] < 5)
    expected = (1 - place[:, 1:] / 5) * motion[0]
    torch.testing.assert_close(smooth_motion(motion, quads, free), expected)


def test_every_free_vertex_moves_as_its_neighbours_in_the_mean(head: MorphableModel) -> None:
    motion = torch.rand(len(head.mean), 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    free = forehead(head)
    smooth = smooth_motion(motion, head.quads, free)
    assert torch.equal(smooth[~free], motion[~free])
    neighbours: dict[int, set[int]] = {}
    for quad in head.quads.tolist():
        for here, there in zip(quad, quad[1:] + quad[:1], strict=True):
            neighbours.setdefault(here, set()).add(there)
            neighbours.setdefault(there, set()).add(here)
    for vertex in free.nonzero()[:, 0].tolist():
        mean = smooth[sorted(neighbours[vertex])].mean(0)
        torch.testing.assert_close(smooth[vertex], mean, atol=1e-9, rtol=0)


def test_the_brows_keep_their_motion_times_the_gain_and_the_head_its_symmetry(head: MorphableModel) -> None:
    model = copy.deepcopy(head)
    raise_brows(model, gain=1.3)
    unit = list(head.expression_names).index(UNIT)
    still = ~forehead(head)
    torch.testing.assert_close(model.expression_basis[unit][still], 1.3 * head.expression_basis[unit][still])
    flip = torch.tensor([-1.0, 1.0, 1.0])
    assert torch.equal(model.expression_basis[unit][model.mirror_index] * flip, model.expression_basis[unit])
    others = [row for row in range(len(head.expression_names)) if row != unit]
    assert torch.equal(model.expression_basis[others], head.expression_basis[others])


def test_the_shipped_unit_folds_no_skin_above_the_brows(head: MorphableModel) -> None:
    motion = head.expression_basis[list(head.expression_names).index(UNIT)]
    edges = torch.stack([head.quads, head.quads.roll(-1, 1)], dim=-1).reshape(-1, 2)
    edges = edges[forehead(head)[edges].all(1)]
    rise = head.mean[edges[:, 1], 1] - head.mean[edges[:, 0], 1]
    change = motion[edges[:, 1], 1] - motion[edges[:, 0], 1]
    upright = rise.abs() > 0.03
    assert int(upright.sum()) > 100
    assert float((change / rise)[upright].min()) > -0.6  # -1 would be skin squeezed into nothing
