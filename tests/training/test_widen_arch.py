"""The upper arch reaches a smile's corners, lower molars stay off the cheeks, the lower row rises behind the upper."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch

from stylefaceuv.control.mean_surface import part_rows
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.training.raise_teeth import OVERBITE_DM, raise_teeth
from stylefaceuv.training.widen_arch import widen_arch

ROWS = ("teeth_upper", "teeth_lower")


def changed(head: MorphableModel, stage: Callable[[MorphableModel], None]) -> MorphableModel:
    model = copy.deepcopy(head)
    with torch.no_grad():
        stage(model)
    return model


@pytest.fixture(scope="module")
def widened(head: MorphableModel) -> MorphableModel:
    return changed(head, widen_arch)


@pytest.fixture(scope="module")
def raised(head: MorphableModel) -> MorphableModel:
    return changed(head, raise_teeth)


def sideways(before: MorphableModel, after: MorphableModel, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Factors on the distance from the middle, and depths behind the row's front, of the teeth off the middle."""
    rows = part_rows(before, part)
    rows = rows[before.mean[rows, 0].abs() > 0.02]
    return after.mean[rows, 0] / before.mean[rows, 0], before.mean[part_rows(before, part), 2].max() - before.mean[
        rows, 2
    ]


def test_canines_go_outwards_and_lower_molars_inwards(head: MorphableModel, widened: MorphableModel) -> None:
    factor, behind = sideways(head, widened, "teeth_upper")
    assert float(factor.min()) > 0.99
    canines = (behind > 0.05) & (behind < 0.15)
    assert float(factor[canines].min()) > 1.15 > float(factor[behind > 0.40].max())
    factor, behind = sideways(head, widened, "teeth_lower")
    assert float(factor.max()) < 1.01
    assert float(factor[behind > 0.35].max()) < 0.9


@pytest.mark.parametrize("name", ["widened", "raised"])
def test_only_teeth_move_the_head_stays_symmetric_and_jaws_rigid(
    head: MorphableModel, name: str, request: pytest.FixtureRequest
) -> None:
    moved: MorphableModel = request.getfixturevalue(name)
    others = torch.ones(len(head.mean), dtype=torch.bool)
    others[torch.cat([part_rows(head, part) for part in ROWS])] = False
    assert torch.equal(moved.mean[others], head.mean[others])
    assert torch.equal(moved.expression_basis[:, others], head.expression_basis[:, others])
    assert torch.equal(moved.identity_basis, head.identity_basis)
    flip = torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(moved.mean[moved.mirror_index.long()] * flip, moved.mean, atol=1e-6, rtol=0)
    jaw = list(head.expression_names).index("jawOpen")
    mirrored = moved.expression_basis[jaw][moved.mirror_index.long()] * flip
    torch.testing.assert_close(mirrored, moved.expression_basis[jaw], atol=1e-3, rtol=0)
    rows = part_rows(moved, "teeth_lower")
    still, opened = moved.mean[rows], moved.mean[rows] + moved.expression_basis[jaw, rows]
    assert float((torch.cdist(still, still) - torch.cdist(opened, opened)).abs().max()) < 0.012


def test_the_lower_row_rises(head: MorphableModel, raised: MorphableModel) -> None:
    rows = part_rows(head, "teeth_lower")
    expected = head.mean[rows] + torch.tensor([0.0, OVERBITE_DM, 0.0])
    torch.testing.assert_close(raised.mean[rows], expected)
    assert torch.equal(raised.mean[part_rows(head, "teeth_upper")], head.mean[part_rows(head, "teeth_upper")])


def test_the_shipped_arch_reaches_a_smiles_corners(head: MorphableModel) -> None:
    smile = sum(
        head.expression_basis[list(head.expression_names).index(f"mouthSmile{side}")] for side in ("Left", "Right")
    )
    corner = head.landmarks((head.mean + smile)[None])[0, 308]
    teeth = head.mean[part_rows(head, "teeth_upper")]
    beside = teeth[teeth[:, 2] > float(corner[2]) - 0.08]
    assert float(beside[:, 0].max()) > float(corner[0]) - 0.04, "it ended 4 mm before them"


def test_shipped_teeth_overlap_as_peoples_do(head: MorphableModel) -> None:
    upper, lower = (head.mean[part_rows(head, part)] for part in ROWS)
    front = [row[row[:, 2] > row[:, 2].max() - 0.02][:, 1] for row in (upper, lower)]
    assert 0.015 < float(front[1].max() - front[0].min()) < 0.05, "a deep bite, but lips hide how deep"
