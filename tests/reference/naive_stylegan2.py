"""StyleGAN2 in the layout of rosinality's checkpoints, sample by sample, weight by weight; float64, slow on purpose."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F

State = dict[str, torch.Tensor]


def random_state(channels: list[int], style_dim: int, n_mlp: int, seed: int = 0) -> State:
    """A ``g_ema`` with rosinality's key names and shapes; ``channels`` at 4, 8, 16, ... pixels."""
    source = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=source)

    kernel = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 16
    state: State = {"input.input": draw(1, channels[0], 4, 4)}
    for i in range(n_mlp):
        state |= {f"style.{i + 1}.weight": draw(style_dim, style_dim) * 100, f"style.{i + 1}.bias": draw(style_dim)}

    def conv(name: str, inputs: int, outputs: int, size: int) -> None:
        state[f"{name}.conv.weight"] = draw(1, outputs, inputs, size, size)
        state[f"{name}.conv.modulation.weight"] = draw(inputs, style_dim)
        state[f"{name}.conv.modulation.bias"] = draw(inputs) + 1

    def styled(name: str, inputs: int, outputs: int) -> None:
        conv(name, inputs, outputs, 3)
        state[f"{name}.noise.weight"] = draw(1)
        state[f"{name}.activate.bias"] = draw(outputs)

    def to_rgb(name: str, inputs: int) -> None:
        conv(name, inputs, 3, 1)
        state[f"{name}.bias"] = draw(1, 3, 1, 1)

    styled("conv1", channels[0], channels[0])
    to_rgb("to_rgb1", channels[0])
    state["noises.noise_0"] = draw(1, 1, 4, 4)
    for i, (before, after) in enumerate(pairwise(channels)):
        styled(f"convs.{2 * i}", before, after)
        state[f"convs.{2 * i}.conv.blur.kernel"] = kernel.clone()
        styled(f"convs.{2 * i + 1}", after, after)
        to_rgb(f"to_rgbs.{i}", after)
        state[f"to_rgbs.{i}.upsample.kernel"] = kernel.clone()
        for k in (1, 2):
            state[f"noises.noise_{2 * i + k}"] = draw(1, 1, 8 << i, 8 << i)
    return state


def upfirdn(x: torch.Tensor, kernel: torch.Tensor, up: int, before: int, after: int) -> torch.Tensor:
    """Insert zeros, pad, filter with the flipped kernel; x (C, H, W)."""
    channels, height, width = x.shape
    spread = x.new_zeros(channels, height * up, width * up)
    spread[:, ::up, ::up] = x
    padded = F.pad(spread, (before, after, before, after))
    return F.conv2d(padded[:, None], kernel.to(x.dtype).flip(0, 1)[None, None])[:, 0]


def modulated_conv(
    x: torch.Tensor, weight: torch.Tensor, style: torch.Tensor, demodulate: bool, upsample: bool = False
) -> torch.Tensor:
    """Modulate and demodulate the weight of every sample; x (N, I, H, W), weight (O, I, k, k), style (N, I)."""
    results = []
    for sample, scales in zip(x, style, strict=True):
        own = weight * scales[None, :, None, None]
        if demodulate:
            own = own / (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if upsample:
            results.append(F.conv_transpose2d(sample[None], own.transpose(0, 1), stride=2)[0])
        else:
            results.append(F.conv2d(sample[None], own, padding=weight.shape[-1] // 2)[0])
    return torch.stack(results)


def mapping(state: State, z: torch.Tensor) -> torch.Tensor:
    """z (N, D) to w (N, D)."""
    x = z.double()
    x = x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for i in range(1, 1 + sum(name.startswith("style.") for name in state) // 2):
        weight, bias = state[f"style.{i}.weight"].double(), state[f"style.{i}.bias"].double()
        x = x @ (weight * (0.01 / math.sqrt(weight.shape[1]))).T + bias * 0.01
        x = torch.where(x > 0, x, 0.2 * x) * math.sqrt(2)
    return x


def synthesis(state: State, ws: torch.Tensor, clamp: float = math.inf) -> torch.Tensor:
    """ws (N, num_ws, D) to images (N, 3, R, R)."""
    state = {name: value.double() for name, value in state.items()}
    ws = ws.double()
    x = state["input.input"].repeat(len(ws), 1, 1, 1)
    x = _styled(state, "conv1", x, ws[:, 0], 0, clamp)
    image = _to_rgb(state, "to_rgb1", x, ws[:, 1], None, clamp)
    for i in range(sum(name.startswith("to_rgbs.") and name.endswith(".bias") for name in state) // 2):
        x = _styled(state, f"convs.{2 * i}", x, ws[:, 2 * i + 1], 2 * i + 1, clamp)
        x = _styled(state, f"convs.{2 * i + 1}", x, ws[:, 2 * i + 2], 2 * i + 2, clamp)
        image = _to_rgb(state, f"to_rgbs.{i}", x, ws[:, 2 * i + 3], image, clamp)
    return image


def _style(state: State, name: str, w: torch.Tensor) -> torch.Tensor:
    weight = state[f"{name}.conv.modulation.weight"]
    return w @ (weight / math.sqrt(weight.shape[1])).T + state[f"{name}.conv.modulation.bias"]


def _weight(state: State, name: str) -> torch.Tensor:
    weight = state[f"{name}.conv.weight"][0]
    return weight / math.sqrt(weight[0].numel())


def _styled(state: State, name: str, x: torch.Tensor, w: torch.Tensor, noise: int, clamp: float) -> torch.Tensor:
    kernel = state.get(f"{name}.conv.blur.kernel")
    x = modulated_conv(x, _weight(state, name), _style(state, name, w), True, kernel is not None)
    if kernel is not None:
        x = torch.stack([upfirdn(sample, kernel, 1, 1, 1) for sample in x])
    x = x + state[f"{name}.noise.weight"] * state[f"noises.noise_{noise}"]
    x = x + state[f"{name}.activate.bias"][None, :, None, None]
    return (torch.where(x > 0, x, 0.2 * x) * math.sqrt(2)).clamp(-clamp, clamp)


def _to_rgb(
    state: State, name: str, x: torch.Tensor, w: torch.Tensor, image: torch.Tensor | None, clamp: float
) -> torch.Tensor:
    rgb = modulated_conv(x, _weight(state, name), _style(state, name, w), False) + state[f"{name}.bias"]
    rgb = rgb.clamp(-clamp, clamp)
    if image is None:
        return rgb
    return torch.stack([upfirdn(one, state[f"{name}.upsample.kernel"], 2, 2, 1) for one in image]) + rgb
