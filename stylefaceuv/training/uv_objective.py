"""What the UV generator's second stage minimises: the paper's objective on two views of a batch of faces.

Both views are painted, rendered, masked and judged as one batch, own views first, symmetric ones after them: a step is
many small operations, so half as many is what a GPU wants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import Components, load_components
from stylefaceuv.networks.uv_generator import AtlasView, UVGenerator, UVPrediction
from stylefaceuv.training.atlas_views import AtlasViews
from stylefaceuv.training.feature_networks import FeatureNetwork
from stylefaceuv.training.uv_config import UVTrainingConfig
from stylefaceuv.training.uv_dataset import TargetSet
from stylefaceuv.training.uv_images import TwoViewImages
from stylefaceuv.training.uv_losses import (
    albedo_prior,
    displacement_roughness,
    displacement_size,
    generator_loss,
    hair_loss,
    perceptual_loss,
    photometric_loss,
    view_agreement,
)
from stylefaceuv.training.uv_masks import accessed_texels, mask_in_view, view_masks
from stylefaceuv.training.uv_scene import Scene, ViewPicture
from stylefaceuv.types import FaceCoefficients

Terms = dict[str, torch.Tensor]


@dataclass(frozen=True)
class PaintedViews:
    """What a generator paints of n faces.

    Attributes:
        maps: (n, ...), from w.
        base: (n, 3, R, R) float sRGB, the low-resolution base under ``maps``.
        hair: (n, 4, R, R) float, from w; None where the generator paints none.
        albedos: diffuse maps from w and from w_sym, (n, 3, R, R) float sRGB each, and how surely both views see skin,
            (n, 1, R, R) float in [0, 1]; None where no loss asks for them.
    """

    maps: UVPrediction
    base: torch.Tensor
    hair: torch.Tensor | None
    albedos: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None


class TwoViewObjective:
    """The frozen parts, the faces, and the losses between them.

    Args:
        parts: frozen networks and the face model, on the accelerator's device.
        targets: the faces.
        root: folder of the data set.
        config: constants.
        resolution: edge R of the generator's maps, texels.
        features: of the perceptual loss, on the accelerator's device; None goes without it.
        accelerator: device and precision.
        displacement: False renders without.
    """

    def __init__(
        self,
        parts: Components,
        targets: TargetSet,
        root: Path,
        config: UVTrainingConfig,
        resolution: int,
        features: FeatureNetwork | None,
        accelerator: Accelerator,
        displacement: bool = True,
    ) -> None:
        device = accelerator.device
        self.parts, self.weights, self.accelerator = parts, config.loss, accelerator
        self.features, self.displacement = features, displacement
        self.scene = Scene(parts, config.picture.size, config.picture.mesh_level)
        self.images = TwoViewImages(root, targets, config.picture.size, device)
        self.views, self.symmetric_views = self._views(targets, resolution)
        self.targets = targets.to(device)

    def _views(self, targets: TargetSet, side: int) -> tuple[AtlasViews, AtlasViews | None]:
        """Views of both stylecodes; those of the symmetric one where the losses ask for them."""
        device = self.accelerator.device
        on_cpu = load_components(Bundle.open(None), torch.device("cpu")) if device.type != "cpu" else self.parts
        own = AtlasViews(on_cpu, targets.w, side, device)
        return own, AtlasViews(on_cpu, targets.w_sym, side, device) if self.weights.view_agreement > 0 else None

    def paint(self, rows: torch.Tensor, model: UVGenerator) -> PaintedViews:
        """Paint faces.

        Args:
            rows: (n,) int64, of the targets.
            model: the painter.
        """
        w, first, both, count = self.targets.w[rows], self.views[rows], None, len(rows)
        codes, view = w, first
        if self.symmetric_views is not None:
            second = self.symmetric_views[rows]
            both = first.visibility * second.visibility * self._sure(rows)
            codes, view = torch.cat([w, self.targets.w_sym[rows]]), _joined(first, second)
        with torch.no_grad():
            trunk = self.parts.generator.synthesis_features(codes, model.config.trunk_resolution)
        with self.accelerator.autocast():
            painted = model(trunk, view, codes)
            hair = None if model.hair is None else model.paint_hair(trunk[:count], first, w)
        diffuse, relief = painted.diffuse.float(), painted.displacement[:count].float()
        maps = UVPrediction(diffuse[:count], relief if self.displacement else torch.zeros_like(relief))
        base = model.base_texture((w - model.style_mean) / model.style_spread)
        albedos = None if both is None else (diffuse[:count], diffuse[count:], both)
        laid = None if hair is None else torch.cat([hair.color, hair.cover], dim=1).float()
        return PaintedViews(maps, base, laid, albedos)

    def _sure(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, 1, R, R) float in [0, 1]: how sure the lifted texture is skin."""
        return self.targets.confidence[rows].float()[:, None] / 255

    def pictures(self, rows: torch.Tensor, maps: UVPrediction) -> ViewPicture:
        """Render faces in both views: the same maps and the same identity.

        Args:
            rows: (n,) int64, of the targets.
            maps: (n, ...).

        Returns:
            2n pictures, own views first.
        """
        with torch.no_grad():
            poses: FaceCoefficients = self.parts.mapper(torch.cat([self.targets.w[rows], self.targets.w_sym[rows]]))
        identity = poses.identity[: len(rows)].repeat(2, 1)
        twice = UVPrediction(maps.diffuse.repeat(2, 1, 1, 1), maps.displacement.repeat(2, 1, 1, 1))
        return self.scene.render(twice, identity, poses)

    def goals(self, rows: torch.Tensor) -> torch.Tensor:
        """(2n, 3, S, S) float in [0, 1], sRGB: the StyleGAN2 images of both views, own ones first."""
        return torch.cat([self.images.own(rows), self.images.symmetric(rows)])

    def masks(self, rows: torch.Tensor, views: ViewPicture) -> torch.Tensor:
        """(2n, 1, S, S) weights of the pixels of both views: the paper's masks, times what is surely skin."""
        sure = self._sure(rows)
        own, other = view_masks(*accessed_texels(views.uv, views.alpha, sure.shape[-1]).chunk(2))
        return mask_in_view(torch.cat([own * sure, other * sure]), views.uv, views.alpha)

    def terms(self, rows: torch.Tensor, model: UVGenerator, judge: nn.Module | None) -> tuple[Terms, torch.Tensor]:
        """Weigh all losses of a batch.

        Args:
            rows: (n,) int64, of the targets.
            model: is trained.
            judge: the discriminator; None trains without.

        Returns:
            Loss terms, each with its weight, and (2n, 3, S, S) both views composited over their targets.
        """
        painted = self.paint(rows, model)
        terms = self._map_terms(rows, painted)
        views, goals = self.pictures(rows, painted.maps), self.goals(rows)
        masks = self.masks(rows, views)
        composites = goals + masks.clamp(0, 1) * (views.color - goals)
        shares = (("own", 1.0), ("symmetric", self.weights.symmetric_view))
        for name, loss, weight in self._picture_losses(views.color, composites, goals, masks, judge):
            for (view, share), value in zip(shares, loss, strict=True):
                terms[f"{view}_{name}"] = share * weight * value
        return terms, composites.detach()

    def _map_terms(self, rows: torch.Tensor, painted: PaintedViews) -> Terms:
        """Losses of the maps themselves."""
        weights, maps = self.weights, painted.maps
        terms: Terms = {
            "albedo_prior": weights.albedo_prior * albedo_prior(maps.diffuse, painted.base),
            "displacement_size": weights.displacement_size * displacement_size(maps.displacement),
            "displacement_roughness": weights.displacement_roughness * displacement_roughness(maps.displacement),
            "target": weights.target * self._target_loss(rows, maps),
        }
        if painted.hair is not None:
            terms["hair"] = weights.hair * self._hair_loss(rows, painted)
        if painted.albedos is not None:
            terms["view_agreement"] = weights.view_agreement * view_agreement(*painted.albedos)
        return terms

    def _picture_losses(
        self,
        rendered: torch.Tensor,
        composites: torch.Tensor,
        goals: torch.Tensor,
        masks: torch.Tensor,
        judge: nn.Module | None,
    ) -> list[tuple[str, list[torch.Tensor], float]]:
        """Name, losses of own and symmetric view, weight."""
        weights, mask = self.weights, masks.chunk(2)
        pairs = zip(rendered.chunk(2), goals.chunk(2), mask, strict=True)
        losses = [("photo", [photometric_loss(*pair) for pair in pairs], weights.reconstruction)]
        if self.features is not None:
            with torch.no_grad():
                wanted = _by_view(self.features(goals))
            found = zip(_by_view(self.features(composites)), wanted, mask, strict=True)
            percept = [perceptual_loss(*one) for one in found]
            losses.append(("percept", percept, weights.reconstruction * weights.perceptual))
        if judge is not None:
            scores = judge(composites).chunk(2)
            losses.append(("adversarial", [generator_loss(one) for one in scores], weights.adversarial))
        return losses

    def _target_loss(self, rows: torch.Tensor, maps: UVPrediction) -> torch.Tensor:
        goal = self.targets.diffuse[rows].float() / 255
        return ((maps.diffuse - goal).abs() * (0.2 + self._sure(rows))).mean()

    def _hair_loss(self, rows: torch.Tensor, painted: PaintedViews) -> torch.Tensor:
        assert painted.hair is not None
        goal, sure = self.targets.haired[rows].float() / 255, self.targets.hair_confidence[rows].float()[:, None] / 255
        return hair_loss(painted.maps.diffuse, painted.hair, goal, sure)

    @torch.no_grad()
    def errors(self, rows: torch.Tensor, model: UVGenerator) -> dict[str, list[torch.Tensor]]:
        """Photometric error of each face in both views, and how far its two albedos differ.

        The error of its hair is that of all these faces together.
        """
        painted = self.paint(rows, model)
        views = self.pictures(rows, painted.maps)
        each = _each(photometric_loss, views.color, self.goals(rows), self.masks(rows, views))
        errors = {"own": each[: len(rows)], "symmetric": each[len(rows) :]}
        if painted.hair is not None:
            errors["hair"] = [self._hair_loss(rows, painted)]
        if painted.albedos is not None:
            errors["agreement"] = _each(view_agreement, *painted.albedos)
        return errors


def _joined(first: AtlasView, second: AtlasView) -> AtlasView:
    """The views of one batch after those of another."""
    pairs = ((getattr(first, name), getattr(second, name)) for name in ("grid", "visibility", "normal"))
    return AtlasView(*(torch.cat(pair) for pair in pairs))


def _by_view(features: list[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Feature maps (2n, ...) as those of own and of symmetric views."""
    halves = [feature.chunk(2) for feature in features]
    return [half[0] for half in halves], [half[1] for half in halves]


def _each(loss: Callable[..., torch.Tensor], *batches: torch.Tensor) -> list[torch.Tensor]:
    """A loss of each face alone."""
    return [loss(*(one[None] for one in face)) for face in zip(*batches, strict=True)]
