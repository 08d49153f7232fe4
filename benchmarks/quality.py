"""Measure heads of stylecodes that nothing was tuned on.

    python benchmarks/quality.py --count 64 --seed 3000

Prints medians: landmark error of the mapper alone, after registration and of the displaced mesh (outer-eye distances;
the last is measured on the landmarks that displaced it), identity distance
(dlib-type embedding, L2) between the StyleGAN2 image and free renders on grey, asymmetry of the face's luminance
before and after delighting, relighting ratio, and seconds for each head. Its identity network judges only: nothing is
trained with it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from stylefaceuv import Face, StyleFaceUV
from stylefaceuv.colour import srgb_to_linear
from stylefaceuv.evaluation.identity import IdentityNetwork, identity_distance, load_identity_network
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.lifting.delighting import luminance
from stylefaceuv.lifting.landmark_fit import landmark_error
from stylefaceuv.networks.landmarker import LandmarkDetection
from stylefaceuv.rendering.camera import Camera

YAWS = (0.0, 30.0, -30.0, 60.0, -60.0)
Figures = dict[str, float]


def tensor(picture: npt.NDArray[np.uint8]) -> torch.Tensor:
    """(H, W, 3) uint8 to (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


class Judge:
    """Measures faces of one model."""

    def __init__(self, model: StyleFaceUV, identity: IdentityNetwork) -> None:
        self.model, self.identity = model, identity

    def detect(self, picture: npt.NDArray[np.uint8]) -> LandmarkDetection:
        """Landmarks of a picture."""
        return self.model.components.landmarker.detect(tensor(picture))

    def embed(self, picture: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Identity embedding of a picture, (1, 128)."""
        return self.identity.embed(tensor(picture), self.detect(picture).points)

    @torch.inference_mode()
    def figures(self, face: Face) -> Figures:
        """All figures of one face."""
        parts = self.model.components
        detected = self.detect(face.image).points[..., :2]
        mapped = parts.mapper(torch.from_numpy(face.stylecode)[None])
        cage = parts.face_model(mapped.identity, mapped.expression)
        world = pose_vertices(parts.face_model.landmarks(cage), mapped.rotation, mapped.translation)
        size = face.image.shape[0]
        projected = Camera.portrait(size, size).project(world)[..., :2]
        result = {
            "mapper_landmark_error": float(landmark_error(projected, detected)[0]),
            "registered_landmark_error": face.registration_error,
            "displaced_landmark_error": float(landmark_error(torch.from_numpy(face.landmarks)[None], detected)[0]),
        }
        own = self.embed(face.image)
        result["identity_own"] = float(identity_distance(own, self.embed(face.render(size=512)))[0])
        for yaw in YAWS:
            picture = face.render(size=512, yaw=yaw, pitch=0.0, roll=0.0)
            result[f"identity_{yaw:+.0f}"] = float(identity_distance(own, self.embed(picture))[0])
        result["relight_ratio"] = relight_ratio(face)
        return result | self.asymmetry(face)

    def asymmetry(self, face: Face) -> Figures:
        """Relative left-right difference of luminance over the face's front, lifted against delit."""
        lifter = self.model.maker.lifter
        detected = self.detect(face.image).points[0, :, :2]
        texels = lifter.surface.project(tensor(face.image)[0], face.coefficients, detected)
        lifted = lifter.texels.scatter(luminance(srgb_to_linear(texels.color))[:, None])[0]
        seen = lifter.texels.scatter(texels.confidence[:, None])[0] > 0.5
        delit = luminance(srgb_to_linear(tensor(face.diffuse)[0]), dim=0)
        both = seen & seen.flip(-1) & (lifter.support[0, 0] > 0.9)
        return {"asymmetry_lifted": difference(lifted, both), "asymmetry_delit": difference(delit, both)}


def difference(plane: torch.Tensor, where: torch.Tensor) -> float:
    """Mean relative difference to the mirror image."""
    mirrored = plane.flip(-1)
    return float(((plane - mirrored).abs() / (plane + mirrored).clamp_min(1e-3))[where].mean())


def relight_ratio(face: Face) -> float:
    """Lit over dark half of the face, the worse of light from the left and from the right."""
    ratios = []
    for name in ("left", "right"):
        picture = face.render(size=256, yaw=0.0, pitch=0.0, roll=0.0, lighting=name, expression="neutral")
        plane = luminance(srgb_to_linear(tensor(picture)), dim=1)[0, 90:200]
        left, right = plane[:, 80:125].mean(), plane[:, 131:176].mean()
        ratios.append(float(left / right) if name == "left" else float(right / left))
    return min(ratios)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--seed", type=int, default=3000)
    parser.add_argument("--truncation", type=float, default=0.7)
    parser.add_argument("--identity-weights", type=Path, default=None)
    parser.add_argument("--hair", default="clean", choices=("clean", "keep"))
    parser.add_argument("--detail", default="lifted", choices=("lifted", "two-views", "generator"))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    model = StyleFaceUV.from_pretrained(hair=options.hair)
    judge = Judge(model, load_identity_network(options.identity_weights))
    rows = []
    for stylecode in model.sample(options.count, seed=options.seed, truncation=options.truncation):
        start = time.perf_counter()
        face = model.generate(stylecode, detail=options.detail)
        assert isinstance(face, Face)
        made = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            face.export(Path(folder) / "head.glb")
        rows.append({"seconds_generate": made - start, "seconds_export": time.perf_counter() - made})
        rows[-1] |= judge.figures(face)
    median = {name: round(float(np.median([row[name] for row in rows])), 4) for name in rows[0]}
    median["asymmetry_ratio"] = round(median["asymmetry_delit"] / median["asymmetry_lifted"], 3)
    median["relight_share_at_least_1.5"] = float(np.mean([row["relight_ratio"] >= 1.5 for row in rows]))
    print(json.dumps(median, indent=1))


if __name__ == "__main__":
    main()
