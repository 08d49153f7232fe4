"""Learns the albedo model: delit textures of the data set, their mean and principal components.

Run ``python -m stylefaceuv.training.albedo --help``. The data set must be labelled and fitted.

Each photo shows a part of its face, and hair, glasses and hats over it. So the textures have holes, and the
components are found by expectation maximisation with per-texel weights (Roweis 1998, with missing data), robust
weights and mirrored copies: the model is symmetric, hence what one side's light leaves behind is no component.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as functional
from tqdm import tqdm

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.lifting.albedo_model import AlbedoModel, pack_albedo_model
from stylefaceuv.lifting.delighting import fix_gain, luminance, shading
from stylefaceuv.lifting.lighting_estimation import estimate_lighting
from stylefaceuv.lifting.projection import LiftedTexels
from stylefaceuv.lifting.pyramid import blur
from stylefaceuv.lifting.surface import Surface
from stylefaceuv.training.dataset import LABEL_SIZE, FaceShards
from stylefaceuv.training.fitting import fitted_faces
from stylefaceuv.training.weighted_pca import WeightedPCA
from stylefaceuv.types import PART_NAMES
from stylefaceuv.weights_file import save_tensors

_SKIN = PART_NAMES.index("skin")
OUTSIDE_NOISE = 0.04
_DELIGHT_ROUNDS = 3
_KEPT_WITHOUT_GLASSES = 0.72
PLAIN_NOISE = 0.032
"""Bare skin has less, after the components; brows, lids, lips and beards have more."""


@dataclass(frozen=True)
class LiftedSet:
    """Small lifted textures of many faces.

    Attributes:
        color: (n, 3, r, r) float16, linear light, as photographed.
        normal: (n, 3, r, r) float16, world frame.
        weight: (n, 1, r, r) float16 in [0, 1], how well a texel was seen.
        roughness: (n, 1, r, r) float16, local contrast: hair is stringy, skin is not.
    """

    color: torch.Tensor
    normal: torch.Tensor
    weight: torch.Tensor
    roughness: torch.Tensor

    def rows(self, rows: torch.Tensor) -> LiftedSet:
        """Return some of the faces."""
        return LiftedSet(self.color[rows], self.normal[rows], self.weight[rows], self.roughness[rows])


def pool_texels(texels: LiftedTexels, surface: Surface, resolution: int) -> tuple[torch.Tensor, ...]:
    """Average lifted texels down to a small atlas, weighted by their confidence.

    Args:
        texels: sRGB colours.
        surface: what they were lifted with.
        resolution: edge of the small atlas.

    Returns:
        Linear colour (3, r, r), normal (3, r, r), weight (1, r, r) and roughness (1, r, r).
    """
    linear = srgb_to_linear(texels.color)
    skin = (texels.confidence * (surface.texels.part == _SKIN))[:, None]
    image = surface.texels.scatter(torch.cat([linear * skin, texels.normal * skin, skin], dim=1))[None]
    pooled = functional.adaptive_avg_pool2d(image, resolution)[0]
    weight = pooled[6:7].clamp(0, 1)
    safe = weight.clamp_min(1e-4)
    level = luminance(image[:, :3], dim=1)[:, None]
    detail = (level - blur(level, 2)).abs() / (level + 0.02)
    roughness = functional.adaptive_avg_pool2d(detail * image[:, 6:7], resolution)[0] / safe
    return pooled[:3] / safe, functional.normalize(pooled[3:6], dim=0), weight, roughness


def lift_set(shards: FaceShards, surface: Surface, count: int, resolution: int, stride: int = 1) -> LiftedSet:
    """Lift the first ``count`` faces that are fitted well.

    Args:
        shards: data set with labels and fits.
        surface: face model at the lifting resolution.
        count: number of faces.
        resolution: edge of the small atlas.
        stride: take every so many faces.

    Returns:
        The textures.
    """
    rows: list[tuple[torch.Tensor, ...]] = []
    progress = tqdm(total=count, desc="lift", unit="face")
    for face, coefficients in fitted_faces(shards, stride):
        if len(rows) == count:
            break
        assert face.points is not None
        image = torch.from_numpy(face.image().copy()).permute(2, 0, 1).float() / 255
        points = face.points[:, :2] * (image.shape[-1] / LABEL_SIZE)
        texels = surface.project(image, coefficients, points)
        rows.append(tuple(part.half() for part in pool_texels(texels, surface, resolution)))
        progress.update()
    progress.close()
    return LiftedSet(*(torch.stack(parts) for parts in zip(*rows, strict=True)))


def delight_set(lifted: LiftedSet, textures: torch.Tensor, trust: torch.Tensor) -> torch.Tensor:
    """Estimate each face's light against an albedo and divide by it.

    Args:
        lifted: the photographed textures.
        textures: (n, 3, r, r) or (1, 3, r, r) float, sRGB-encoded albedo to compare with.
        trust: (n, 1, r, r) float in [0, 1].

    Returns:
        (n, 3, r, r) float, sRGB-encoded albedo.
    """
    result = torch.empty(lifted.color.shape)
    for row in range(len(lifted.color)):
        pixels = lifted.color[row].float().reshape(3, -1).T
        normals = lifted.normal[row].float().reshape(3, -1).T
        weight = trust[row].float().reshape(-1)
        guess = srgb_to_linear(textures[row % len(textures)].reshape(3, -1).T.clamp(0.02, 1))
        sure = weight > 0.5
        if bool(sure.any()) and len(textures) == 1:
            guess = guess * luminance(pixels[sure]).median() / luminance(guess[sure]).median()
        light = fix_gain(estimate_lighting(pixels, normals, guess, weight), normals, weight)
        delit = linear_to_srgb((pixels / shading(normals, light)).clamp(0, 1))
        result[row] = delit.T.reshape(result[row].shape)
    return result


def skin_gate(albedo: torch.Tensor, lifted: LiftedSet, core: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
    """Weight of each texel as evidence of skin: its colour is the face's own skin colour and it is smooth.

    Args:
        albedo: (n, 3, r, r) float, sRGB-encoded.
        lifted: the lifted set.
        core: (1, 1, r, r) float, 1 on cheeks and nose, from which the skin colour is read.
        face: (1, 1, r, r) float, 1 inside brows-to-chin, where brows, eyes, beard and lips count as face.

    Returns:
        (n, 1, r, r) float in [0, 1].
    """
    weight = lifted.weight.float()
    gates = []
    for row in range(len(albedo)):
        sure = (core[0, 0] > 0.5) & (weight[row, 0] > 0.6)
        if int(sure.sum()) < 30:
            gates.append(torch.zeros_like(weight[row]))
            continue
        tone = albedo[row][:, sure].median(dim=1).values[:, None, None]
        offset = albedo[row] - tone
        level = offset.mean(dim=0, keepdim=True)
        chroma = offset - level
        distance = (level / 0.13) ** 2 + (chroma**2).sum(dim=0, keepdim=True) / 0.045**2
        rough = (lifted.roughness[row].float() / 0.09) ** 2
        outside = torch.exp(-0.5 * distance - 0.5 * rough**2)
        gates.append(face[0] + (1 - face[0]) * outside)
    return torch.stack(gates) * weight


@dataclass(frozen=True)
class Regions:
    """Where what lies on the small atlas, each (1, 1, r, r) float in [0, 1].

    Attributes:
        core: cheeks and nose, from which the skin tone is read.
        face: brows to chin, soft-edged, where brows, eyes, beard and lips count as face.
        frames: around the eyes below the brows and on the temples, where glasses show.
        chart: the skin's chart.
    """

    core: torch.Tensor
    face: torch.Tensor
    frames: torch.Tensor
    chart: torch.Tensor


def region_maps(surface: Surface, resolution: int) -> Regions:
    """Draw the regions from the mean head's landmarks."""
    rest = surface.rest_positions
    points = surface.face_model.landmarks(surface.face_model.mean[None])[0]
    brow, chin = points[[105, 334], 1].mean(), points[152, 1]
    mouth = points[[61, 291], 1].mean()
    eye = points[[33, 263], 1].mean()
    half_width = points[[234, 454], 0].abs().mean()
    front = rest[:, 2] > points[[234, 454], 2].mean()
    skin = surface.texels.part == _SKIN
    inside = front & skin & (rest[:, 0].abs() < 0.86 * half_width)
    face = inside & (rest[:, 1] < brow + 0.035) & (rest[:, 1] > chin - 0.02)
    core = inside & (rest[:, 1] < eye - 0.22) & (rest[:, 1] > mouth) & (rest[:, 0].abs() < 0.6 * half_width)
    side = rest[:, 0].abs() - points[[33, 263], 0].abs().mean()
    below = inside & (rest[:, 1] < eye - 0.12) & (rest[:, 1] > eye - 0.3) & (side < 0.15)
    temple = inside & ((rest[:, 1] - eye - 0.05).abs() < 0.1) & (side > 0.06)
    bridge = inside & ((rest[:, 1] - eye - 0.03).abs() < 0.08) & (rest[:, 0].abs() < 0.14)
    flags = torch.stack([core, face, below | temple | bridge, skin], dim=1).float()
    maps = functional.adaptive_avg_pool2d(surface.texels.scatter(flags)[None], resolution)[0]
    maps[1] = (blur(maps[1:2][None], 2)[0, 0] * 1.5 - 0.25).clamp(0, 1)
    return Regions(*(one[None, None] for one in maps))


