"""Measure the UV generator's maps on stylecodes that nothing was tuned on.

    python benchmarks/uv_generator.py --count 24 --seed 3000 --identity-weights DIR

For ``detail="generator"`` and ``detail="lifted"``, or those of ``--details``: identity distance (dlib-type embedding,
L2) between the StyleGAN2 image and free renders on grey at 0, 30 and 60 degrees; masked PSNR to the own and to the
symmetric view, both with the mapper's light (the mask is the face from brows to chin as the maps' own head shows it);
mean colour difference (CIE76) of the albedo made from w and from w_sym where both views see it, and the same of the
photos' own colours, not delit, as they are and smooth over 32 texels, which leaves light and tone and no detail;
seconds for each face, one at a time and in a batch of 8. Medians over the faces.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional
from tqdm import tqdm

from stylefaceuv import Face, StyleFaceUV
from stylefaceuv.colour import srgb_to_lab
from stylefaceuv.evaluation.identity import IdentityNetwork, identity_distance, load_identity_network
from stylefaceuv.lifting.pyramid import blur_inside
from stylefaceuv.networks.yaw import symmetric_yaw

_BATCH = 8
SMOOTH = 5
"""Halvings of the atlas after which freckles, wrinkles and the edges of features are gone, and light is left."""


def tensor(picture: npt.NDArray[np.uint8]) -> torch.Tensor:
    """(H, W, C) uint8 to (1, C, H, W) in [0, 1]."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


def embed(model: StyleFaceUV, network: IdentityNetwork, picture: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Identity embedding of a picture."""
    image = tensor(picture)
    return network.embed(image, model.components.landmarker.detect(image).points)


def masked_psnr(model: StyleFaceUV, face: Face, target: npt.NDArray[np.uint8], size: int = 512) -> float:
    """PSNR of the face's own render to a picture, over the face from brows to chin, dB."""
    white = replace(face, maps=replace(face.maps, diffuse=_support_picture(model)))
    flat = np.zeros((9, 3), np.float32)
    flat[0] = 1 / 0.28209479
    mask = tensor(white.render(size=size, lighting=flat, background=(0.0, 0.0, 0.0)))[0, :1] > 0.5
    rendered = tensor(face.render(size=size))[0]
    goal = functional.adaptive_avg_pool2d(tensor(target), size)[0]
    error = ((rendered - goal) ** 2).mean(dim=0, keepdim=True)[mask].mean()
    return float(-10 * error.log10())


def _support_picture(model: StyleFaceUV) -> npt.NDArray[np.uint8]:
    """(1024, 1024, 3) uint8: white where a face lies in the atlas, black elsewhere."""
    support = functional.interpolate(model.components.albedo_model.support[None], size=(1024, 1024), mode="bilinear")
    return np.repeat((support[0, 0] * 255).to(torch.uint8).numpy()[..., None], 3, axis=2)


def seen_as(face: Face, model: StyleFaceUV, w: torch.Tensor) -> Face:
    """The face's maps in the view of a stylecode: pose, expression and light of F3D(w), identity of its own."""
    view = model.components.mapper(w[None])[0]
    return replace(face, coefficients=replace(view, identity=face.coefficients.identity))


def albedo_difference(model: StyleFaceUV, first: Face, second: Face, levels: int = 0) -> float:
    """Mean CIE76 colour difference of two faces' albedo on face texels that both saw, smooth over 2**levels texels."""
    support = torch.from_numpy(_support_picture(model)[..., 0] > 128)
    seen = [
        functional.interpolate(torch.from_numpy(face.confidence.copy())[None, None], size=(1024, 1024))[0, 0] > 0.5
        for face in (first, second)
    ]
    both = support & seen[0] & seen[1]
    if int(both.sum()) < 500:
        return float("nan")
    weights = both[None, None].float()
    smooth = [
        blur_inside(tensor(face.diffuse), weights, levels) if levels else tensor(face.diffuse)
        for face in (first, second)
    ]
    colors = [srgb_to_lab(image[0].permute(1, 2, 0)[both].clamp(0, 1)) for image in smooth]
    return float((colors[0] - colors[1]).norm(dim=1).mean())


def photo_colors(model: StyleFaceUV, face: Face) -> Face:
    """The face with its photo's colours, light and all, as the diffuse map: what lifting does without delighting."""
    image = tensor(face.image)
    points = model.components.landmarker.detect(image).points[0, :, :2]
    lifter = model.maker.lifter
    texels = lifter.surface.project(image[0], face.coefficients, points)
    colors = lifter.texels.scatter(texels.color).permute(1, 2, 0).clamp(0, 1)
    return replace(face, maps=replace(face.maps, diffuse=(colors * 255 + 0.5).to(torch.uint8).numpy()))


@torch.inference_mode()
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=3000)
    parser.add_argument("--bundle", default=None)
    parser.add_argument("--identity-weights", type=Path, required=True)
    parser.add_argument(
        "--details", nargs="+", default=["generator", "lifted"], choices=("generator", "lifted", "two-views")
    )
    args = parser.parse_args()
    torch.set_num_threads(2)
    model = StyleFaceUV.from_pretrained(args.bundle)
    network = load_identity_network(args.identity_weights)
    stylecodes = model.sample(args.count, seed=args.seed)
    values: dict[str, list[float]] = defaultdict(list)
    for w in tqdm(stylecodes, unit="face"):
        yaw = float(symmetric_yaw(model.components.mapper(w[None]).rotation[:, 0]))
        w_sym = model.rotate(w, yaw)
        for detail in args.details:
            start = time.perf_counter()
            face = model.generate(w, detail=detail)
            values[f"{detail} seconds"].append(time.perf_counter() - start)
            assert isinstance(face, Face)
            own = embed(model, network, face.image)
            for angle in (0.0, 30.0, -30.0, 60.0, -60.0):
                picture = face.render(size=512, yaw=angle, pitch=0.0, roll=0.0)
                distance = float(identity_distance(own, embed(model, network, picture))[0])
                values[f"{detail} identity {abs(angle):.0f}"].append(distance)
            values[f"{detail} psnr own"].append(masked_psnr(model, face, face.image))
            turned = seen_as(face, model, w_sym)
            other = model.generate(w_sym, detail=detail)
            assert isinstance(other, Face)
            values[f"{detail} psnr symmetric"].append(masked_psnr(model, turned, other.image))
            values[f"{detail} albedo dE"].append(albedo_difference(model, face, other))
            values[f"{detail} albedo dE, smooth"].append(albedo_difference(model, face, other, SMOOTH))
            if detail == "lifted":
                plain = [photo_colors(model, one) for one in (face, other)]
                values["photos' dE"].append(albedo_difference(model, *plain))
                values["photos' dE, smooth"].append(albedo_difference(model, *plain, SMOOTH))
    for detail in args.details:
        several, start = stylecodes[:_BATCH], time.perf_counter()
        model.generate(several, detail=detail)
        values[f"{detail} seconds, batch"].append((time.perf_counter() - start) / len(several))
    figures = {name: round(float(np.nanmedian(numbers)), 3) for name, numbers in sorted(values.items())}
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
