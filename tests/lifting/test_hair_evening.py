"""Hair comes nearer to one colour, keeps its strands, and leaves skin alone."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.lifting.hair_evening import even_hair
from tests.reference.naive_hair import evened

SIZE = 256
WANTED = torch.tensor([0.3, 0.2, 0.1]).view(1, 3, 1, 1)


def hair() -> torch.Tensor:
    """Hair in the upper half."""
    where = torch.zeros(1, 1, SIZE, SIZE)
    where[..., : SIZE // 2, :] = 1
    return where


@pytest.mark.parametrize("tone", [0.04, 0.2, 0.5, 0.95])
@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_a_slow_colour_goes_a_share_of_the_way(tone: float, share: float) -> None:
    image = torch.full((1, 3, SIZE, SIZE), tone)
    result = even_hair(image, hair(), WANTED, share)
    for channel in range(3):
        expected = evened(tone, tone, float(WANTED[0, channel, 0, 0]), share)
        assert float(result[0, channel, 40, 128]) == pytest.approx(expected, abs=1e-4)
    assert torch.equal(result[..., SIZE // 2 + 16 :, :], image[..., SIZE // 2 + 16 :, :])


def test_gloss_fades_and_strands_stay() -> None:
    strands = 1 + 0.1 * torch.randn(1, 1, 1, SIZE, generator=torch.Generator().manual_seed(0))
    gloss = torch.where(torch.arange(SIZE) < SIZE // 2, 1.0, 2.0)
    image = (0.2 * strands * gloss).expand(1, 3, SIZE, SIZE)
    result = even_hair(image, torch.ones(1, 1, SIZE, SIZE), torch.full((1, 3, 1, 1), 0.2), 0.6)
    matt, glossy = result[0, 0, 100, 30:90], result[0, 0, 100, 166:226]
    assert float(glossy.mean() / matt.mean()) == pytest.approx(2**0.4, abs=0.1)
    for part, before in ((matt, image[0, 0, 100, 30:90]), (glossy, image[0, 0, 100, 166:226])):
        assert float(part.std() / part.mean()) == pytest.approx(float(before.std() / before.mean()), rel=0.15)


def test_a_hairline_is_left_alone() -> None:
    """Skin shows between its strands, and must not get a rim of another tone; on an atlas of the usual size."""
    large = torch.nn.functional.interpolate(hair(), scale_factor=4.0, mode="nearest")
    image = torch.full((1, 3, 4 * SIZE, 4 * SIZE), 0.6)
    change = (even_hair(image, large, WANTED, 0.6) - image).abs()[0, 0, :, 512]
    assert float(change[2 * SIZE - 1]) < 0.02
    assert float(change[160]) > 0.1
    assert float((change[1:] - change[:-1]).abs().max()) < 0.03, "no edge"


def test_no_hair_no_change() -> None:
    image = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    assert torch.equal(even_hair(image, torch.zeros(1, 1, SIZE, SIZE), WANTED, 1.0), image)
