"""Teeth stand behind the lips, and a smile draws the lips back over them."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.training.seat_teeth import CLEARANCE_DM, SMILES, draw_smile_back, seat_teeth
from stylefaceuv.types import PART_NAMES

ROWS = ("teeth_upper", "teeth_lower")
PULLED_BACK = 0.04


def teeth(model: MorphableModel, part: str) -> torch.Tensor:
    return model.quads[model.quad_part == PART_NAMES.index(part)].unique().long()


@pytest.fixture(scope="module")
def toothless(head: MorphableModel) -> MorphableModel:
    """The head with its teeth too far back."""
    model = copy.deepcopy(head)
    for part in ROWS:
        model.mean[teeth(model, part), 2] -= PULLED_BACK
    return model


@pytest.fixture(scope="module")
def seated(toothless: MorphableModel) -> MorphableModel:
    model = copy.deepcopy(toothless)
    with torch.no_grad():
        seat_teeth(model)
    return model


def test_teeth_come_forward_to_the_lip_and_no_farther(
    head: MorphableModel, toothless: MorphableModel, seated: MorphableModel
) -> None:
    upper, lower = (float(seated.mean[teeth(seated, part), 2].max()) for part in ROWS)
    assert upper == pytest.approx(float(head.mean[teeth(head, ROWS[0]), 2].max()), abs=CLEARANCE_DM)
    bite = [float(toothless.mean[teeth(toothless, part), 2].max()) for part in ROWS]
    assert upper - lower == pytest.approx(bite[0] - bite[1], abs=0.002), "both rows bite as before"
    lips = seated.landmarks(seated.mean[None])[0, [13, 14], 2]
    assert upper < float(lips.min())


def test_only_teeth_move_and_only_forward(toothless: MorphableModel, seated: MorphableModel) -> None:
    motion = seated.mean - toothless.mean
    rows = torch.cat([teeth(seated, part) for part in ROWS])
    others = torch.ones(len(motion), dtype=torch.bool)
    others[rows] = False
    assert float(motion[others].abs().max()) == 0
    assert float(motion[:, :2].abs().max()) == 0
    assert float(motion[rows, 2].min()) > 0.8 * PULLED_BACK
    order = np.argsort(seated.mean[teeth(seated, ROWS[0]), 0].abs().numpy())
    assert np.all(np.diff(motion[teeth(seated, ROWS[0]), 2].numpy()[order]) > -1e-6), "more towards the sides"
    flipped = seated.mean[seated.mirror_index.long()] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(flipped, seated.mean, atol=1e-6, rtol=0)


def test_a_smile_takes_the_lower_lip_back_as_far_as_the_upper_one(head: MorphableModel) -> None:
    model, names = copy.deepcopy(head), list(head.expression_names)
    jaw, smiles = model.expression_basis[names.index("jawOpen")], [names.index(name) for name in SMILES]
    pushed = model.expression_basis[smiles].clone()
    pushed[..., 2] += 0.02 * (jaw[:, 1] / jaw[:, 1].min()).clamp(0, 1)  # a push of everything that the jaw takes along
    model.expression_basis[smiles] = pushed
    with torch.no_grad():
        draw_smile_back(model)
    drawn = model.expression_basis[smiles]
    assert torch.equal(drawn[..., :2], pushed[..., :2])
    before, after = (model.landmarks((model.mean + one.sum(0))[None])[0] for one in (pushed, drawn))
    still = model.landmarks(model.mean[None])[0]
    assert float((before - still)[14, 2]) > 0.02
    assert float((after - still)[14, 2]) < 0
    assert abs(float((after - still)[200, 2])) < 0.01, "the chin keeps its depth"
    torch.testing.assert_close(after[0], before[0]), "the upper lip is not touched"


def test_an_opening_jaw_turns_the_lower_teeth_as_rigidly_as_before(seated: MorphableModel) -> None:
    rows = teeth(seated, ROWS[1])
    motion = seated.expression_basis[list(seated.expression_names).index("jawOpen"), rows].float()
    still, opened = seated.mean[rows], seated.mean[rows] + motion
    assert float((torch.cdist(still, still) - torch.cdist(opened, opened)).abs().max()) < 0.01


def test_shipped_smiles_do_not_push(head: MorphableModel) -> None:
    names, still = list(head.expression_names), head.landmarks(head.mean[None])[0]
    smile = head.expression_basis[[names.index(name) for name in SMILES]].float().sum(0)
    moved = head.landmarks((head.mean + smile)[None])[0] - still
    assert float(moved[[14, 17], 2].max()) < 0
    assert float(moved[[61, 291], 1].min()) > 0.04, "and the corners rise"
