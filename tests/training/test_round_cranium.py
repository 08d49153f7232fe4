"""The rounded skull: nothing that a fit sees moves, and a skull is as broad and long as people's."""

from __future__ import annotations

import copy

import pytest
import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.training.round_cranium import cranium_weight, round_cranium


@pytest.fixture(scope="module")
def narrow(head: MorphableModel) -> MorphableModel:
    """The shipped head with its skull squeezed and moved about by identity, as MakeHuman's is."""
    model = copy.deepcopy(head)
    weight = cranium_weight(model)
    model.identity_basis += 0.05 * weight[:, None] * torch.randn(80, 1, 3, generator=torch.Generator().manual_seed(1))
    model.mean[:, 0] *= 1 - 0.15 * weight
    return model


@pytest.fixture(scope="module")
def rounded(narrow: MorphableModel) -> MorphableModel:
    model = copy.deepcopy(narrow)
    with torch.no_grad():
        round_cranium(model)
    return model


def breadth(model: MorphableModel, height: float) -> float:
    """Breadth in cm at a height in dm."""
    level = (model.mean[:, 1] - height).abs() < 0.06
    return float(2 * model.mean[level, 0].max()) * 10


def test_landmarks_stay_where_they_are(narrow: MorphableModel, rounded: MorphableModel) -> None:
    identity = torch.randn(5, 80, generator=torch.Generator().manual_seed(0))
    still = torch.zeros(5, 64)
    before, after = (model.landmarks(model(identity, still)) for model in (narrow, rounded))
    assert float((before - after).norm(dim=2).max()) < 0.004  # dm


def test_the_skull_gets_broader_and_the_neck_does_not_move(narrow: MorphableModel, rounded: MorphableModel) -> None:
    assert breadth(rounded, 0.6) > breadth(narrow, 0.6) + 1.0
    assert torch.equal(rounded.mean[rounded.neck_ring], narrow.mean[narrow.neck_ring])
    assert torch.equal(rounded.identity_basis[:, rounded.neck_ring], narrow.identity_basis[:, narrow.neck_ring])


def test_the_rounded_head_is_its_own_mirror_image(rounded: MorphableModel) -> None:
    mirrored = rounded.mean[rounded.mirror_index] * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.equal(mirrored, rounded.mean)


def test_identity_moves_the_skull_less_and_the_face_as_before(narrow: MorphableModel, rounded: MorphableModel) -> None:
    weight = cranium_weight(narrow)
    before, after = (model.identity_basis.square().sum(dim=(0, 2)) for model in (narrow, rounded))
    assert torch.equal(before[weight == 0], after[weight == 0])
    assert float(after[weight > 0.9].mean()) < 0.7 * float(before[weight > 0.9].mean())


def test_the_shipped_skull_has_human_proportions(head: MorphableModel) -> None:
    assert 14.0 < max(breadth(head, height / 10) for height in range(5, 10)) < 16.0
    glabella = float(head.landmarks(head.mean[None])[0, 9, 2])
    assert 17.5 < 10 * (glabella - float(head.mean[:, 2].min())) < 20.0