def extend(values: torch.Tensor, support: torch.Tensor, plain: torch.Tensor) -> torch.Tensor:
    """Give texels that are rarely seen as skin (scalp, ears, neck) the tone of the skin that they continue.

    Not the mean tone of the face: that has shadows beside nose and eyes in it, and heads looked masked.

    Args:
        values: (N, C, r, r) float, mean or components.
        support: (1, 1, r, r) float in [0, 1].
        plain: (1, 1, r, r) float, 1 on bare skin: no brows, eyes, lips or beard.

    Returns:
        (N, C, r, r) float: the value where there is support, its mean over the bare skin at the support's border
        elsewhere.
    """
    tone = border_tone(values, support, plain)
    return tone + support * (values - tone)


def border_tone(values: torch.Tensor, support: torch.Tensor, plain: torch.Tensor) -> torch.Tensor:
    """(N, C, 1, 1): mean of values over the bare skin at the support's border; arguments as :func:`extend` has them.

    Raises:
        InvalidArgumentError: there is no such skin.
    """
    border = support * (1 - support) * plain
    if not bool((border > 0).any()):
        raise InvalidArgumentError("support", "a soft border that crosses bare skin", "none")
    return (values * border).sum((2, 3), keepdim=True) / border.sum()


def without_glasses(albedo: torch.Tensor, gate: torch.Tensor, frames: torch.Tensor, share: float) -> torch.Tensor:
    """Pick the faces that a coarse model explains best around the eyes: glasses must not become a component.

    Args:
        albedo: (n, 3, r, r) float, sRGB-encoded.
        gate: (n, 1, r, r) float.
        frames: (1, 1, r, r) float, 1 where frames of glasses lie.
        share: share of the faces to keep.

    Returns:
        Rows to keep, sorted.
    """
    pca = WeightedPCA(10, seed=0)
    pca.fit(albedo, gate, iterations=3)
    darker = (pca.decode() - albedo).mean(dim=1, keepdim=True).clamp_min(0)
    evidence = (darker**2 * frames * gate).sum((1, 2, 3)) / (frames * gate).sum((1, 2, 3)).clamp_min(1)
    return evidence.argsort()[: int(share * len(albedo))].sort().values


