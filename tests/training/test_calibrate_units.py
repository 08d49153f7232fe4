"""A unit read off scores: known slopes are found, the head takes them up where the unit moves it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.training.calibrate_units import BROAD, SOBER, ScoreSlope, calibrate_pair, score_slope
from stylefaceuv.weights_file import save_tensors

SIDES = ("mouthSmileLeft", "mouthSmileRight")


@pytest.fixture(scope="module")
def head() -> MorphableModel:
    return load_face_model()


@pytest.fixture(scope="module")
def slope(head: MorphableModel) -> ScoreSlope:
    pull = 0.3 * torch.randn(80, generator=torch.Generator().manual_seed(4)) * (head.identity_mirror_sign > 0)
    return ScoreSlope(0.4, pull, 10, 10)


@pytest.fixture(scope="module")
def after(head: MorphableModel, slope: ScoreSlope) -> MorphableModel:
    model = load_face_model()
    with torch.no_grad():
        calibrate_pair(model, "mouthSmile", slope)
    return model


def both(model: MorphableModel) -> torch.Tensor:
    """(V0, 3): what both smiles at 1 do."""
    return model.expression_basis[[model.expression_names.index(name) for name in SIDES]].sum(0)


def test_slopes_are_those_the_faces_were_made_with(tmp_path: Path, head: MorphableModel) -> None:
    source = torch.Generator().manual_seed(2)
    score = torch.tensor([0.0, 0.05, 0.5, 0.9, 1.0]).repeat(8)
    taste = torch.randn(80, generator=source)
    expression = torch.zeros(40, 64)
    for name in SIDES:
        expression[:, head.expression_names.index(name)] = 0.3 * score + 0.1
    scores = torch.zeros(40, len(BLENDSHAPE_NAMES))
    scores[:, [BLENDSHAPE_NAMES.index(name) for name in SIDES]] = score[:, None]
    rotation, error = torch.zeros(40, 3), torch.full((40,), 0.01)
    identity = score[:, None] * taste + 0.2
    rotation[30:, 0], identity[30:] = 40.0, 9.0  # turned away: not looked at
    fits = {"identity": identity, "expression": expression, "rotation": rotation, "error": error}
    save_tensors(tmp_path / "shard-00000.fits.safetensors", fits)
    save_tensors(tmp_path / "shard-00000.labels.safetensors", {"blendshapes": scores})
    found = score_slope(tmp_path, head, "mouthSmile")
    assert found.weight == pytest.approx(0.3, abs=1e-5)
    torch.testing.assert_close(found.identity, taste * (head.identity_mirror_sign > 0), atol=1e-5, rtol=0)
    assert (found.sober, found.broad) == (int((score[:30] < SOBER).sum()), int((score[:30] > BROAD).sum()))


def test_both_units_together_are_the_face_of_score_one(
    head: MorphableModel, after: MorphableModel, slope: ScoreSlope
) -> None:
    moved = head.expression_basis[[head.expression_names.index(name) for name in SIDES]].norm(dim=-1).amax(0)
    wanted = slope.weight * both(head) + torch.einsum("k,kvc->vc", slope.identity, head.identity_basis)
    here = moved > 0.03
    assert int(here.sum()) > 100
    torch.testing.assert_close(both(after)[here], wanted[here], atol=2e-5, rtol=0)
    still = moved == 0
    assert torch.equal(both(after)[still], torch.zeros_like(both(after)[still]))


def test_right_is_the_mirror_of_left_and_others_stay(head: MorphableModel, after: MorphableModel) -> None:
    left, right = (after.expression_names.index(name) for name in SIDES)
    flipped = after.expression_basis[left][after.mirror_index.long()] * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.equal(after.expression_basis[right], flipped)
    rest = [row for row in range(64) if row not in (left, right)]
    assert torch.equal(after.expression_basis[rest], head.expression_basis[rest])
    assert torch.equal(after.mean, head.mean)
