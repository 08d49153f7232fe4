"""Building blocks shared by the generators: equalised layers, shared-weight modulated convolution, Haar synthesis."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from stylefaceuv.errors import InvalidArgumentError

LEAKY_SLOPE = 0.2


def check_codes(codes: torch.Tensor, argument: str, dim: int, num_ws: int | None = None) -> None:
    """Raise unless ``codes`` is a finite (N, dim) or, where ``num_ws`` is given, (N, num_ws, dim) floating tensor.

    Args:
        codes: the value to check.
        argument: its name in the message.
        dim: length of one code.
        num_ws: number of codes per image that a caller may give; ``None`` when only (N, dim) is accepted.

    Raises:
        InvalidArgumentError: wrong type, shape or dtype, or NaN or Inf inside.
    """
    expected = f"a floating-point tensor of shape (N, {dim})"
    if num_ws is not None:
        expected += f" or (N, {num_ws}, {dim})"
    if not isinstance(codes, torch.Tensor):
        raise InvalidArgumentError(argument, expected, type(codes).__name__)
    shapes = [(dim,)] if num_ws is None else [(dim,), (num_ws, dim)]
    if not codes.is_floating_point() or tuple(codes.shape[1:]) not in shapes or codes.ndim < 2:
        raise InvalidArgumentError(argument, expected, f"{codes.dtype} of shape {tuple(codes.shape)}")
    if not bool(torch.isfinite(codes).all()):
        raise InvalidArgumentError(argument, "finite values", "NaN or Inf")


def pixel_norm(x: torch.Tensor, eps: float = 1e-8) -> torch.Tensor:
    """Scale each row to unit mean square.

    Args:
        x: (..., C).
        eps: added to the mean square.

    Returns:
        (..., C), same dtype.
    """
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)


class EqualLinear(nn.Module):
    """Linear layer whose weights are stored with unit variance over ``lr_mul`` and scaled at run time."""

    def __init__(self, in_features: int, out_features: int, lr_mul: float = 1.0, bias_init: float = 0.0) -> None:
        """Draw the weights from the global torch generator.

        Args:
            in_features: length of an input row.
            out_features: length of an output row.
            lr_mul: learning rate multiplier; weights are stored divided by it.
            bias_init: first effective value of every bias.
        """
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_mul)
        self.bias = nn.Parameter(torch.full((out_features,), bias_init / lr_mul))
        self.weight_gain = lr_mul / math.sqrt(in_features)
        self.bias_gain = lr_mul

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (..., in_features) to (..., out_features)."""
        return F.linear(x * self.weight_gain, self.weight, self.bias * self.bias_gain)


def modulated_conv2d(
    x: torch.Tensor, weight: torch.Tensor, style: torch.Tensor, demodulate: bool = True, upsample: bool = False
) -> torch.Tensor:
    """Convolve each sample with ``weight`` modulated by its style, through one shared-weight convolution.

    Modulating the weight equals scaling the input channels; demodulating it equals scaling the output channels.

    Args:
        x: (N, I, H, W) features.
        weight: (O, I, k, k), effective (already scaled); k odd.
        style: (N, I) input scales.
        demodulate: scale each output channel so that its modulated weight has unit norm.
        upsample: transposed convolution with stride 2 (no blur), which gives (2H + k - 2, 2W + k - 2).

    Returns:
        (N, O, H, W), or the larger size when up-sampling.
    """
    modulated = x * style[:, :, None, None]
    if upsample:
        out = F.conv_transpose2d(modulated, weight.transpose(0, 1), stride=2)
    else:
        out = F.conv2d(modulated, weight, padding=weight.shape[-1] // 2)
    if not demodulate:
        return out
    energy = F.linear(style.square(), weight.square().sum((2, 3)))
    return out * torch.rsqrt(energy + 1e-8)[:, :, None, None]


def binomial_kernel(gain: float = 1.0) -> torch.Tensor:
    """The separable [1, 3, 3, 1] low-pass as a (4, 4) float32 kernel whose sum is ``gain``."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(taps, taps)
    return kernel * (gain / kernel.sum())


def blur(x: torch.Tensor, kernel: torch.Tensor, padding: tuple[int, int]) -> torch.Tensor:
    """Filter every channel with a symmetric kernel.

    Args:
        x: (N, C, H, W).
        kernel: (k, k).
        padding: zeros before and after, on both axes.

    Returns:
        (N, C, H + sum(padding) - k + 1, W + sum(padding) - k + 1).
    """
    channels = x.shape[1]
    weight = kernel.to(x.dtype).expand(channels, 1, *kernel.shape)
    before, after = padding
    return F.conv2d(F.pad(x, (before, after, before, after)), weight, groups=channels)


def upsample2d(x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Double the size: insert zeros, then filter with a (4, 4) kernel of sum 4.

    Args:
        x: (N, C, H, W).
        kernel: (4, 4), see :func:`binomial_kernel`.

    Returns:
        (N, C, 2H, 2W).
    """
    channels = x.shape[1]
    weight = kernel.to(x.dtype).flip(0, 1).expand(channels, 1, *kernel.shape)
    return F.conv_transpose2d(x, weight, stride=2, padding=1, groups=channels)


def inverse_haar(x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Scale the four Haar bands and synthesise an image of twice the size (orthonormal transform).

    Output pixel (2i + a, 2j + b) is (LL + (-1)^a V + (-1)^b H + (-1)^(a+b) D) / 2 of input pixel (i, j).

    Args:
        x: (N, 4C, H, W), bands LL, V (differs between rows), H (differs between columns), D, each C channels.
        scale: (N, 4C) factor of every input channel.

    Returns:
        (N, C, 2H, 2W), channels-last in memory.
    """
    batch, quadruple, height, width = x.shape
    channels = quadruple // 4
    rows = x.permute(0, 2, 3, 1) * (0.5 * scale)[:, None, None, :]
    low, vertical, horizontal, diagonal = torch.split(rows, channels, dim=-1)
    left, right = low + horizontal, low - horizontal
    left_step, right_step = vertical + diagonal, vertical - diagonal
    quads = ((left, left_step), (right, right_step))
    if torch.is_grad_enabled():
        columns = [torch.stack((mean + step, mean - step), dim=2) for mean, step in quads]
        out = torch.stack(columns, dim=4)
    else:
        out = x.new_empty(batch, height, 2, width, 2, channels)
        for column, (mean, step) in enumerate(quads):
            torch.add(mean, step, out=out[:, :, 0, :, column])
            torch.sub(mean, step, out=out[:, :, 1, :, column])
    return out.reshape(batch, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)
