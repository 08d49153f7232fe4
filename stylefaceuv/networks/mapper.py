"""F3D: stylecode to face coefficients."""

from __future__ import annotations

import itertools
from pathlib import Path

import torch
from torch import nn

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.types import FaceCoefficients
from stylefaceuv.weights_file import load_config, load_into

STYLE_SIZE = 512
IDENTITY, EXPRESSION, ROTATION, LIGHTING, TRANSLATION = 80, 64, 3, 27, 3
COEFFICIENT_COUNT = IDENTITY + EXPRESSION + ROTATION + LIGHTING + TRANSLATION
PRESETS = ("paper", "compact")


class Mapper(nn.Module):
    """Regresses the 177 coefficients of a face from its stylecode.

    Source: StyleFaceUV, section 3.2.1. Preset ``paper`` is its two branches; ``compact`` is a linear map and a small
    residual network, which measures no worse on this package's coefficients at a tenth of the size.

    Args:
        preset: "paper" or "compact".
        expression_names: the 64 names, kept with every result.
    """

    mean: torch.Tensor
    spread: torch.Tensor
    style_mean: torch.Tensor
    style_spread: torch.Tensor

    def __init__(self, preset: str = "compact", expression_names: tuple[str, ...] = ()) -> None:
        super().__init__()
        if preset not in PRESETS:
            raise InvalidArgumentError("preset", f"one of {PRESETS}", repr(preset))
        self.preset, self.expression_names = preset, expression_names
        self.body: nn.Module = _TwoBranches() if preset == "paper" else _Residual()
        self.register_buffer("mean", torch.zeros(COEFFICIENT_COUNT))
        self.register_buffer("spread", torch.ones(COEFFICIENT_COUNT))
        self.register_buffer("style_mean", torch.zeros(STYLE_SIZE))
        self.register_buffer("style_spread", torch.ones(STYLE_SIZE))

    def raw(self, w: torch.Tensor) -> torch.Tensor:
        """Return the (N, 177) coefficients before the bounds on expression, for training."""
        normalised = (w - self.style_mean) / self.style_spread
        result: torch.Tensor = self.mean + self.spread * self.body(normalised)
        return result

    def forward(self, w: torch.Tensor) -> FaceCoefficients:
        """Map stylecodes.

        Args:
            w: (N, 512) float, StyleGAN2 W.

        Returns:
            Batched coefficients; expression within [0, 1] by a hard bound that passes gradients inside it.

        Raises:
            InvalidArgumentError: wrong shape.
        """
        if w.ndim != 2 or w.shape[1] != STYLE_SIZE:
            raise InvalidArgumentError("w", "shape (N, 512)", tuple(w.shape))
        return self.unpack(self.raw(w))

    def unpack(self, raw: torch.Tensor) -> FaceCoefficients:
        """Split (N, 177) numbers into coefficients, identity, expression, rotation, lighting, translation."""
        sizes = [IDENTITY, EXPRESSION, ROTATION, LIGHTING, TRANSLATION]
        identity, expression, rotation, lighting, translation = raw.split(sizes, dim=1)
        bounded = expression.clamp(0, 1)
        return FaceCoefficients(identity, bounded, rotation, lighting, translation, self.expression_names)


class _TwoBranches(nn.Module):
    """The paper's two MLPs, Tanh and ELU, hidden 9·512, 6·512, 3·512, concatenated outputs."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [STYLE_SIZE, 9 * STYLE_SIZE, 6 * STYLE_SIZE, 3 * STYLE_SIZE]
        self.shape_branch = _mlp(sizes, IDENTITY + EXPRESSION, nn.Tanh)
        self.scene_branch = _mlp(sizes, ROTATION + LIGHTING + TRANSLATION, nn.ELU)

    def forward(self, w: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.shape_branch(w), self.scene_branch(w)], dim=1)


def _mlp(sizes: list[int], output: int, activation: type[nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], output))


class _Residual(nn.Module):
    """A linear map plus a small network that corrects it."""

    def __init__(self, hidden: int = 768) -> None:
        super().__init__()
        self.linear = nn.Linear(STYLE_SIZE, COEFFICIENT_COUNT)
        self.first = nn.Linear(STYLE_SIZE, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, COEFFICIENT_COUNT)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, w: torch.Tensor) -> torch.Tensor:
        hidden = nn.functional.silu(self.first(w))
        hidden = hidden + nn.functional.silu(self.second(hidden))
        return self.linear(w) + self.last(hidden)


def load_mapper(path: str | Path) -> Mapper:
    """Load a trained mapper.

    Args:
        path: a safetensors file whose header names the preset and the expressions.

    Returns:
        The mapper, in evaluation mode.

    Raises:
        WeightsError: missing, altered or misshapen tensors, or no such preset.
    """
    config = load_config(path)
    preset, names = config.get("preset"), config.get("expression_names")
    if preset not in PRESETS or not isinstance(names, list):
        raise WeightsError(f"{path}: expected a mapper's configuration, got {config}")
    mapper = Mapper(str(preset), tuple(str(name) for name in names))
    load_into(mapper, path)
    return mapper.eval()
