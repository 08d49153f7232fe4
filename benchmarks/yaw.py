"""Measure yaw control on stylecodes that nothing was tuned on.

    python benchmarks/yaw.py --count 32 --seed 3000

For every asked yaw the stylecode is rotated, its StyleGAN2 image is made, landmarks are detected in it, the head is
registered on them, and the head's yaw is compared with the asked one: median absolute error, degrees. The last line is
the symmetric view: median of abs(yaw(w_sym) + yaw(w)) for faces that look to a side by more than 15 degrees, and the
distance to the asked yaw for all.
"""

from __future__ import annotations

import argparse
import json
import sys

import torch
from tqdm import tqdm

from stylefaceuv import StyleFaceUV
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.networks.generator import to_unit_range
from stylefaceuv.networks.yaw import SMALL_YAW_DEGREES, symmetric_yaw

ASKED = (-30.0, -15.0, 0.0, 15.0, 30.0)


@torch.inference_mode()
def measured_yaw(model: StyleFaceUV, stylecode: torch.Tensor) -> float:
    """Yaw of the head registered on the image's landmarks, degrees."""
    parts = model.components
    image = to_unit_range(parts.generator.synthesis(stylecode[None]))
    found = parts.landmarker.detect(image)
    guess = parts.mapper(stylecode[None])
    registered = model.maker.registrar(
        guess, found.points[..., :2], found.blendshapes, BLENDSHAPE_NAMES, image.shape[-1]
    )
    return float(registered.coefficients.rotation[0, 0])


def median(values: list[float]) -> float:
    """Median of a list."""
    return float(torch.tensor(values).median())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--seed", type=int, default=3000)
    parser.add_argument("--bundle", default=None, help="folder of a bundle; default: the embedded one")
    args = parser.parse_args()
    torch.set_num_threads(2)
    model = StyleFaceUV.from_pretrained(args.bundle)
    errors: dict[str, list[float]] = {f"asked {asked:+.0f}": [] for asked in ASKED}
    mirrored, asked_symmetric = [], []
    for stylecode in tqdm(model.sample(args.count, seed=args.seed), unit="face"):
        own = measured_yaw(model, stylecode)
        for asked in ASKED:
            errors[f"asked {asked:+.0f}"].append(abs(measured_yaw(model, model.rotate(stylecode, asked)) - asked))
        target = float(symmetric_yaw(torch.tensor([own])))
        other = measured_yaw(model, model.rotate(stylecode, target))
        asked_symmetric.append(abs(other - target))
        if abs(own) >= SMALL_YAW_DEGREES:
            mirrored.append(abs(other + own))
    figures: dict[str, float] = {name: median(values) for name, values in errors.items()}
    figures["all asked"] = median([value for values in errors.values() for value in values])
    figures["symmetric view, against its target"] = median(asked_symmetric)
    if mirrored:
        figures[f"symmetric view, abs(yaw + yaw_sym), {len(mirrored)} faces"] = median(mirrored)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
