"""The blendshape network: 146 of the 478 landmarks to 52 scores, an MLP mixer."""

from __future__ import annotations

import torch
from torch import nn

BLENDSHAPE_NAMES: tuple[str, ...] = (
    "_neutral",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookDownLeft",
    "eyeLookDownRight",
    "eyeLookInLeft",
    "eyeLookInRight",
    "eyeLookOutLeft",
    "eyeLookOutRight",
    "eyeLookUpLeft",
    "eyeLookUpRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "noseSneerLeft",
    "noseSneerRight",
)
"""The 52 scores in the order of the network: ``_neutral`` and 51 ARKit names. ``tongueOut`` is not among them."""

# fmt: off
LANDMARK_SUBSET: tuple[int, ...] = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
    81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153,
    154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251,
    263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318,
    321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)
"""The landmarks that the network reads, in the order of its input."""
# fmt: on

_TOKENS, _CHANNELS, _TOKEN_HIDDEN, _CHANNEL_HIDDEN, _BLOCKS = 96, 64, 384, 256, 4
_EPSILON = 1e-6
_INPUT_SCALE = 0.5


class _Scale(nn.Module):
    """Layer normalisation over the last dimension with a gain and no bias."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(size))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return nn.functional.layer_norm(values, self.gain.shape, self.gain, None, _EPSILON)


class _Mixer(nn.Module):
    """Mixes first the tokens, then the channels, of (N, tokens, channels)."""

    def __init__(self) -> None:
        super().__init__()
        self.token_norm = _Scale(_CHANNELS)
        self.token_in = nn.Linear(_TOKENS + 1, _TOKEN_HIDDEN)
        self.token_out = nn.Linear(_TOKEN_HIDDEN, _TOKENS + 1)
        self.channel_norm = _Scale(_CHANNELS)
        self.channel_in = nn.Linear(_CHANNELS, _CHANNEL_HIDDEN)
        self.channel_out = nn.Linear(_CHANNEL_HIDDEN, _CHANNELS)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        mixed = self.token_out(torch.relu(self.token_in(self.token_norm(tokens).mT)))
        tokens = tokens + mixed.mT
        return tokens + self.channel_out(torch.relu(self.channel_in(self.channel_norm(tokens))))


class BlendshapeNetwork(nn.Module):
    """Expression scores of landmarks; position and scale of the face do not matter, its turn in the image does."""

    subset: torch.Tensor

    def __init__(self) -> None:
        """Make the layers; the weights are random until loaded."""
        super().__init__()
        self.register_buffer("subset", torch.tensor(LANDMARK_SUBSET), persistent=False)
        self.token_embedding = nn.Linear(len(LANDMARK_SUBSET), _TOKENS)
        self.channel_embedding = nn.Linear(2, _CHANNELS)
        self.score_token = nn.Parameter(torch.zeros(1, 1, _CHANNELS))
        self.blocks = nn.Sequential(*(_Mixer() for _ in range(_BLOCKS)))
        self.scores = nn.Linear(_CHANNELS, len(BLENDSHAPE_NAMES))

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Score the expression.

        Args:
            points: (N, 478, 2 or 3) float, x right and y down in pixels of the upright image; z is not read.

        Returns:
            (N, 52) float in [0, 1], ordered as :data:`BLENDSHAPE_NAMES`.
        """
        used = points[:, self.subset, :2]
        used = used - used.mean(1, keepdim=True)
        used = used / used.norm(dim=2, keepdim=True).mean(1, keepdim=True) * _INPUT_SCALE
        tokens = self.channel_embedding(self.token_embedding(used.mT).mT)
        tokens = torch.cat([self.score_token.expand(len(tokens), -1, -1), tokens], 1)
        return torch.sigmoid(self.scores(self.blocks(tokens)[:, 0]))
