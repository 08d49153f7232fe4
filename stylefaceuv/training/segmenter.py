"""Learns to tell background, face, hair and glasses apart from the generator's activations; nobody marks a pixel.

Run ``python -m stylefaceuv.training segmenter --help``. Photos are made, the head is registered on each, and
:mod:`stylefaceuv.training.segment_labels` marks the pixels that the head model is sure of. A small network learns the
marks; what it says of the pixels between them is what it is for.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import Components, load_components
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.lifting.lifter import Lifter
from stylefaceuv.lifting.photo import Photo
from stylefaceuv.lifting.registration import Registrar
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.networks.generator import to_unit_range
from stylefaceuv.networks.head_segmenter import SEGMENTS, HeadSegmenter, SegmenterConfig
from stylefaceuv.training.random_state import seeded
from stylefaceuv.training.segment_labels import BACKGROUND, HAIR, NO_FACE, SegmentMarker
from stylefaceuv.training.yaw import sample_stylecodes
from stylefaceuv.weights_file import save_tensors


@dataclass(frozen=True)
class SegmenterTraining:
    """Constants of the training.

    Attributes:
        count: photos.
        held_out: share of the photos that are not learned, the last ones.
        pixels: of each kind of mark and photo, drawn at random.
        steps: of AdamW.
        batch: pixels a step.
        learning_rate: of AdamW, falling to zero by a cosine.
        weight_decay: of AdamW.
        smoothing: of the marks, some of which are wrong.
        rounds: each learns anew, without the marks of background that the last one takes for hair.
        doubt: from which probability of hair on it does.
        seed: of stylecodes and of all draws.
    """

    count: int = 900
    held_out: float = 0.15
    pixels: int = 150
    steps: int = 3000
    batch: int = 2048
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    smoothing: float = 0.05
    rounds: int = 3
    doubt: float = 0.2
    seed: int = 50_001

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise InvalidArgumentError("rounds", "at least 1", self.rounds)


@dataclass(frozen=True)
class MarkedPixels:
    """Activations of pixels and what they show.

    Attributes:
        activations: (M, C) float16, so that many fit into memory.
        segment: (M,) int64, index into ``SEGMENTS``, or ``NO_FACE``.
    """

    activations: torch.Tensor
    segment: torch.Tensor


class MarkedPhotos:
    """Makes photos and marks them, one after the other.

    Args:
        parts: a bundle's components.
        resolution: edge of the atlas on which photos are explained, texels.
        config: sizes of the segmenter.
    """

    def __init__(self, parts: Components, config: SegmenterConfig, resolution: int = 1024) -> None:
        self.parts, self.config = parts, config
        self.registrar = Registrar(parts.face_model)
        self.marker = SegmentMarker(Lifter(parts.face_model, parts.albedo_model, resolution), config.resolution)

    @torch.inference_mode()
    def photo(self, w: torch.Tensor) -> Photo:
        """The registered photo of a stylecode (1, 512)."""
        parts = self.parts
        image = to_unit_range(parts.generator.synthesis(w))
        detection = parts.landmarker.detect(image)
        points = detection.points[..., :2]
        found = self.registrar(parts.mapper(w), points, detection.blendshapes, BLENDSHAPE_NAMES, image.shape[-1])
        return Photo(image[0], found.coefficients[0], points[0])

    @torch.inference_mode()
    def pixels(self, w: torch.Tensor, most: int, source: torch.Generator) -> MarkedPixels:
        """Draw marked pixels of one photo.

        Args:
            w: (1, 512) float32.
            most: pixels of each kind of mark.
            source: of the draw.

        Returns:
            At most ``most`` pixels of each.
        """
        marks = self.marker(self.photo(w)).flatten()
        trunk = self.parts.generator.synthesis_features(w, self.config.resolution)[0].flatten(1)
        rows = []
        for segment in range(NO_FACE + 1):
            found = torch.nonzero(marks == segment)[:, 0]
            rows.append(found[torch.randperm(len(found), generator=source)[:most]])
        chosen = torch.cat(rows)
        return MarkedPixels(trunk[:, chosen].T.half(), marks[chosen].long())

    def draw(self, training: SegmenterTraining) -> Iterator[MarkedPixels]:
        """Marked pixels of photo after photo."""
        source = torch.Generator().manual_seed(training.seed)
        for w in sample_stylecodes(self.parts.generator, training.count, training.seed):
            yield self.pixels(w[None], training.pixels, source)


def join(parts: list[MarkedPixels]) -> MarkedPixels:
    """Pixels of several photos as one."""
    return MarkedPixels(torch.cat([part.activations for part in parts]), torch.cat([part.segment for part in parts]))


def mark_loss(logits: torch.Tensor, marks: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Cross-entropy with smoothed labels, where a mark may allow several segments.

    Args:
        logits: (M, S) float.
        marks: (M,) int64, index into ``SEGMENTS``, or ``NO_FACE``, which allows hair and background.
        smoothing: share of each label that is spread over all segments.

    Returns:
        (M,) float.
    """
    allowed = torch.eye(len(SEGMENTS), dtype=torch.bool, device=logits.device)
    allowed = torch.cat([allowed, allowed[BACKGROUND : BACKGROUND + 1] | allowed[HAIR : HAIR + 1]])
    likelihood = logits.log_softmax(dim=1)
    meant = likelihood.masked_fill(~allowed[marks], -torch.inf).logsumexp(dim=1)
    return -((1 - smoothing) * meant + smoothing * likelihood.mean(dim=1))