def train(args: argparse.Namespace) -> AlbedoModel:
    """Run the whole training; see the module's text."""
    face_model = load_face_model(args.face_model)
    surface = Surface(face_model, 2 * args.resolution)
    shards = FaceShards(args.root, labelled=True)
    lifted = lift_set(shards, surface, args.count, args.resolution, args.stride)
    return learn(lifted, region_maps(surface, args.resolution), args.components, args.iterations)


def learn(lifted: LiftedSet, regions: Regions, components: int, iterations: int) -> AlbedoModel:
    """Alternate light, skin gate and components.

    Args:
        lifted: the textures.
        regions: where what lies on the atlas.
        components: K.
        iterations: of the components, a round.

    Returns:
        The model.
    """
    size = lifted.color.shape[-1]
    trust = lifted.weight.float() * regions.core
    textures, pca = torch.full((1, 3, size, size), 0.6), WeightedPCA(components, seed=0)
    gate = trust
    for number in range(_DELIGHT_ROUNDS):
        albedo = delight_set(lifted, textures, trust)
        gate = skin_gate(albedo, lifted, regions.core, regions.face) * regions.chart
        if number == 0:
            rows = without_glasses(albedo, gate, regions.frames, _KEPT_WITHOUT_GLASSES)
            lifted, albedo, gate = lifted.rows(rows), albedo[rows], gate[rows]
        robust = pca.fit(torch.cat([albedo, albedo.flip(-1)]), torch.cat([gate, gate.flip(-1)]), iterations)
        textures = pca.decode()[: len(albedo)].clamp(0, 1)
        trust = robust[: len(albedo)]
    return _finish(pca, regions)


def _finish(pca: WeightedPCA, regions: Regions) -> AlbedoModel:
    support = support_map(regions)
    noise = (pca.noise + pca.noise.flip(-1))[None] / 2
    noise = support * noise + (1 - support) * OUTSIDE_NOISE
    mean = (pca.mean + pca.mean.flip(-1)) / 2
    plain = (noise < PLAIN_NOISE).to(noise.dtype)
    mean, basis = extend(mean[None], support, plain)[0], extend(pca.basis, support, plain)
    return AlbedoModel(mean, basis, noise[0].clamp_min(0.02), support[0])


def support_map(regions: Regions) -> torch.Tensor:
    """(1, 1, r, r) in [0, 1]: brows to chin with a soft border inside.

    The forehead is left to the skin tone: hair hangs over so many that a component there would be a fringe.
    """
    sure = -functional.max_pool2d(-(regions.face > 0.5).float(), 3, stride=1, padding=1)
    return (blur(sure, 3) * 2 - 1).clamp(0, 1)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="data set folder")
    parser.add_argument("--face-model", type=Path, default=Path(__file__).parents[1] / "weights/face_model.safetensors")
    parser.add_argument("--out", type=Path, required=True, help="albedo.safetensors to write")
    parser.add_argument("--count", type=int, default=1500, help="faces")
    parser.add_argument("--stride", type=int, default=1, help="take every so many faces")
    parser.add_argument("--resolution", type=int, default=128, help="edge of the model's atlas")
    parser.add_argument("--components", type=int, default=40)
    parser.add_argument("--iterations", type=int, default=5, help="EM iterations a round")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with torch.inference_mode():
        save_tensors(args.out, pack_albedo_model(train(args)))


if __name__ == "__main__":
    main()
