"""First stage of the UV generator: regress maps to textures that were lifted from both views.

    python -m stylefaceuv.training uv-warm --root DIR --run RUN --steps 2000

Only the generator's own painters learn; the trunk is the pretrained synthesis and stays frozen. The run folder gets
``checkpoint.pt`` (exact resume), ``metrics.jsonl``, sample grids and ``uv_generator.safetensors`` (averaged weights).
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import Components, load_components
from stylefaceuv.lifting.atlas_view import AtlasViewer
from stylefaceuv.lifting.landmark_fit import EYE_CONTOURS, INNER_LIPS
from stylefaceuv.networks.uv_generator import UVGenerator, UVGeneratorConfig, UVPrediction, config_to_dict
from stylefaceuv.soft_steps import eased, soft_threshold
from stylefaceuv.training.adam_stage import AdamStage, AdamTraining, mean_terms
from stylefaceuv.training.atlas_views import AtlasViews
from stylefaceuv.training.checkpoint import save_checkpoint
from stylefaceuv.training.random_state import seeded
from stylefaceuv.training.run_log import log_metrics, save_grid
from stylefaceuv.training.uv_dataset import TargetSet, read_targets
from stylefaceuv.types import PART_NAMES
from stylefaceuv.weights_file import save_tensors

HELD_OUT_EVERY = 48
"""Faces whose number in the data set is a multiple of this are never trained on."""

_LIDS_DM, _LIPS_DM = (0.02, 0.09), (0.0, 0.05)
"""Distances from their rims up to which displacement is 0, and from which on it is whole."""


@dataclass(frozen=True)
class WarmStartConfig(AdamTraining):
    """Constants of the stage, besides those of all such stages.

    Attributes:
        unsure: weight of texels of confidence 0; sure ones weigh 1.
        detail: weight of differences between neighbouring texels.
        eyes: weight of the eye islands, which are small and matter.
        base: weight of the low-resolution base's own error.
    """

    steps: int = 2000
    learning_rate: float = 1.5e-3
    unsure: float = 0.35
    detail: float = 1.0
    eyes: float = 6.0
    base: float = 0.3


class WarmStartLoss(nn.Module):
    """Weighted L1 of colours and of their differences between neighbours.

    Args:
        chart: (1, 1, R, R) float, 1 on charts.
        eyes: (1, 1, R, R) float, 1 on the eye islands.
        config: weights.
    """

    def __init__(self, chart: torch.Tensor, eyes: torch.Tensor, config: WarmStartConfig) -> None:
        super().__init__()
        self.chart, self.eyes, self.config = chart, eyes, config

    def forward(
        self, painted: torch.Tensor, base: torch.Tensor, target: torch.Tensor, confidence: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Return the terms by name, each a scalar that already carries its weight.

        Args:
            painted: (N, 3, R, R) float.
            base: (N, 3, R, R) float.
            target: (N, 3, R, R) float in [0, 1].
            confidence: (N, 1, R, R) float in [0, 1].
        """
        weight = (self.config.unsure + (1 - self.config.unsure) * confidence) * self.chart
        weight = weight + self.config.eyes * self.eyes
        total = weight.sum()
        error = painted - target
        colour = (error.abs() * weight).sum() / total
        across = ((error[..., 1:] - error[..., :-1]).abs() * torch.minimum(weight[..., 1:], weight[..., :-1])).sum()
        down = (error[..., 1:, :] - error[..., :-1, :]).abs() * torch.minimum(weight[..., 1:, :], weight[..., :-1, :])
        detail = (across + down.sum()) / total
        coarse = ((base - target).abs() * weight).sum() / total
        return {"colour": colour, "detail": self.config.detail * detail, "base": self.config.base * coarse}


def new_generator(parts: Components, stylecodes: torch.Tensor, fade: torch.Tensor) -> UVGenerator:
    """Make the generator that the training starts from: the albedo model is its base.

    Args:
        parts: with albedo model and synthesis network.
        stylecodes: (n, 512) float, whose statistics normalise styles and activations.
        fade: (1, 1, r, r) float, 0 at the neck ring.

    Returns:
        The generator.
    """
    with seeded(0):
        generator = UVGenerator()
    small, albedo = generator.config.displacement_resolution, parts.albedo_model
    with torch.no_grad():
        trunk = parts.generator.synthesis_features(stylecodes[:16], generator.config.trunk_resolution)
        generator.trunk_level.copy_(trunk.square().mean(dim=(0, 2, 3), keepdim=True).sqrt().clamp_min(1e-3))
        generator.style_mean.copy_(stylecodes.mean(dim=0))
        generator.style_spread.copy_(stylecodes.std(dim=0))
        generator.fade.copy_(fade)
        generator.base_mean.copy_(functional.adaptive_avg_pool2d(albedo.mean, small))
        basis = functional.adaptive_avg_pool2d(albedo.basis, small)
        generator.base.copy_(basis[: generator.config.components])
        generator.base_weights.weight.mul_(0.1)
    return generator


