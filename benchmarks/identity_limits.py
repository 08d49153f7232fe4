"""What keeps a free render from being recognised: its textures, its light, or that one photo shows one side.

    python benchmarks/identity_limits.py --count 16 --seed 3000 --identity-weights DIR

Median identity distances (dlib-type embedding, L2) to the StyleGAN2 image, of four pictures at each yaw:

- turned: the head with its hair turns under a light that stays, as ``benchmarks/quality.py --hair keep`` measures;
- orbit: the camera goes around the head, so that its light stays on it;
- photo on mesh: the photo's own colours on the same mesh, hair, light and background included, unseen texels from the
  other side: what no texture made from that photo can be expected to beat;
- edited portrait: StyleGAN2's own picture of the stylecode turned to that yaw, up to 30 degrees.

Its identity network judges only: nothing is trained or chosen with it.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from quality import YAWS, Judge, tensor

from stylefaceuv import Face, StyleFaceUV
from stylefaceuv.control import View
from stylefaceuv.evaluation.identity import identity_distance, load_identity_network
from stylefaceuv.lifting.pyramid import push_pull
from stylefaceuv.networks.generator import to_uint8
from stylefaceuv.rendering.lighting import ambient_light

SEEN = 0.3
"""Confidence from which a texel of the photo is taken."""
EDITED = 30.0


def photo_on_mesh(judge: Judge, face: Face) -> Face:
    """The face with its photo for a texture, mirrored where the photo does not see, and no light of its own."""
    lifter = judge.model.maker.lifter
    points = judge.detect(face.image).points[0, :, :2]
    texels = lifter.surface.project(tensor(face.image)[0], face.coefficients, points)
    seen = (lifter.texels.scatter(texels.confidence[:, None])[None] > SEEN).float()
    colors = lifter.texels.scatter(texels.color)[None]
    mirrored = (1 - seen) * seen.flip(-1)
    whole = push_pull(colors * seen + colors.flip(-1) * mirrored, seen + mirrored)[0].clamp(0, 1)
    diffuse = (whole * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return replace(face, maps=replace(face.maps, diffuse=diffuse, cast_light=np.ones_like(face.maps.cast_light)))


@torch.inference_mode()
def distances(judge: Judge, w: torch.Tensor) -> dict[str, float]:
    """All distances of one stylecode."""
    face = judge.model.generate(w)
    assert isinstance(face, Face)
    own, pasted = judge.embed(face.image), photo_on_mesh(judge, face)
    yaw, pitch, _ = face.coefficients.rotation.tolist()
    result = {}
    for asked in YAWS:
        pictures = {
            "turned": face.render(size=512, yaw=asked, pitch=0.0, roll=0.0),
            "orbit": face.render(size=512, yaw=yaw, pitch=pitch, roll=0.0, view=View(yaw=yaw - asked)),
            "photo on mesh": pasted.render(
                size=512, yaw=asked, pitch=0.0, roll=0.0, lighting=ambient_light(), self_shadow=False
            ),
        }
        if 0 < abs(asked) <= EDITED:
            image = judge.model.components.generator.synthesis(judge.model.rotate(w[None], asked))
            pictures["edited portrait"] = to_uint8(image)[0]
        for name, picture in pictures.items():
            result[f"{name} {asked:+.0f}"] = float(identity_distance(own, judge.embed(picture))[0])
    return result


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--seed", type=int, default=3000)
    parser.add_argument("--identity-weights", type=Path, default=None)
    options = parser.parse_args()
    torch.set_num_threads(2)
    model = StyleFaceUV.from_pretrained(hair="keep")
    judge = Judge(model, load_identity_network(options.identity_weights))
    values: dict[str, list[float]] = defaultdict(list)
    for w in model.sample(options.count, seed=options.seed):
        for name, value in distances(judge, w).items():
            values[name].append(value)
    medians = {name: round(float(np.median(numbers)), 3) for name, numbers in sorted(values.items())}
    print(json.dumps(medians, indent=1))


if __name__ == "__main__":
    main()
