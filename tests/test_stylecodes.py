from __future__ import annotations

import numpy as np
import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.stylecodes import check_stylecodes, truncate


def test_a_single_code_becomes_a_batch() -> None:
    assert check_stylecodes(torch.zeros(512)).shape == (1, 512)
    assert check_stylecodes(np.zeros((3, 512), np.float32)).shape == (3, 512)


@pytest.mark.parametrize(
    ("w", "message"),
    [
        (torch.zeros(2, 511), r"w: expected shape \(N, 512\) or \(512,\), got \(2, 511\)"),
        (torch.zeros(2, 18, 512), "shape"),
        (torch.zeros(2, 512, dtype=torch.float64), "w: expected dtype float32, got torch.float64"),
        (np.zeros((1, 512), np.int32), "dtype float32"),
        (torch.full((1, 512), float("nan")), "finite"),
        (torch.full((1, 512), float("inf")), "finite"),
        ([0.0] * 512, "list"),
        (None, "NoneType"),
    ],
)
def test_rubbish_is_refused(w: object, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        check_stylecodes(w)  # type: ignore[arg-type]


def test_truncation_ends() -> None:
    w, mean = torch.randn(2, 512), torch.randn(512)
    torch.testing.assert_close(truncate(w, mean, 1.0), w)
    torch.testing.assert_close(truncate(w, mean, 0.0), mean.expand(2, -1))


@pytest.mark.parametrize("psi", [-0.1, 2.1, float("nan"), "0.7", True, None])
def test_bad_truncation_is_refused(psi: object) -> None:
    with pytest.raises(InvalidArgumentError, match="truncation"):
        truncate(torch.zeros(1, 512), torch.zeros(512), psi)  # type: ignore[arg-type]
