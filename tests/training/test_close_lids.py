"""A blink ends on the lower lid."""

from __future__ import annotations

import copy

import pytest
import torch

from stylefaceuv.control.contact import EYE_LEFT, EYE_RIGHT
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.training.close_lids import OVERLAP_DM, close_lids

RIMS = {"Left": (EYE_LEFT.upper, EYE_LEFT.lower), "Right": (EYE_RIGHT.upper, EYE_RIGHT.lower)}


def gaps(head: MorphableModel, side: str, weight: float) -> torch.Tensor:
    """(7,) upper over lower rim, dm."""
    expression = torch.zeros(1, 64)
    expression[0, list(head.expression_names).index(f"eyeBlink{side}")] = weight
    points = head.landmarks(head(torch.zeros(1, 80), expression))[0, :, 1]
    upper, lower = (list(rim) for rim in RIMS[side])
    return points[upper] - points[lower]


@pytest.fixture(scope="module")
def overshooting(head: MorphableModel) -> MorphableModel:
    model = copy.deepcopy(head)
    for side in RIMS:
        model.expression_basis[list(head.expression_names).index(f"eyeBlink{side}")] *= 1.5
    return model


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_both_rims_meet(overshooting: MorphableModel, side: str) -> None:
    assert float(gaps(overshooting, side, 1).min()) < -0.03
    mended = copy.deepcopy(overshooting)
    with torch.no_grad():
        close_lids(mended)
        close_lids(mended)
    assert torch.allclose(gaps(mended, side, 1), torch.tensor(-OVERLAP_DM), atol=0.006)
    assert torch.equal(gaps(mended, side, 0), gaps(overshooting, side, 0))


def test_the_lower_lid_moves_as_before_and_sides_are_mirror_images(overshooting: MorphableModel) -> None:
    mended = copy.deepcopy(overshooting)
    with torch.no_grad():
        close_lids(mended)
    left, right = (list(mended.expression_names).index(f"eyeBlink{side}") for side in ("Left", "Right"))
    flipped = mended.expression_basis[left][mended.mirror_index] * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.equal(flipped, mended.expression_basis[right])
    lower = list(RIMS["Right"][1])
    before, after = (model.landmarks(model.expression_basis[right][None])[0, lower] for model in (overshooting, mended))
    assert float((before - after).norm(dim=1).max()) < 0.01


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_the_shipped_lids_meet(head: MorphableModel, side: str) -> None:
    closed = gaps(head, side, 1)
    assert float(closed.max()) < 0
    assert float(closed.min()) > -0.012
