"""Tells background, face, hair and glasses apart in a StyleGAN2 image, from the activations it is made of, and which
colour the hair has."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.networks.generator import Generator
from stylefaceuv.weights_file import load_config, load_into

SEGMENTS = ("background", "face", "hair", "glasses")
"""What a pixel may show. Face is skin and what belongs to it: eyes, mouth, beard, neck; glasses are rims and dark
lenses, clear ones are face; a hat is background or hair, clothes are background."""
_HAIR, _SURELY, _USUAL_TONE = SEGMENTS.index("hair"), 0.7, 0.3


@dataclass(frozen=True)
class SegmenterConfig:
    """Sizes of a :class:`HeadSegmenter`.

    Attributes:
        resolution: of the activations it reads, pixels.
        channels: of those activations.
        hidden: width of its one hidden layer.
    """

    resolution: int = 128
    channels: int = 256
    hidden: int = 48


class HeadSegmenter(nn.Module):
    """A small network for each pixel on its own: the generator has already looked around.

    Source: the activations of StyleGAN2 tell parts of its images apart (Collins et al., Editing in Style, CVPR 2020;
    Zhang et al., DatasetGAN, CVPR 2021). Here no person has marked a pixel: the head model says where skin, scalp and
    background must be, see :mod:`stylefaceuv.training.segmenter`.

    Args:
        config: sizes.
    """

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, config: SegmenterConfig | None = None) -> None:
        super().__init__()
        self.config = config or SegmenterConfig()
        channels = self.config.channels
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("spread", torch.ones(channels))
        self.layers = nn.Sequential(
            nn.Linear(channels, self.config.hidden), nn.ReLU(), nn.Linear(self.config.hidden, len(SEGMENTS))
        )
        self.tone = nn.Linear(channels, 3)  # of hair; taught last, by training.hair_tone
        nn.init.zeros_(self.tone.weight)
        nn.init.constant_(self.tone.bias, _USUAL_TONE)

    def logits(self, activations: torch.Tensor) -> torch.Tensor:
        """Score pixels.

        Args:
            activations: (M, C) float, of M pixels.

        Returns:
            (M, S) float, in the order of ``SEGMENTS``.
        """
        scores: torch.Tensor = self.layers((activations - self.mean) / self.spread)
        return scores

    def forward(self, trunk: torch.Tensor) -> torch.Tensor:
        """Segment images.

        Args:
            trunk: (N, C, r, r) float, the generator's activations at ``config.resolution``.

        Returns:
            (N, S, r, r) float in [0, 1], probabilities in the order of ``SEGMENTS``; the same frame as the image.

        Raises:
            InvalidArgumentError: another shape.
        """
        self._check(trunk)
        side = self.config.resolution
        scores = self.logits(trunk.permute(0, 2, 3, 1).flatten(0, 2))  # N C r r -> (N r r) C
        shares = scores.softmax(dim=1).unflatten(0, (len(trunk), side, side))  # (N r r) S -> N r r S
        return shares.permute(0, 3, 1, 2)

    def hair_activations(self, trunk: torch.Tensor, segments: torch.Tensor) -> torch.Tensor:
        """Average what the generator has where an image surely shows hair.

        Args:
            trunk: as in :meth:`forward`.
            segments: (N, S, r, r) float in [0, 1], of :meth:`forward`.

        Returns:
            (N, C) float, in deviations of all pixels from their mean; zeros of an image without hair.

        Raises:
            InvalidArgumentError: another shape.
        """
        self._check(trunk)
        expected = (len(trunk), len(SEGMENTS), *trunk.shape[2:])
        if segments.shape != expected:
            raise InvalidArgumentError("segments", f"shape {expected}", tuple(segments.shape))
        hair = _sure_hair(segments).to(trunk.dtype)
        count = hair.sum(dim=(1, 2))[:, None]
        total = torch.einsum("nchw,nhw->nc", trunk, hair)
        return (total / count.clamp_min(1) - self.mean) / self.spread * (count > 0)

    def hair_color(self, trunk: torch.Tensor, segments: torch.Tensor) -> torch.Tensor:
        """Tell which colour the hair has that images show.

        Args:
            trunk: as in :meth:`forward`.
            segments: (N, S, r, r) float in [0, 1], of :meth:`forward`.

        Returns:
            (N, 3) float in [0, 1], sRGB-encoded albedo, mean of a whole head of that hair, or of what a segmenter takes
            for it; arbitrary where none is shown.

        Raises:
            InvalidArgumentError: another shape.
        """
        color: torch.Tensor = self.tone(self.hair_activations(trunk, segments))
        return color.clamp(0, 1)

    def _check(self, trunk: torch.Tensor) -> None:
        expected = (self.config.channels, self.config.resolution, self.config.resolution)
        if trunk.ndim != 4 or trunk.shape[1:] != expected:
            raise InvalidArgumentError("trunk", f"shape (N, {', '.join(map(str, expected))})", tuple(trunk.shape))

    def header(self) -> dict[str, object]:
        """What the weight file's header says of the sizes."""
        return dict(asdict(self.config))


