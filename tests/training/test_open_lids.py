"""Eyes are as open as photos show them."""

from __future__ import annotations

import copy

import pytest
import torch

from stylefaceuv.control.contact import EYE_RIGHT
from stylefaceuv.control.lids import sphere_centre
from stylefaceuv.control.mean_surface import part_rows
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.training.open_lids import LOWER_GAP_DM, UPPER_GAP_DM, edge_gaps, lid_shift, open_lids

MIDDLE = slice(2, 5)
"""Columns of landmarks over the iris."""


def rest(model: MorphableModel) -> torch.Tensor:
    return model.landmarks(model.mean[None])[0]


@pytest.fixture(scope="module")
def narrow(head: MorphableModel) -> MorphableModel:
    """The shipped head with lids a millimetre nearer to each other."""
    model, points = copy.deepcopy(head), rest(head)
    asked = torch.full((2, 7), 0.01) + torch.tensor([[UPPER_GAP_DM], [LOWER_GAP_DM]])
    shift = lid_shift(model, points, asked)
    shift = shift + shift[model.mirror_index.long()]
    model.mean[:, 1] -= shift
    return model


def test_the_shipped_head_shows_as_much_of_its_eyes_as_photos_do(head: MorphableModel) -> None:
    upper, lower = edge_gaps(head, rest(head))
    assert torch.allclose(upper[MIDDLE], torch.tensor(UPPER_GAP_DM), atol=0.003)
    assert torch.allclose(lower[MIDDLE], torch.tensor(LOWER_GAP_DM), atol=0.003)


def test_narrow_eyes_open_and_landmarks_stay(head: MorphableModel, narrow: MorphableModel) -> None:
    points = rest(head)
    closed = edge_gaps(narrow, points)
    assert float(closed[0, MIDDLE].min()) > UPPER_GAP_DM + 0.005
    mended = copy.deepcopy(narrow)
    before = rest(mended).clone()
    with torch.no_grad():
        mended = open_lids(mended)
    after = rest(mended)
    assert float((after - before)[:, :2].norm(dim=1).max()) < 0.002
    assert torch.allclose(edge_gaps(mended, before)[0, MIDDLE], torch.tensor(UPPER_GAP_DM), atol=0.003)


def test_lids_slide_over_the_ball_on_both_sides_alike_and_nothing_else_moves(narrow: MorphableModel) -> None:
    mended = copy.deepcopy(narrow)
    with torch.no_grad():
        mended = open_lids(mended)
    flip = torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(mended.mean[mended.mirror_index.long()] * flip, mended.mean, atol=1e-6)
    moved = (mended.mean - narrow.mean).norm(dim=1)
    assert bool((moved[part_rows(narrow, "eye_right")] == 0).all())
    centre = sphere_centre(narrow.mean[part_rows(narrow, "eye_right")])
    right = torch.nonzero((moved > 1e-4) & (narrow.mean[:, 0] < 0)).squeeze(1)
    assert len(right) > 20
    distance = [(model.mean[right] - centre).norm(dim=1) for model in (narrow, mended)]
    assert torch.allclose(*distance, atol=1e-4)
    rim = rest(narrow)[list(EYE_RIGHT.upper)]
    assert float(torch.cdist(narrow.mean[right], rim).amin(dim=1).max()) < 0.15
