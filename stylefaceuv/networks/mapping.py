"""The StyleGAN2 mapping network: latent codes z to stylecodes w."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from stylefaceuv.networks.ops import LEAKY_SLOPE, EqualLinear, pixel_norm

MAPPING_LR_MUL = 0.01


class MappingNetwork(nn.Module):
    """Pixel norm and a stack of equalised linear layers with leaky ReLU times sqrt(2)."""

    def __init__(self, dim: int = 512, num_layers: int = 8, lr_mul: float = MAPPING_LR_MUL) -> None:
        """Make an untrained network.

        Args:
            dim: length of z, of w and of every hidden layer.
            num_layers: number of linear layers.
            lr_mul: learning rate multiplier of the layers.
        """
        super().__init__()
        self.layers = nn.ModuleList(EqualLinear(dim, dim, lr_mul) for _ in range(num_layers))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Map latent codes to stylecodes.

        Args:
            z: (N, dim) float, about standard normal.

        Returns:
            (N, dim) stylecodes.
        """
        x = pixel_norm(z)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), LEAKY_SLOPE) * math.sqrt(2.0)
        return x
