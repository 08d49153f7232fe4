"""Brows and lashes survive what takes away hair and glasses; under hair and glasses they do not."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.lifting.dark_features import feature_weights, glasses_over, own_features, rims_on
from stylefaceuv.lifting.landmark_fit import EYE_CONTOURS
from stylefaceuv.lifting.thin_lines import dark_lines

SIZE = 512
SKIN, DARK = 0.7, 0.2
UPPER = (slice(150, 200), slice(150, 360))
BRIDGE, UNDER = (slice(220, 240), slice(230, 280)), (slice(240, 280), slice(150, 360))
"""Where brows and eyes are, and where rims would be."""


@pytest.fixture
def weights() -> torch.Tensor:
    result = torch.zeros(1, 4, SIZE, SIZE)
    result[0, 0][UPPER] = 1
    result[0, 1, 320:360, 220:290] = 1
    result[0, 2][BRIDGE] = 1
    result[0, 3][UNDER] = 1
    return result


@pytest.fixture
def photo() -> torch.Tensor:
    image = torch.full((1, 3, SIZE, SIZE), SKIN)
    image[..., 160:175, 160:240] = DARK  # a brow
    return image


ONE = torch.ones(1, 1, SIZE, SIZE)
MODEL = torch.full((1, 3, SIZE, SIZE), SKIN)


def glasses(photo: torch.Tensor, weights: torch.Tensor, explained: torch.Tensor = ONE) -> torch.Tensor:
    return glasses_over(dark_lines(photo, 4), ONE, explained, weights)


def test_bare_eyes_keep_their_brows(photo: torch.Tensor, weights: torch.Tensor) -> None:
    assert float(glasses(photo, weights)) == 0
    own = own_features(photo, MODEL, ONE, glasses(photo, weights), weights)
    assert torch.equal(own, torch.maximum(weights[:, :1], weights[:, 1:2]))


def test_rims_and_lenses_are_glasses(photo: torch.Tensor, weights: torch.Tensor) -> None:
    rims = photo.clone()
    for row in (225, 240, 255, 270):
        rims[..., row : row + 4, 150:360] = DARK
    worn = glasses(rims, weights)
    assert float(worn) == 1
    own = own_features(rims, MODEL, ONE, worn, weights)
    assert float(own[0, 0][UPPER].max()) == 0
    assert torch.equal(own[..., 300:, :], weights[:, 1:2, 300:]), "nose and lips are not under them"
    lenses = ONE.clone()
    lenses[0, 0][UNDER] = 0
    assert float(glasses(photo, weights, lenses)) == 1


def test_rims_are_believed_where_they_cross_the_nose_and_pass_under_the_eyes(weights: torch.Tensor) -> None:
    shown = torch.zeros(1, 1, SIZE, SIZE)
    shown[..., 230:236, 140:380] = 1  # across the bridge
    shown[..., 255:268, 140:380] = 1  # under the eyes
    shown[..., 100:104, 100:400] = 0.5
    found = rims_on(shown, ONE, weights)
    assert bool((found[shown == 1] == 1).all())
    assert bool((found[shown == 0] == 0).all())
    assert float(found[..., 102, 200]) == 1, "less likely elsewhere, once the face is known to wear them"
    assert float(rims_on(shown, 0 * ONE, weights).max()) == 0, "nothing is seen"


def test_a_fold_under_one_eye_is_no_rim(weights: torch.Tensor) -> None:
    shown = torch.zeros(1, 1, SIZE, SIZE)
    shown[..., 255:263, 150:300] = 1
    assert float(rims_on(shown, ONE, weights).max()) == 0


def test_a_brow_under_a_fringe_is_hair(photo: torch.Tensor, weights: torch.Tensor) -> None:
    photo[..., :170, :250] = DARK
    own = own_features(photo, MODEL, ONE, torch.zeros(1, 1, 1, 1), weights)[0, 0]
    assert float(own[152:165, 160:230].max()) == 0
    assert float(own[152:195, 330:355].min()) > 0.9, "the other brow is bare"


def test_unseen_features_are_nobody_s(photo: torch.Tensor, weights: torch.Tensor) -> None:
    assert float(own_features(photo, MODEL, ONE * 0, torch.zeros(1, 1, 1, 1), weights).max()) == 0
    assert float(glasses_over(dark_lines(photo, 4), ONE * 0, ONE, weights)) == 0


def test_weights_lie_at_their_landmarks() -> None:
    points = torch.randn(478, 3, generator=torch.Generator().manual_seed(0)) * 5
    at = points[[EYE_CONTOURS[0], 105, 4, 6, 119]]
    found = feature_weights(
        torch.cat([at, torch.full((1, 3), 99.0), at]), torch.tensor([True] * 6 + [False] * 5), points
    )
    expected = [[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]] + [[0, 0, 0, 0]] * 6
    assert found.tolist() == expected
