"""The identity embedding: alignment, decoding of the weights, and what distances mean."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.evaluation.identity import (
    IdentityNetwork,
    chip_crops,
    face_chips,
    identity_distance,
    load_identity_network,
)
from stylefaceuv.networks.landmarker import load_landmarker
from tests.networks.landmark_faces import WEIGHTS, load_faces

MODEL = Path.home() / ".cache/stylefaceuv/faceapi/package/model"
TEMPLATE = {
    263: (0.8596, 0.2135),
    362: (0.6461, 0.229),
    33: (0.1206, 0.2137),
    133: (0.3341, 0.2291),
    2: (0.4901, 0.6278),
}


def _landmarks(side: float, turn: float, centre: tuple[float, float]) -> torch.Tensor:
    """Landmarks that lie as in dlib's mean face within a chip of this size, turn and centre."""
    landmarks = torch.zeros(1, 478, 3)
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    for index, place in TEMPLATE.items():
        u, v = (((value + 0.25) / 1.5 - 0.5) * side for value in place)
        landmarks[0, index, 0] = centre[0] + u * cosine - v * sine
        landmarks[0, index, 1] = centre[1] + u * sine + v * cosine
    return landmarks


def test_chip_is_the_similarity_that_fits_the_mean_face() -> None:
    found = chip_crops(_landmarks(240, 15, (300, 200)))
    torch.testing.assert_close(found, torch.tensor([[300.0, 200.0, 240.0, 15.0]]), atol=0.1, rtol=0)


def test_chip_shows_the_eyes_level() -> None:
    landmarks = _landmarks(200, -30, (256, 256))
    image = torch.zeros(1, 3, 512, 512)
    for index in (33, 263):
        x, y = landmarks[0, index, :2].long().tolist()
        image[0, :, y - 3 : y + 4, x - 3 : x + 4] = 1
    rows = face_chips(image, landmarks)[0, 0].sum(1)
    assert rows[42:51].sum() > 0.8 * rows.sum()


def _write_model(folder: Path, network: IdentityNetwork, drop: int = 0) -> dict[str, torch.Tensor]:
    entries, blob = [], b""
    values = {}
    for name, tensor in list(network.state_dict().items())[drop:]:
        array = tensor.numpy()
        stored = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
        low, step = float(stored.min()), max(float(np.ptp(stored)) / 255, 1e-6)
        codes = np.round((stored - low) / step).astype(np.uint8)
        quantization = {"dtype": "uint8", "scale": step, "min": low}
        entries.append({"name": name, "shape": list(stored.shape), "dtype": "float32", "quantization": quantization})
        blob += codes.tobytes()
        values[name] = tensor
    (folder / "face_recognition_model-weights_manifest.json").write_text(json.dumps([{"weights": entries}]))
    (folder / "face_recognition_model.bin").write_bytes(blob)
    return values


def test_quantised_weights_are_read(tmp_path: Path) -> None:
    torch.manual_seed(0)
    expected = _write_model(tmp_path, IdentityNetwork())
    for name, value in load_identity_network(tmp_path).state_dict().items():
        torch.testing.assert_close(value, expected[name], atol=2e-3, rtol=0)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="face_recognition_model"):
        load_identity_network(tmp_path)
    _write_model(tmp_path, IdentityNetwork(), drop=1)
    with pytest.raises(WeightsError, match="layers"):
        load_identity_network(tmp_path)
    with (tmp_path / "face_recognition_model.bin").open("ab") as stream:
        stream.write(b"0")
    with pytest.raises(WeightsError, match="bytes"):
        load_identity_network(tmp_path)


def test_bad_input_is_refused_by_name() -> None:
    network = IdentityNetwork()
    with pytest.raises(InvalidArgumentError, match=r"^images"):
        network.embed(torch.zeros(3, 64, 64), torch.zeros(1, 478, 3))
    with pytest.raises(InvalidArgumentError, match=r"^landmarks"):
        network.embed(torch.zeros(1, 3, 64, 64), torch.zeros(1, 68, 2))


@pytest.mark.skipif(not MODEL.exists(), reason="the face recognition model is not in the cache")
def test_distances_tell_persons_apart() -> None:
    faces, landmarker, network = load_faces(), load_landmarker(WEIGHTS), load_identity_network(MODEL)
    embedded = network.embed(faces.images, faces.points)
    assert embedded.shape == (3, 128)
    mirrored = faces.images.flip(3)
    same = identity_distance(embedded, network.embed(mirrored, landmarker.detect(mirrored).points))
    other = identity_distance(embedded, embedded.roll(1, 0))
    assert same.max() < 0.4
    assert other.min() > 0.5