def train(segmenter: HeadSegmenter, pixels: MarkedPixels, training: SegmenterTraining) -> list[float]:
    """Train in place.

    Args:
        segmenter: fresh; its mean and spread are set here.
        pixels: to learn.
        training: constants.

    Returns:
        The loss of every step.
    """
    segmenter.mean.copy_(pixels.activations.float().mean(dim=0))
    segmenter.spread.copy_(pixels.activations.float().std(dim=0).clamp_min(1e-4))
    # Between as many as there are and all alike: rims are rare, but a pixel is not a rim as likely as it is skin.
    weight = torch.bincount(pixels.segment, minlength=NO_FACE + 1).clamp_min(1).float().rsqrt()
    optimizer = torch.optim.AdamW(
        segmenter.layers.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, training.steps)
    source = torch.Generator().manual_seed(training.seed)
    curve = []
    for _ in tqdm(range(training.steps), desc="learn", unit="step"):
        rows = torch.randint(len(pixels.segment), (training.batch,), generator=source)
        marks = pixels.segment[rows]
        each = mark_loss(segmenter.logits(pixels.activations[rows].float()), marks, training.smoothing)
        loss = (weight[marks] * each).sum() / weight[marks].sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        curve.append(float(loss.detach()))
    return curve


@torch.no_grad()
def without_hidden_hair(segmenter: HeadSegmenter, pixels: MarkedPixels, doubt: float) -> MarkedPixels:
    """Drop marks of background that may be hair: what lies far beside a head is not always background.

    Args:
        segmenter: trained on them.
        pixels: marked.
        doubt: the least probability of hair that drops a mark of background.

    Returns:
        The other pixels.
    """
    hair = segmenter.logits(pixels.activations.float()).softmax(dim=1)[:, HAIR]
    kept = (pixels.segment != BACKGROUND) | (hair < doubt)
    return MarkedPixels(pixels.activations[kept], pixels.segment[kept])


def train_in_rounds(
    config: SegmenterConfig, pixels: MarkedPixels, training: SegmenterTraining
) -> tuple[HeadSegmenter, list[float]]:
    """Train round after round.

    Args:
        config: sizes of the segmenter.
        pixels: to learn.
        training: constants.

    Returns:
        The segmenter of the last round and its losses.
    """
    kept = pixels
    for left in reversed(range(training.rounds)):
        with seeded(training.seed):
            segmenter = HeadSegmenter(config)
        curve = train(segmenter, kept, training)
        if left:
            kept = without_hidden_hair(segmenter, pixels, training.doubt)
    return segmenter, curve


@torch.no_grad()
def agreement(segmenter: HeadSegmenter, pixels: MarkedPixels) -> dict[str, float]:
    """Share of each segment's marks that the segmenter agrees with, and of what is marked as no face.

    What has no marks is left out.
    """
    said = segmenter.logits(pixels.activations.float()).argmax(dim=1)
    right = {name: said == row for row, name in enumerate(SEGMENTS)}
    right["no face"] = (said == BACKGROUND) | (said == HAIR)
    marked = {name: pixels.segment == row for row, name in enumerate((*SEGMENTS, "no face"))}
    return {name: float(right[name][rows].float().mean()) for name, rows in marked.items() if bool(rows.any())}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default=None, help="folder of a bundle; the embedded one by default")
    parser.add_argument("--out", type=Path, required=True, help="head_segmenter.safetensors to write")
    parser.add_argument("--count", type=int, default=SegmenterTraining.count)
    parser.add_argument("--steps", type=int, default=SegmenterTraining.steps)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if args.count < 2:
        parser.error(f"argument --count: expected at least 2, one of them is held out, got {args.count}")
    torch.set_num_threads(args.threads)
    training = SegmenterTraining(count=args.count, steps=args.steps)
    config = SegmenterConfig()
    photos = MarkedPhotos(load_components(Bundle.open(args.bundle), torch.device("cpu")), config)
    marked = list(tqdm(photos.draw(training), total=training.count, desc="mark", unit="photo"))
    learned = min(round(training.count * (1 - training.held_out)), training.count - 1)
    segmenter, curve = train_in_rounds(config, join(marked[:learned]), training)
    figures = {
        "first_loss": float(np.mean(curve[:20])),
        "last_loss": float(np.mean(curve[-100:])),
        "learned": agreement(segmenter, join(marked[:learned])),
        "held_out": agreement(segmenter, join(marked[learned:])),
    }
    save_tensors(args.out, {name: value.half() for name, value in segmenter.state_dict().items()}, segmenter.header())
    args.out.with_suffix(".json").write_text(json.dumps({"config": asdict(training), **figures}, indent=1))
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
