"""Weighted sums of rows against one row at a time."""

import torch

from stylefaceuv.lifting.weighted_rows import weighted_rows


def _table(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(7, 5, generator=generator, dtype=dtype)
    rows = torch.randint(0, 7, (11, 3), generator=generator)
    return values, rows, torch.rand(11, 3, generator=generator, dtype=dtype)


def test_against_one_row_at_a_time() -> None:
    values, rows, weights = _table()
    wanted = torch.zeros(11, 5)
    for texel in range(11):
        for corner in range(3):
            wanted[texel] += weights[texel, corner] * values[rows[texel, corner]]
    torch.testing.assert_close(weighted_rows(values, rows, weights), wanted)


def test_weights_of_another_type_take_the_table_s() -> None:
    values, rows, weights = _table()
    exact = weighted_rows(values.double(), rows, weights)
    assert exact.dtype == torch.float64
    torch.testing.assert_close(exact.float(), weighted_rows(values, rows, weights))


def test_gradients() -> None:
    values, rows, weights = _table(torch.float64)
    values.requires_grad_(), weights.requires_grad_()
    assert torch.autograd.gradcheck(lambda v, w: weighted_rows(v, rows, w), (values, weights))


def test_nothing_of_nothing() -> None:
    values, rows, weights = _table()
    assert weighted_rows(values, rows[:0], weights[:0]).shape == (0, 5)
    assert torch.equal(weighted_rows(values, rows[:4, :0], weights[:4, :0]), torch.zeros(4, 5))
