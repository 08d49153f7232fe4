"""Measure the seam of renders laid over their StyleGAN2 image.

    python benchmarks/composite.py --count 64 --seed 3000

The face is what the render's matte covers at all (a head is laid over its photo without scalp and neck). For every
face: which share of it has a matte above 0.99, and the mean absolute colour step between neighbouring pixels across the
border, where the matte rises, over the photo's own mean step at the same pixels. The control pastes the same render
with a hard matte and without colour matching. Medians, and the share of faces within the aim of 1.5.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional
from tqdm import tqdm

from stylefaceuv import Face, StyleFaceUV
from stylefaceuv.rendering import compositing

AIM, LEAST_SHARE = 1.5, 0.9


class MatteRecorder:
    """Keeps the matte of the last composite; the package itself shows only the picture."""

    def __init__(self) -> None:
        self.matte = torch.zeros(1, 1, 1, 1)
        self._original = compositing.composite_matte

    def __call__(self, *arguments: Any) -> torch.Tensor:
        self.matte = self._original(*arguments)
        return self.matte


def steps(picture: npt.NDArray[np.float64], where: npt.NDArray[np.bool_]) -> float:
    """Mean absolute step to the right and to the lower neighbour at some pixels, sRGB in [0, 255]."""
    across = np.abs(np.diff(picture, axis=1)).mean(-1)[:-1]
    down = np.abs(np.diff(picture, axis=0)).mean(-1)[:, :-1]
    return float(((across + down) / 2)[where[:-1, :-1]].mean())


def measure(face: Face, recorder: MatteRecorder, size: int) -> dict[str, float]:
    """Share under a full matte, and the steps' ratio for the composite and for the control."""
    composite = face.render(size=size, background="image").astype(np.float64)
    matte = recorder.matte
    photo = torch.from_numpy(face.image.copy()).permute(2, 0, 1)[None].float()
    small = functional.interpolate(photo, (size, size), mode="bilinear", antialias=True, align_corners=False)
    own = small[0].permute(1, 2, 0).double().numpy()
    bare = face.render(size=size, background=(0.0, 0.0, 0.0), view=None).astype(np.float64)
    inner = matte[0, 0].numpy()
    hard = np.where((inner > 0.5)[..., None], bare, own)
    edge = functional.max_pool2d(((matte > 0.002) & (matte < 0.998)).float(), 3, stride=1, padding=1)[0, 0].numpy() > 0
    outline = (inner > 0.5).astype(np.float32)[None, None]
    spread = functional.max_pool2d(torch.from_numpy(outline), 3, stride=1, padding=1)[0, 0].numpy()
    cut = (spread - outline[0, 0]) > 0
    return {
        "full_matte": float((inner > 0.99).sum() / max((inner > 0.002).sum(), 1)),
        "ratio": steps(composite, edge) / steps(own, edge),
        "control": steps(hard, cut) / steps(own, cut),
    }


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--seed", type=int, default=3000)
    parser.add_argument("--size", type=int, default=512)
    args = parser.parse_args()
    model = StyleFaceUV.from_pretrained()
    recorder = MatteRecorder()
    compositing.composite_matte = recorder  # type: ignore[assignment]
    found: list[dict[str, float]] = []
    for w in tqdm(model.sample(args.count, seed=args.seed, truncation=0.7), unit="face"):
        face = model.generate(w)
        assert isinstance(face, Face)
        found.append(measure(face, recorder, args.size))
    medians = {name: round(float(np.median([one[name] for one in found])), 3) for name in found[0]}
    within = float(np.mean([one["ratio"] <= AIM for one in found]))
    covered = float(np.mean([one["full_matte"] >= LEAST_SHARE for one in found]))
    result = {"faces": args.count, **medians, "within_aim": within, "covered_faces": covered}
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
