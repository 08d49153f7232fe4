"""Trains the UV generator's painter of skin alone, on heads that were lifted from photos of its own stylecodes.

    python -m stylefaceuv.training uv-skin --run RUN --count 2400 --steps 3000

The painters share no weights, so hair and displacement stay what they are, to the bit. Its targets are those of
``uv-hair`` and can be shared (``--targets``): the photo's features lie on them where the head has them, so what it
learns first is to paint brows, lids and lips where they belong, instead of smearing them over all places where they
might be. The run folder gets ``checkpoint.pt`` (exact resume), ``metrics.jsonl``, sample grids and
``uv_generator.safetensors`` with averaged weights.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from stylefaceuv.components import Components
from stylefaceuv.lifting.pyramid import grow, shrink
from stylefaceuv.networks.uv_generator import UVGenerator
from stylefaceuv.training.feature_networks import BACKBONES, FeatureNetwork, load_feature_network
from stylefaceuv.training.hair_targets import HairTargets
from stylefaceuv.training.painter_stage import PainterStage, PainterTraining, add_arguments, begin
from stylefaceuv.training.uv_losses import perceptual_loss

_LEVELS = 5
"""Halvings of the atlas: from single texels up to half of a cheek."""


@dataclass(frozen=True)
class SkinTraining(PainterTraining):
    """Constants of the stage, besides those of all painters' stages.

    Attributes:
        unsure: weight of texels that no photo shows; those that are seen weigh 1.
        eyes: weight of the eye islands, which are small and matter.
        bands: weight of the error's bands, from single texels up.
        perceptual: weight of the features' distance, where a network of features is given.
    """

    unsure: float = 0.5
    eyes: float = 3.0
    bands: float = 1.0
    perceptual: float = 0.05
    checkpoint_every: int = 200


def skin_terms(painted: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> dict[str, torch.Tensor]:
    """How far painted skin is from lifted skin; each term a scalar without its weight.

    Args:
        painted: (N, 3, H, W) float, sRGB, edges multiples of 32.
        target: (N, 3, H, W) float in [0, 1], sRGB.
        weight: (N, 1, H, W) float, not negative; 0 off the charts.

    Returns:
        ``colour``: mean absolute difference.
        ``bands``: the same of the bands of the difference's Laplacian pyramid, each as a mean over its own level and
            all summed, so that a missing brow costs more than as much noise on all texels. Source: Bojanowski
            et al., Optimizing the Latent Space of Generative Networks (2018), Lap1.
    """
    error, bands = (painted - target) * (weight > 0), []
    colour, level = _weighted(error, weight), weight
    for _ in range(_LEVELS):
        coarse = shrink(error, 1)
        bands.append(_weighted(error - grow(coarse, 1, error.shape[-2:]), level))
        error, level = coarse, shrink(level, 1)
    return {"colour": colour, "bands": torch.stack([*bands, _weighted(error, level)]).sum()}


def _weighted(error: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of (N, C, H, W) under (N, 1, H, W)."""
    return (error.abs() * weight).sum() / (error.shape[1] * weight.sum()).clamp_min(1e-6)


def face_window(support: torch.Tensor, resolution: int) -> tuple[slice, slice]:
    """Rows and columns of the atlas that hold the face: features of the rest of it would be features of nothing.

    Args:
        support: (1, q, q) float in [0, 1], where the albedo model knows faces.
        resolution: edge of the atlas whose rows and columns are asked for, a multiple of 16.

    Returns:
        Two slices, widened to multiples of 16.
    """
    size = (resolution // 16, resolution // 16)
    cells = functional.adaptive_max_pool2d(support[None], size)[0, 0] > 0.5
    ends = [cells.any(dim=1 - axis).nonzero() for axis in (0, 1)]
    rows, columns = (slice(16 * int(found.min()), 16 * int(found.max()) + 16) for found in ends)
    return rows, columns


class SkinStage(PainterStage):
    """The stage's state and its loop.

    Args:
        parts: frozen networks and the face model.
        model: a UV generator; only its painter of colour is trained.
        targets: heads; the last ones are held out.
        config: constants.
        run: folder of the run.
        features: for the perceptual term; None leaves that out.

    Raises:
        InvalidArgumentError: no face is left to learn.
    """

    def __init__(
        self,
        parts: Components,
        model: UVGenerator,
        targets: HairTargets,
        config: SkinTraining,
        run: Path,
        features: FeatureNetwork | None = None,
    ) -> None:
        super().__init__(parts, model, model.colour, targets, config, run)
        self.config, self.features = config, features
        self.chart, self.eyes = self.views.chart_and_eyes()
        self.window = face_window(parts.albedo_model.support, model.config.resolution)

    def terms(self, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """Weighted loss terms of some faces, (n,) int64."""
        config, painted = self.config, self._paint(rows)
        bare, confidence, cover = (
            part[rows].float() / 255 for part in (self.targets.bare, self.targets.confidence, self.targets.cover)
        )
        seen = confidence * (1 - cover)
        weight = (config.unsure + (1 - config.unsure) * seen + config.eyes * self.eyes) * self.chart
        terms = skin_terms(painted, bare, weight)
        terms["bands"] = config.bands * terms["bands"]
        if self.features is not None:
            terms["perceptual"] = config.perceptual * self._perceptual(painted, bare, seen * self.chart)
        return terms

    def _perceptual(self, painted: torch.Tensor, target: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Distance of features where a photo shows skin of the face; where it does not both are the target."""
        assert self.features is not None
        painted, target, seen = (part[..., self.window[0], self.window[1]] for part in (painted, target, seen))
        shown = target + seen * (painted.clamp(0, 1) - target)
        with torch.no_grad():
            goal = self.features(target)
        return perceptual_loss(self.features(shown), goal, seen)

    def _paint(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, 3, R, R): the diffuse maps of some faces, without the displacement that would be thrown away."""
        w = self.targets.w[rows]
        return self.model.paint_skin(self.trunk(w), self.views[rows], w)

    def samples(self, rows: torch.Tensor) -> list[torch.Tensor]:
        """Painted and lifted skin."""
        return [self._paint(rows), self.targets.bare[rows].float() / 255]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--features", choices=(*BACKBONES, "none"), default="efficientnet-lite0")
    args = parser.parse_args()
    config = SkinTraining(steps=args.steps, batch=args.batch, learning_rate=args.learning_rate)
    parts, model, targets = begin(args, config.seed)
    features = None if args.features == "none" else load_feature_network(args.features)
    SkinStage(parts, model, targets, config, args.run, features).fit(args.max_minutes)


if __name__ == "__main__":
    main()
