"""What the painted map says of a lifted photo, against loops and known answers."""

from __future__ import annotations

import numpy as np
import torch

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.lifting.painted_guide import gain_to_painted, much_darker, painted_lenses, seen_skin

SIZE, SMALL = 24, 6


def random_map(size: int, seed: int) -> torch.Tensor:
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_seen_skin_is_the_weighted_mean_of_each_block() -> None:
    lifted, seen = random_map(SIZE, 0), random_map(SIZE, 1)[:, :1]
    seen[..., :4, :4] = 0
    pooled, block = seen_skin(lifted, seen, SMALL), SIZE // SMALL
    expected = np.zeros((3, SMALL, SMALL))
    for y in range(SMALL):
        for x in range(SMALL):
            part = np.s_[..., y * block : (y + 1) * block, x * block : (x + 1) * block]
            weights = seen[part][0, 0].numpy()
            if weights.sum() > 0:
                expected[:, y, x] = (lifted[part][0].numpy() * weights).sum((1, 2)) / weights.sum()
    np.testing.assert_allclose(pooled[0].numpy(), expected, atol=1e-9)


def test_the_gain_is_found_in_spite_of_what_is_no_skin() -> None:
    gain = torch.tensor([1.2, 0.9, 0.7], dtype=torch.float64)
    painted = 0.3 + 0.3 * random_map(SMALL, 2)
    pooled = linear_to_srgb(srgb_to_linear(painted) / gain[:, None, None])
    pooled[..., :2, :] = 0.05  # a fringe
    sure = torch.ones(1, 1, SMALL, SMALL, dtype=torch.bool)
    torch.testing.assert_close(gain_to_painted(painted, pooled, sure), gain)
    assert torch.equal(gain_to_painted(painted, pooled, ~sure), torch.ones(3, dtype=torch.float64))


def test_only_what_is_much_darker_is_doubted() -> None:
    painted = torch.full((1, 3, 12, 12), 0.6)
    pooled = painted.clone()
    pooled[..., 7:] -= 0.05  # a soft shadow
    pooled[..., :3] -= 0.3
    doubt = much_darker(painted, pooled)[0, 0]
    assert float(doubt[:, :3].min()) == 1
    assert float(doubt[:, 5:].max()) == 0
    assert float(much_darker(painted, painted + 0.3).max()) == 0, "what is brighter is no hair"


def test_lenses_are_found_only_where_much_around_the_eyes_is_dark() -> None:
    size = 128
    mean, eyes, sure = torch.full((1, 3, size, size), 0.7), torch.zeros(1, 1, size, size), torch.ones(1, 1, size, size)
    eyes[..., 40:56, 30:50], eyes[..., 40:56, 78:98] = 1, 1
    painted = mean.clone()
    painted[..., 47:48, 30:98] = 0.5  # a thin rim
    painted[..., 90:110, 40:90] = 0.3  # a beard
    assert float(painted_lenses(painted, mean, eyes, sure).max()) == 0
    painted[..., 38:60, 28:54] = 0.4
    painted[..., 38:60, 74:100] = 0.4
    doubt = painted_lenses(painted, mean, eyes, sure)[0, 0]
    assert float(doubt[40:58, 30:52].min()) == 1
    assert float(doubt[80:].max()) == 0, "the beard stays"
    assert float(painted_lenses(painted, mean, eyes, sure * 0).max()) == 0
