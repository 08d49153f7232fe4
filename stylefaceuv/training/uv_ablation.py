"""Compares UV generators on held-out faces: photometric error of both views, with and without displacement.

    python -m stylefaceuv.training uv-ablation --root DIR --full FULL.safetensors --without WITHOUT.safetensors

Every error is a face's own, so the two models are compared face by face: the mean difference comes with its bootstrap
interval. As a control the full model is rendered once more with every face wearing the next one's displacement; if
displacement means something, that is worse. And the full model paints from the symmetric stylecode, as the paper's text
has it (its code, and this training, paint both views from the own one).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import Components, load_components
from stylefaceuv.networks.uv_generator import UVGenerator, UVPrediction, load_uv_generator
from stylefaceuv.training.atlas_views import AtlasViews
from stylefaceuv.training.uv_config import UVTrainingConfig, read_config
from stylefaceuv.training.uv_dataset import TargetSet, read_targets
from stylefaceuv.training.uv_images import TwoViewImages
from stylefaceuv.training.uv_losses import photometric_loss
from stylefaceuv.training.uv_masks import mask_in_view
from stylefaceuv.training.uv_scene import Scene
from stylefaceuv.training.uv_warm_start import HELD_OUT_EVERY

VIEWS = ("own", "symmetric")


@dataclass(frozen=True)
class Difference:
    """Mean paired difference of two models' errors.

    Attributes:
        mean: second minus first; positive where the first model is better.
        low: lower end of the 95 % interval.
        high: upper end.
    """

    mean: float
    low: float
    high: float


def paired_difference(first: torch.Tensor, second: torch.Tensor, draws: int = 10_000, seed: int = 0) -> Difference:
    """Bootstrap the mean of ``second - first`` over faces.

    Args:
        first: (n,) float errors of one model.
        second: (n,) float errors of another one on the same faces.
        draws: bootstrap samples.
        seed: of the samples.

    Returns:
        Mean and percentile interval.
    """
    gap = second - first
    source = torch.Generator().manual_seed(seed)
    means = gap[torch.randint(len(gap), (draws, len(gap)), generator=source)].mean(dim=1)
    low, high = torch.quantile(means, torch.tensor([0.025, 0.975], dtype=means.dtype)).tolist()
    return Difference(float(gap.mean()), low, high)


class HeldOutFaces:
    """Held-out faces, ready to be painted and compared.

    Args:
        parts: frozen networks and the face model.
        targets: faces of the data set.
        root: folder of the data set.
        config: picture size and mesh level.
        resolution: edge of the maps, texels.
        unseen: no training saw any of the faces, so all are used; otherwise those that training holds out.
    """

    def __init__(
        self,
        parts: Components,
        targets: TargetSet,
        root: Path,
        config: UVTrainingConfig,
        resolution: int,
        unseen: bool = False,
    ) -> None:
        self.parts, self.targets = parts, targets
        every = 1 if unseen else HELD_OUT_EVERY
        self.rows = (targets.number % every == 0).nonzero()[:, 0]
        self.resolution = resolution
        self.scene = Scene(parts, config.picture.size, config.picture.mesh_level)
        self.images = TwoViewImages(root, targets, config.picture.size, torch.device("cpu"), self.rows)

    @torch.inference_mode()
    def paint(self, model: UVGenerator, stylecodes: torch.Tensor) -> list[UVPrediction]:
        """Paint faces one after the other.

        Args:
            model: the painter.
            stylecodes: (n, 512) float, of the held-out faces: their own or the symmetric ones.

        Returns:
            The n faces' maps.
        """
        views, painted = AtlasViews(self.parts, stylecodes, self.resolution), []
        for row, w in enumerate(tqdm(stylecodes, desc="paint", unit="face", mininterval=10)):
            trunk = self.parts.generator.synthesis_features(w[None], model.config.trunk_resolution)
            painted.append(model(trunk, views[torch.tensor([row])], w[None]))
        return painted

    @torch.inference_mode()
    def errors(self, maps: list[UVPrediction]) -> dict[str, torch.Tensor]:
        """Photometric error of every face: (n,) float by view, where the lifted texture is sure."""
        found: dict[str, list[torch.Tensor]] = {name: [] for name in VIEWS}
        for row, one in zip(self.rows.tolist(), maps, strict=True):
            place = torch.tensor([row])
            own = self.parts.mapper(self.targets.w[place])
            other = self.parts.mapper(self.targets.w_sym[place])
            sure = self.targets.confidence[place].float()[:, None] / 255
            goals = (self.images.own(place), self.images.symmetric(place))
            for name, pose, goal in zip(VIEWS, (own, other), goals, strict=True):
                view = self.scene.render(one, own.identity, pose)
                mask = mask_in_view(sure, view.uv, view.alpha)
                found[name].append(photometric_loss(view.color, goal, mask))
        return {name: torch.stack(values) for name, values in found.items()}


def without_displacement(maps: list[UVPrediction]) -> list[UVPrediction]:
    """The same colours on the bare head."""
    return [UVPrediction(one.diffuse, torch.zeros_like(one.displacement)) for one in maps]


def shuffled_displacement(maps: list[UVPrediction]) -> list[UVPrediction]:
    """The same colours, every face with the displacement of the one before."""
    return [
        UVPrediction(one.diffuse, other.displacement) for one, other in zip(maps, maps[-1:] + maps[:-1], strict=True)
    ]


def compare(faces: HeldOutFaces, full: UVGenerator, without: UVGenerator) -> list[str]:
    """Lines of the report: each variant's errors, and how far it is behind the full model.

    Args:
        faces: to measure on.
        full: trained with displacement.
        without: trained the same way without; its displacement is not used.
    """
    own, other = faces.targets.w[faces.rows], faces.targets.w_sym[faces.rows]
    maps = faces.paint(full, own)
    variants = {
        "full": maps,
        "trained without displacement": without_displacement(faces.paint(without, own)),
        "full, displacement shuffled": shuffled_displacement(maps),
        "full, displacement removed": without_displacement(maps),
        "full, painted from the symmetric stylecode": faces.paint(full, other),
    }
    errors = {name: faces.errors(variant) for name, variant in variants.items()}
    millimetres = torch.stack([one.displacement.norm(dim=1).mean() for one in maps])
    lines = [
        f"{len(faces.rows)} held-out faces; mean displacement {float(millimetres.mean()):.3f} mm",
        "| variant | own | symmetric | symmetric, behind full (95 % interval) |",
        "|---|---|---|---|",
    ]
    for name, error in errors.items():
        behind = paired_difference(errors["full"]["symmetric"], error["symmetric"])
        means = " | ".join(f"{float(error[view].mean()):.5f}" for view in VIEWS)
        lines.append(f"| {name} | {means} | {behind.mean:+.5f} ({behind.low:+.5f} to {behind.high:+.5f}) |")
    return lines


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="data set folder with targets")
    parser.add_argument("--full", type=Path, required=True, help="uv_generator.safetensors trained with displacement")
    parser.add_argument("--without", type=Path, required=True, help="the same, trained with --no-displacement")
    parser.add_argument("--unseen", action="store_true", help="all faces: of a seed that no training saw")
    parser.add_argument("--bundle", default=None, help="folder of a bundle; default: the embedded one")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    parts = load_components(Bundle.open(args.bundle), torch.device("cpu"))
    full, without = load_uv_generator(args.full), load_uv_generator(args.without)
    targets, side = read_targets(args.root), full.config.resolution
    faces = HeldOutFaces(parts, targets, args.root, read_config(), side, args.unseen)
    sys.stdout.write("\n".join(compare(faces, full, without)) + "\n")


if __name__ == "__main__":
    main()
