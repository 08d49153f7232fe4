"""Second stage of the UV generator: the paper's objective on two views, through the differentiable renderer.

    python -m stylefaceuv.training uv --root DIR --run RUN --start uv_generator.safetensors

Both views render the same maps G(w) and the same identity; pose, expression and light of the symmetric view come from
F3D(w_sym) (StyleFaceUV, section 3.3). Masks weigh the losses; what the first stage lifted keeps hair, glasses and hats
out of the albedo. ``--no-displacement`` trains the same without displacement, for the ablation.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import Components, load_components
from stylefaceuv.networks.uv_generator import UVGenerator, UVPrediction, load_uv_generator
from stylefaceuv.training.checkpoint import WeightAverage, resume, save_checkpoint
from stylefaceuv.training.dataset import FaceShards
from stylefaceuv.training.discriminator import discriminator_for
from stylefaceuv.training.feature_networks import FeatureNetwork, load_feature_network
from stylefaceuv.training.run_log import log_metrics, save_grid
from stylefaceuv.training.uv_config import DEFAULT_CONFIG, UVTrainingConfig, read_config
from stylefaceuv.training.uv_dataset import TargetSet, read_targets
from stylefaceuv.training.uv_losses import (
    albedo_prior,
    discriminator_loss,
    displacement_roughness,
    displacement_size,
    generator_loss,
    gradient_penalty,
    perceptual_loss,
    photometric_loss,
)
from stylefaceuv.training.uv_masks import accessed_texels, mask_in_view, view_masks
from stylefaceuv.training.uv_scene import Scene, ViewPicture
from stylefaceuv.training.uv_warm_start import HELD_OUT_EVERY, AtlasViews, save_generator

Terms = dict[str, torch.Tensor]


class TwoViewImages:
    """The StyleGAN2 images of both views, decoded on demand.

    Args:
        root: folder of the data set.
        targets: its targets.
        size: edge of the pictures, pixels.
    """

    def __init__(self, root: Path, targets: TargetSet, size: int) -> None:
        self.targets, self.size = targets, size
        self.shards = FaceShards(root)

    def own(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, 3, S, S) float in [0, 1], sRGB."""
        numbers = self.targets.number[rows].tolist()
        images = [torch.from_numpy(self.shards[number].image().copy()) for number in numbers]
        return self._shrink(torch.stack(images).permute(0, 3, 1, 2).float() / 255)

    def symmetric(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, 3, S, S) float in [0, 1], sRGB."""
        return self._shrink(self.targets.symmetric_images(rows))

    def _shrink(self, images: torch.Tensor) -> torch.Tensor:
        return functional.adaptive_avg_pool2d(images, self.size)


class SecondStage:
    """The stage's state and its loop.

    Args:
        parts: frozen networks and the face model.
        model: from the first stage.
        targets: faces; one in 48 is held out.
        root: folder of the data set.
        config: constants.
        run: folder of the run.
        features: of the perceptual loss; None trains without it.
        displacement: False trains without.
        seed: of the order of faces.
    """

    def __init__(
        self,
        parts: Components,
        model: UVGenerator,
        targets: TargetSet,
        root: Path,
        config: UVTrainingConfig,
        run: Path,
        features: FeatureNetwork | None,
        displacement: bool = True,
        seed: int = 0,
    ) -> None:
        self.parts, self.model, self.targets, self.config, self.run = parts, model, targets, config, run
        self.features, self.displacement = features, displacement
        self.scene = Scene(parts, config.picture.size, config.picture.mesh_level)
        self.images = TwoViewImages(root, targets, config.picture.size)
        self.views = AtlasViews(parts, targets.w, model.config.resolution)
        torch.manual_seed(seed)
        self.judge = discriminator_for(config.picture.size) if config.loss.adversarial else None
        rates = config.schedule
        relief = {id(parameter) for parameter in model.relief.parameters()}
        groups: list[dict[str, Any]] = [
            {"params": [one for one in model.parameters() if id(one) not in relief]},
            {"params": list(model.relief.parameters()), "lr": rates.displacement_learning_rate},
        ]
        self.optimizer = torch.optim.Adam(groups, lr=rates.learning_rate, betas=(0.0, 0.99))
        self.average = WeightAverage(model, rates.average)
        self.source = torch.Generator().manual_seed(seed)
        self.kept: dict[str, object] = {"model": model, "optimizer": self.optimizer, "average": self.average}
        if self.judge is not None:
            speed = rates.discriminator_learning_rate
            self.judge_optimizer = torch.optim.Adam(self.judge.parameters(), lr=speed, betas=(0.0, 0.99))
            self.kept |= {"judge": self.judge, "judge_optimizer": self.judge_optimizer}
        held = targets.number % HELD_OUT_EVERY == 0
        self.held, self.trained = held.nonzero()[:, 0][:32], (~held).nonzero()[:, 0]

    def paint(self, rows: torch.Tensor, model: UVGenerator | None = None) -> tuple[UVPrediction, torch.Tensor]:
        """Maps of some faces, and their base."""
        model, w = model or self.model, self.targets.w[rows]
        with torch.no_grad():
            trunk = self.parts.generator.synthesis_features(w, model.config.trunk_resolution)
        maps = model(trunk, self.views[rows], w)
        if not self.displacement:
            maps = UVPrediction(maps.diffuse, torch.zeros_like(maps.displacement))
        return maps, model.base_texture((w - model.style_mean) / model.style_spread)

    def pictures(self, rows: torch.Tensor, maps: UVPrediction) -> tuple[ViewPicture, ViewPicture]:
        """Both views of painted faces."""
        with torch.no_grad():
            own, other = self.parts.mapper(self.targets.w[rows]), self.parts.mapper(self.targets.w_sym[rows])
        return self.scene.render(maps, own.identity, own), self.scene.render(maps, own.identity, other)

    def masks(self, rows: torch.Tensor, views: tuple[ViewPicture, ViewPicture]) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights of both views' pixels: the paper's masks, times what is surely skin."""
        sure = self.targets.confidence[rows].float()[:, None] / 255
        size = sure.shape[-1]
        seen = [accessed_texels(view.uv, view.alpha, size) for view in views]
        own, other = view_masks(seen[0], seen[1])
        return (
            mask_in_view(own * sure, views[0].uv, views[0].alpha),
            mask_in_view(other * sure, views[1].uv, views[1].alpha),
        )

    def terms(self, rows: torch.Tensor) -> tuple[Terms, list[torch.Tensor]]:
        """Loss terms of the generator, each with its weight, and both views composited over their targets."""
        weights = self.config.loss
        maps, base = self.paint(rows)
        views = self.pictures(rows, maps)
        terms: Terms = {
            "albedo_prior": weights.albedo_prior * albedo_prior(maps.diffuse, base),
            "displacement_size": weights.displacement_size * displacement_size(maps.displacement),
            "displacement_roughness": weights.displacement_roughness * displacement_roughness(maps.displacement),
            "target": weights.target * self._target_loss(rows, maps),
        }
        composites = []
        targets = (self.images.own(rows), self.images.symmetric(rows))
        shares = (("own", 1.0), ("symmetric", weights.symmetric_view))
        for view, goal, mask, (name, share) in zip(views, targets, self.masks(rows, views), shares, strict=True):
            composite = goal + mask.clamp(0, 1) * (view.color - goal)
            photo = photometric_loss(view.color, goal, mask)
            terms[f"{name}_photo"] = share * weights.reconstruction * photo
            if self.features is not None:
                percept = perceptual_loss(self.features, composite, goal, mask)
                terms[f"{name}_percept"] = share * weights.reconstruction * weights.perceptual * percept
            if self.judge is not None:
                terms[f"{name}_adversarial"] = share * weights.adversarial * generator_loss(self.judge(composite))
            composites.append(composite.detach())
        return terms, composites

    def _target_loss(self, rows: torch.Tensor, maps: UVPrediction) -> torch.Tensor:
        sure = self.targets.confidence[rows].float()[:, None] / 255
        goal = self.targets.diffuse[rows].float() / 255
        return ((maps.diffuse - goal).abs() * (0.2 + sure)).mean()

    def fit(self, max_minutes: float) -> None:
        """Train until the steps are done or the time is over; a checkpoint is written at the end too."""
        rates = self.config.schedule
        step = resume(self.run / "checkpoint.pt", self.kept, self.source)
        began = time.monotonic()
        with tqdm(total=rates.steps, initial=step, unit="step", mininterval=10) as bar:
            while step < rates.steps and time.monotonic() - began < 60 * max_minutes:
                metrics = self._step(step)
                step += 1
                bar.update()
                if step % 5 == 0:
                    log_metrics(self.run / "metrics.jsonl", step, metrics)
                if step % rates.checkpoint_every == 0:
                    self._save(step)
        self._save(step)

    def _draw(self) -> torch.Tensor:
        count = self.config.schedule.batch
        return self.trained[torch.randint(len(self.trained), (count,), generator=self.source)]

    def _step(self, step: int) -> dict[str, float]:
        rows = self._draw()
        terms, composites = self.terms(rows)
        self.optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.average.update(self.model)
        metrics = {name: float(term.detach()) for name, term in terms.items()}
        if self.judge is not None and step % self.config.schedule.generator_per_discriminator == 0:
            metrics["discriminator"] = self._teach_judge(step, rows, torch.cat(composites))
        return metrics

    def _teach_judge(self, step: int, rows: torch.Tensor, fake: torch.Tensor) -> float:
        assert self.judge is not None
        rates = self.config.schedule
        real = torch.cat([self.images.own(rows), self.images.symmetric(rows)])
        penalised = (step // rates.generator_per_discriminator) % rates.r1_every == 0
        real.requires_grad_(penalised)
        scores = self.judge(real)
        loss = discriminator_loss(scores, self.judge(fake))
        if penalised:
            loss = loss + self.config.loss.r1_gamma * rates.r1_every * gradient_penalty(real, scores)
        self.judge_optimizer.zero_grad()
        loss.backward()
        self.judge_optimizer.step()
        return float(loss.detach())

    @torch.no_grad()
    def held_out_errors(self, model: UVGenerator) -> dict[str, torch.Tensor]:
        """Photometric error of each held-out face in both views: (n,) float by view."""
        errors: dict[str, list[torch.Tensor]] = {"own": [], "symmetric": []}
        for row in self.held:
            rows = row[None]
            views = self.pictures(rows, self.paint(rows, model)[0])
            goals = (self.images.own(rows), self.images.symmetric(rows))
            for name, view, goal, mask in zip(errors, views, goals, self.masks(rows, views), strict=True):
                errors[name].append(photometric_loss(view.color, goal, mask))
        return {name: torch.stack(values) for name, values in errors.items()}

    def averaged(self) -> UVGenerator:
        """The model with averaged weights."""
        model = UVGenerator(self.model.config)
        model.load_state_dict(self.average.values)
        return model

    @torch.no_grad()
    def _save(self, step: int) -> None:
        save_checkpoint(self.run / "checkpoint.pt", step, self.kept, self.source)
        model = self.averaged()
        save_generator(self.run / "uv_generator.safetensors", model)
        errors = self.held_out_errors(model)
        log_metrics(
            self.run / "metrics.jsonl", step, {f"held_out_{name}": float(e.mean()) for name, e in errors.items()}
        )
        rows = self.held[:6]
        maps, _ = self.paint(rows, model)
        views = self.pictures(rows, maps)
        shown = [view.color * view.alpha + 0.5 * (1 - view.alpha) for view in views]
        goals = [self.images.own(rows), self.images.symmetric(rows)]
        albedo = functional.interpolate(maps.diffuse, size=goals[0].shape[-2:], mode="bilinear", align_corners=False)
        save_grid(self.run / f"samples-{step:06d}.png", [goals[0], shown[0], goals[1], shown[1], albedo])


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="data set folder with targets")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run; an interrupted run goes on")
    parser.add_argument("--start", type=Path, required=True, help="uv_generator.safetensors of the first stage")
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG)
    parser.add_argument("--bundle", default=None, help="folder of a bundle; default: the embedded one")
    parser.add_argument("--shards", type=int, default=None, help="target shards to use; default: all")
    parser.add_argument("--no-displacement", action="store_true")
    parser.add_argument("--perceptual-weights", type=Path, default=None)
    parser.add_argument("--max-minutes", type=float, default=1e9)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    args.run.mkdir(parents=True, exist_ok=True)
    config = read_config(args.config)
    parts = load_components(Bundle.open(args.bundle), torch.device("cpu"))
    features = load_feature_network(config.picture.perceptual_network, args.perceptual_weights)
    targets = read_targets(args.root, args.shards)
    model = load_uv_generator(args.start).train()
    stage = SecondStage(
        parts, model, targets, args.root, config, args.run, features, displacement=not args.no_displacement
    )
    stage.fit(args.max_minutes)


if __name__ == "__main__":
    main()
