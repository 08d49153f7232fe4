"""A fringe is strands and no skin together; what lies among its strands is doubted, brows too."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.lifting.fringe import among_strands, fringe_over

SIZE = 192


def plane(value: float = 0.0) -> torch.Tensor:
    return torch.full((1, 1, SIZE, SIZE), value)


@pytest.mark.parametrize(
    ("lines", "foreign", "expected"), [(0.5, 1.0, 1), (0.5, 0.3, 0), (0.05, 1.0, 0), (0.0, 0.0, 0)]
)
def test_a_fringe_has_strands_and_hides_skin(lines: float, foreign: float, expected: float) -> None:
    band, beyond = plane(), plane(1 - expected)  # what lies off the band says the contrary and is not looked at
    band[..., 40:90, :] = 1
    striped = torch.where(band > 0, lines, beyond)
    found = fringe_over(striped, torch.where(band > 0, 1 - foreign, 1 - beyond), plane(1.0), band)
    assert found.shape == (1, 1, 1, 1)
    assert float(found) == expected


def test_a_forehead_that_is_not_seen_says_nothing() -> None:
    assert float(fringe_over(plane(1.0), plane(0.0), plane(0.0), plane(1.0))) == 0


def test_a_brow_among_strands_is_doubted_and_a_brow_on_bare_skin_is_not() -> None:
    below, brows, strands = plane(), plane(), plane()
    below[..., 60:120, :] = 1
    brows[..., 80:96, 10:60] = brows[..., 80:96, -60:-10] = 1
    strands[..., 60:120, 0:80:4] = 1  # on one side only
    found = among_strands(torch.maximum(strands, brows), below, brows)
    assert float(found[..., 62:118, 4:70].min()) == 1
    assert float(found[..., 62:118, -64:].max()) == 0, "a brow's own hairs are no fringe"
    assert float((found * (1 - below)).max()) == 0


def test_a_mole_is_no_strand() -> None:
    spots = plane()
    spots[..., 90:94, 50:54] = spots[..., 100:103, 150:153] = 1
    assert float(among_strands(spots, plane(1.0), plane(0.0)).max()) < 0.5
