from __future__ import annotations

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.networks import ops
from tests.reference import mobile_stylegan_ir, naive_stylegan2


def _double(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("upsample", [True, False])
@pytest.mark.parametrize("kernel", [1, 3])
def test_modulated_conv_equals_modulated_weights(demodulate: bool, upsample: bool, kernel: int) -> None:
    inputs = [_double(3, 4, 5, 7), _double(6, 4, kernel, kernel, seed=1), _double(3, 4, seed=2)]
    own, naive = ([x.clone().requires_grad_() for x in inputs] for _ in range(2))
    result = ops.modulated_conv2d(*own, demodulate, upsample)
    expected = naive_stylegan2.modulated_conv(*naive, demodulate, upsample)
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=1e-6)
    weights = _double(*result.shape, seed=3)
    for a, b in zip(
        torch.autograd.grad((result * weights).sum(), own),
        torch.autograd.grad((expected * weights).sum(), naive),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("upsample", [True, False])
def test_modulated_conv_gradient(upsample: bool) -> None:
    inputs = [_double(2, 3, 4, 3), _double(2, 3, 3, 3, seed=1), _double(2, 3, seed=2)]
    for x in inputs:
        x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w, s: ops.modulated_conv2d(x, w, s, True, upsample), inputs)


def test_blur_and_upsampling_equal_zero_insertion_and_filtering() -> None:
    x, kernel = _double(2, 3, 5, 7), ops.binomial_kernel(4.0)
    blurred = torch.stack([naive_stylegan2.upfirdn(one, kernel, 1, 1, 1) for one in x])
    torch.testing.assert_close(ops.blur(x, kernel, (1, 1)), blurred)
    doubled = torch.stack([naive_stylegan2.upfirdn(one, kernel, 2, 2, 1) for one in x])
    torch.testing.assert_close(ops.upsample2d(x, kernel), doubled)


@pytest.mark.parametrize("filter_name", ["blur", "upsample2d"])
def test_filters_do_not_assume_a_symmetric_kernel(filter_name: str) -> None:
    x, kernel = _double(1, 2, 4, 6), _double(4, 4, seed=5)
    if filter_name == "blur":
        result, settings = ops.blur(x, kernel.flip(0, 1), (2, 1)), (1, 2, 1)
    else:
        result, settings = ops.upsample2d(x, kernel.flip(0, 1)), (2, 2, 1)
    torch.testing.assert_close(result[0], naive_stylegan2.upfirdn(x[0], kernel, *settings))


@pytest.mark.parametrize("grad", [True, False])
def test_inverse_haar_equals_the_transposed_convolutions(grad: bool) -> None:
    channels = 3
    bands, scale = _double(2, 4 * channels, 5, 7), _double(2, 4 * channels, seed=1)
    low, high = (bands * scale[:, :, None, None]).split([channels, 3 * channels], 1)
    interleaved = high.unflatten(1, (3, channels)).transpose(1, 2).flatten(1, 2)
    expected = mobile_stylegan_ir.inverse_haar(torch.cat([low, interleaved], 1))
    with torch.set_grad_enabled(grad):
        result = ops.inverse_haar(bands, scale)
    torch.testing.assert_close(result, expected)
    assert result.is_contiguous(memory_format=torch.channels_last)


def test_inverse_haar_keeps_the_energy_and_has_a_gradient() -> None:
    bands, ones = _double(1, 8, 3, 2), torch.ones(1, 8, dtype=torch.float64)
    torch.testing.assert_close(ops.inverse_haar(bands, ones).square().sum(), bands.square().sum())
    assert torch.autograd.gradcheck(ops.inverse_haar, [bands.requires_grad_(), ones.requires_grad_()])


def test_pixel_norm_gives_unit_mean_square() -> None:
    x = ops.pixel_norm(_double(4, 64) * 7)
    torch.testing.assert_close(x.square().mean(1), torch.ones(4, dtype=torch.float64))


def test_equal_linear_scales_at_run_time() -> None:
    layer = ops.EqualLinear(16, 4, lr_mul=0.01, bias_init=1.0)
    x = torch.randn(3, 16)
    expected = x @ (layer.weight * 0.01 / 4).T + 1.0
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (torch.zeros(2, 7), r"w: expected .*\(N, 8\) or \(N, 4, 8\), got torch.float32 of shape \(2, 7\)"),
        (torch.zeros(8), "shape"),
        (torch.zeros(2, 5, 8), "shape"),
        (torch.zeros(1, 1, 4, 8), "shape"),
        (torch.zeros(2, 8, dtype=torch.int64), "int64"),
        (torch.full((2, 8), float("nan")), "finite values"),
        (torch.full((2, 4, 8), float("inf")), "finite values"),
        ([[0.0] * 8], "list"),
    ],
)
def test_bad_codes_are_named(codes: torch.Tensor, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        ops.check_codes(codes, "w", 8, 4)