@dataclass(frozen=True)
class HairReading:
    """The hair that the images of N stylecodes show.

    Attributes:
        color: (N, 3) float in [0, 1], of :meth:`HeadSegmenter.hair_color`.
        share: (N,) float in [0, 1], share of the image that surely shows hair.
    """

    color: torch.Tensor
    share: torch.Tensor


def segments_of(
    segmenter: HeadSegmenter, generator: Generator, w: torch.Tensor, trunk: torch.Tensor | None = None
) -> torch.Tensor:
    """Tell what the images of stylecodes show.

    Args:
        segmenter: looks at activations.
        generator: makes them.
        w: (N, 512) float stylecodes.
        trunk: (N, C, r, r) float, activations that are there already; taken where they have the segmenter's
            resolution.

    Returns:
        (N, S, s, s) float in [0, 1], in the order of ``SEGMENTS``.
    """
    segments: torch.Tensor = segmenter(_own_trunk(segmenter, generator, w, trunk))
    return segments


def hair_of(
    segmenter: HeadSegmenter,
    generator: Generator,
    w: torch.Tensor,
    segments: torch.Tensor,
    trunk: torch.Tensor | None = None,
) -> HairReading:
    """Tell which hair the images of stylecodes show.

    Args:
        segmenter: as in :func:`segments_of`.
        generator: as there.
        w: as there.
        segments: what that returned.
        trunk: as there.

    Returns:
        Its colour, and how much of it there is.
    """
    color = segmenter.hair_color(_own_trunk(segmenter, generator, w, trunk), segments)
    return HairReading(color, _sure_hair(segments).mean(dim=(1, 2)))


def _own_trunk(
    segmenter: HeadSegmenter, generator: Generator, w: torch.Tensor, trunk: torch.Tensor | None
) -> torch.Tensor:
    """The activations that a segmenter reads, made unless they are there already."""
    resolution = segmenter.config.resolution
    return trunk if trunk is not None and trunk.shape[-1] == resolution else generator.synthesis_features(w, resolution)


def _sure_hair(segments: torch.Tensor) -> torch.Tensor:
    """(N, r, r) float, 1 where segments (N, S, r, r) surely show hair."""
    return (segments[:, _HAIR] > _SURELY).to(segments.dtype)


def load_head_segmenter(path: str | Path) -> HeadSegmenter:
    """Load a trained segmenter.

    Args:
        path: a safetensors file whose header holds the sizes.

    Returns:
        The segmenter, in evaluation mode.

    Raises:
        WeightsError: missing, altered or misshapen tensors, or a header without the sizes.
    """
    header = load_config(path)
    names = list(asdict(SegmenterConfig()))
    values = [header.get(name) for name in names]
    if not all(isinstance(value, int) and value > 0 for value in values):
        raise WeightsError(f"{path}: expected a head segmenter's {', '.join(names)}, got {header}")
    sizes = {name: int(str(value)) for name, value in zip(names, values, strict=True)}
    segmenter = HeadSegmenter(SegmenterConfig(**sizes))
    load_into(segmenter, path)
    return segmenter.eval()
