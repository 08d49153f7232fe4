"""Fits the face model to the labelled data set: coefficients for every face, the mapper's targets.

Run ``python -m stylefaceuv.training.fitting --help``. Pose, identity and expression come from the landmarks and the
blendshape scores; light from the skin's shading against an albedo model, when there is one. Shards that have a fit
are left alone, so a second call goes on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import torch
from tqdm import tqdm

from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.landmark_fit import LandmarkFitter, euler_degrees, expression_prior, landmark_error
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.lighting import Y00
from stylefaceuv.training.dataset import LABEL_SIZE, SHARD_SIZE, FaceSample, FaceShards, labels_path
from stylefaceuv.types import FaceCoefficients
from stylefaceuv.weights_file import load_tensors, save_tensors

POSE_STEPS, SHAPE_STEPS = 4, 6


class DatasetFitter:
    """Fits whole shards.

    Args:
        model: the morphable head.
    """

    def __init__(self, model: MorphableModel) -> None:
        self.fitter = LandmarkFitter(model)
        self.camera = Camera.portrait(LABEL_SIZE, LABEL_SIZE)

    @torch.inference_mode()
    def fit(self, points: torch.Tensor, scores: torch.Tensor) -> dict[str, torch.Tensor]:
        """Fit a batch from nothing.

        Args:
            points: (N, 478, 3) float, labels, pixels at 1024.
            scores: (N, 52) float, blendshape scores.

        Returns:
            identity (N, 80), expression (N, 64), rotation (N, 3) degrees, translation (N, 3) dm, error (N,).
        """
        landmarks, fitter = points[..., :2].contiguous(), self.fitter
        expected, sigma = expression_prior(scores, BLENDSHAPE_NAMES, fitter.names, fitter.settings)
        state = fitter.initial(landmarks, self.camera)
        state = fitter.fit(landmarks, self.camera, state, expected, sigma, POSE_STEPS, shape=False)
        state = fitter.fit(landmarks, self.camera, state, expected, sigma, SHAPE_STEPS)
        world = fitter.points(state) @ state.rotation.transpose(1, 2) + state.translation[:, None]
        error = landmark_error(self.camera.project(world)[..., :2], landmarks)
        return {
            "identity": state.identity,
            "expression": state.expression,
            "rotation": euler_degrees(state.rotation),
            "translation": state.translation,
            "error": error,
        }


def fits_path(labels: Path) -> Path:
    """Return the fit's file of a shard, given its label file."""
    return labels.with_name(labels.name.replace(".labels.", ".fits."))


def fit_pending(root: Path, fitter: DatasetFitter) -> int:
    """Fit every labelled shard that has no fit yet.

    Args:
        root: data set folder.
        fitter: the fitter.

    Returns:
        Number of shards fitted.
    """
    pending = [path for path in sorted(root.glob("shard-*.labels.safetensors")) if not fits_path(path).exists()]
    errors = []
    for path in tqdm(pending, desc="fit", unit="shard"):
        errors.append(fit_shard(path, fitter))
    if errors:
        tqdm.write(f"median landmark error {100 * float(torch.cat(errors).median()):.2f} % of the eye distance")
    return len(pending)


def fit_shard(labels: Path, fitter: DatasetFitter) -> torch.Tensor:
    """Fit one shard unless that is done already.

    Args:
        labels: its label file.
        fitter: the fitter.

    Returns:
        (n,) float landmark errors, in eye distances.
    """
    path = fits_path(labels)
    if not path.exists():
        known = load_tensors(labels)
        save_tensors(path, fitter.fit(known["points"].float(), known["blendshapes"].float()))
    return load_tensors(path)["error"]


def fitted_faces(
    shards: FaceShards, stride: int = 1, worst_error: float = 0.02
) -> Iterator[tuple[FaceSample, FaceCoefficients]]:
    """Go through the faces that are labelled and fitted well.

    Args:
        shards: opened with ``labelled=True``.
        stride: take every so many faces.
        worst_error: landmark error, in eye distances, above which a face is passed over.

    Yields:
        The face, and its unbatched coefficients under flat light.
    """
    flat = torch.zeros(9, 3)
    flat[0] = 1 / Y00
    for number in range(0, len(shards), stride):
        shard, row = divmod(number, SHARD_SIZE)
        path = fits_path(labels_path(shards.paths[shard]))
        if not path.exists():
            continue
        fits = _read_fits(path)
        if float(fits["error"][row]) > worst_error:
            continue
        codes = (fits["identity"][row], fits["expression"][row], fits["rotation"][row])
        yield shards[number], FaceCoefficients(*codes, flat.reshape(27), fits["translation"][row])


@lru_cache(maxsize=2)
def _read_fits(path: Path) -> dict[str, torch.Tensor]:
    return load_tensors(path)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="data set folder")
    parser.add_argument("--face-model", type=Path, default=Path(__file__).parents[1] / "weights/face_model.safetensors")
    parser.add_argument("--watch", type=int, default=0, help="keep looking for new shards until so many are fitted")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    fitter = DatasetFitter(load_face_model(args.face_model))
    fit_pending(args.root, fitter)
    while len(list(args.root.glob("shard-*.fits.safetensors"))) < args.watch:
        time.sleep(20)
        fit_pending(args.root, fitter)


if __name__ == "__main__":
    main()