def displacement_fade(parts: Components, resolution: int) -> torch.Tensor:
    """(1, 1, r, r) float: 1 on skin; 0 at the neck ring, on lids, where lips meet, and off the skin.

    Lids and lips meet each other, and lids slide over the balls: what moved one side alone would part them, and a
    blink, which turns the lids, would turn it with them.

    Args:
        parts: with the face model.
        resolution: edge of the displacement map.
    """
    surface = AtlasViewer(parts.face_model, 4 * resolution).surface
    texels, model = surface.texels, parts.face_model
    ring = float(model.mean[model.neck_ring, 1].max())
    share = soft_threshold(surface.rest_positions[:, 1], (ring, ring + 0.4))
    skin = (texels.part == PART_NAMES.index("skin")).float()
    points = model.landmarks(model.mean[None])[0]
    for contour, reach in ((EYE_CONTOURS, _LIDS_DM), (INNER_LIPS, _LIPS_DM)):
        apart = torch.cdist(surface.rest_positions, points[list(contour)]).amin(dim=1)
        share = torch.minimum(share, soft_threshold(apart, reach))
    fine = texels.scatter((eased(share) * skin)[:, None])[None]
    return -functional.max_pool2d(-functional.avg_pool2d(fine, 4), 3, stride=1, padding=1)


class WarmStart(AdamStage):
    """The stage's state and its loop.

    Args:
        parts: frozen networks and the face model.
        targets: faces; one in 48 is held out.
        config: constants.
        run: folder of the run.
    """

    def __init__(self, parts: Components, targets: TargetSet, config: WarmStartConfig, run: Path) -> None:
        fade = displacement_fade(parts, UVGeneratorConfig().displacement_resolution)
        self.model = new_generator(parts, targets.w, fade)
        super().__init__(self.model, config, run)
        self.parts, self.targets, self.config = parts, targets, config
        self.views = AtlasViews(parts, targets.w, self.model.config.resolution)
        self.loss = WarmStartLoss(*self.views.chart_and_eyes(), config)
        held = targets.number % HELD_OUT_EVERY == 0
        self.held, self.trained = held.nonzero()[:, 0][:32], (~held).nonzero()[:, 0]

    def predict(self, rows: torch.Tensor, model: UVGenerator | None = None) -> tuple[UVPrediction, torch.Tensor]:
        """Paint the maps of some faces; returns them and the base."""
        model = model or self.model
        w = self.targets.w[rows]
        with torch.no_grad():
            trunk = self.parts.generator.synthesis_features(w, model.config.trunk_resolution)
        prediction = model(trunk, self.views[rows], w)
        return prediction, model.base_texture((w - model.style_mean) / model.style_spread)

    def terms(self, rows: torch.Tensor, model: UVGenerator | None = None) -> dict[str, torch.Tensor]:
        """Loss terms of some faces."""
        prediction, base = self.predict(rows, model)
        target = self.targets.diffuse[rows].float() / 255
        confidence = self.targets.confidence[rows].float()[:, None] / 255
        return self.loss(prediction.diffuse, base, target, confidence)

    def draw(self) -> dict[str, torch.Tensor]:
        """Loss terms of faces drawn at random."""
        return self.terms(self.trained[torch.randint(len(self.trained), (self.config.batch,), generator=self.source)])

    @torch.no_grad()
    def _save(self, step: int, kept: dict[str, object]) -> None:
        save_checkpoint(self.run / "checkpoint.pt", step, kept, self.source)
        averaged = UVGenerator(self.model.config)
        averaged.load_state_dict(self.average.values)
        save_generator(self.run / "uv_generator.safetensors", averaged)
        held_out = mean_terms([self.terms(rows, averaged) for rows in self.held.split(4)])
        log_metrics(self.run / "metrics.jsonl", step, held_out)
        shown = self.held[:6]
        painted = self.predict(shown, averaged)[0].diffuse
        save_grid(self.run / f"samples-{step:06d}.png", [painted, self.targets.diffuse[shown].float() / 255])


def save_generator(path: Path, generator: UVGenerator) -> None:
    """Write a UV generator in half precision.

    Args:
        path: the file.
        generator: trained.
    """
    tensors = {name: value.half() for name, value in generator.state_dict().items()}
    save_tensors(path, tensors, config_to_dict(generator.config))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the stage's command line."""
    parser.add_argument("--root", type=Path, required=True, help="data set folder with targets")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run; an interrupted run goes on")
    parser.add_argument("--steps", type=int, default=WarmStartConfig.steps)
    parser.add_argument("--batch", type=int, default=WarmStartConfig.batch)
    parser.add_argument("--shards", type=int, default=None, help="target shards to use; default: all")
    parser.add_argument("--max-minutes", type=float, default=1e9)
    parser.add_argument("--threads", type=int, default=2)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    args.run.mkdir(parents=True, exist_ok=True)
    config = WarmStartConfig(steps=args.steps, batch=args.batch)
    parts = load_components(Bundle.open(None), torch.device("cpu"))
    log_metrics(args.run / "config.jsonl", 0, {name: float(value) for name, value in asdict(config).items()})
    WarmStart(parts, read_targets(args.root, args.shards), config, args.run).fit(args.max_minutes)


if __name__ == "__main__":
    main()
