"""Teaches a head segmenter the colour of hair: a ridge regression on hair that was lifted from photos.

    python -m stylefaceuv.training hair-tone --targets RUN --segmenter IN.safetensors --out OUT.safetensors

``RUN`` holds the targets of ``uv-hair``. A painter of hair sees each texel where the head would show it and knows fair
hair badly; the mean of the activations over all hair that an image shows tells it better.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from tqdm import tqdm

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import load_components
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.networks.generator import Generator
from stylefaceuv.networks.head_segmenter import HeadSegmenter, load_head_segmenter
from stylefaceuv.training.hair_targets import HairTargets, read_hair_targets
from stylefaceuv.training.mapper_lighting import ridge
from stylefaceuv.weights_file import save_tensors

_CHUNK = 8
_LEAST_HAIR = 0.05
HELD_OUT_EVERY = 32


def mean_hair_color(targets: HairTargets) -> tuple[torch.Tensor, torch.Tensor]:
    """Average the hair of lifted heads.

    Args:
        targets: n heads.

    Returns:
        (n, 3) float in [0, 1], sRGB, and (n,) bool, which of them have hair.
    """
    colors, covers = [], []
    for haired, cover in zip(targets.haired.split(_CHUNK), targets.cover.split(_CHUNK), strict=True):
        share = cover.float() / 255
        colors.append((haired.float() / 255 * share).sum(dim=(2, 3)) / share.sum(dim=(2, 3)).clamp_min(1))
        covers.append(share.mean(dim=(1, 2, 3)))
    return torch.cat(colors), torch.cat(covers) > _LEAST_HAIR


@torch.no_grad()
def hair_activations(segmenter: HeadSegmenter, generator: Generator, w: torch.Tensor) -> torch.Tensor:
    """Read the images' hair of stylecodes (n, 512), (n, C)."""
    resolution, rows = segmenter.config.resolution, []
    for codes in tqdm(w.split(_CHUNK), desc="read", unit="batch", mininterval=10):
        trunk = generator.synthesis_features(codes, resolution)
        rows.append(segmenter.hair_activations(trunk, segmenter(trunk)))
    return torch.cat(rows)


@torch.no_grad()
def teach_tone(
    segmenter: HeadSegmenter, activations: torch.Tensor, color: torch.Tensor, penalty: float
) -> dict[str, float]:
    """Set the segmenter's colour of hair in place.

    Args:
        segmenter: trained.
        activations: (n, C) float, of :func:`hair_activations`.
        color: (n, 3) float in [0, 1], sRGB, of the same heads.
        penalty: of the ridge, per head.

    Returns:
        Mean absolute errors on held-out heads, every 32nd: of the segmenter, and of always saying the mean colour.

    Raises:
        InvalidArgumentError: there are too few heads.
    """
    if len(color) < HELD_OUT_EVERY:
        raise InvalidArgumentError("color", f"at least {HELD_OUT_EVERY} heads with hair", len(color))
    held = torch.arange(len(color)) % HELD_OUT_EVERY == 0
    centre, mean = activations[~held].mean(dim=0), color[~held].mean(dim=0)
    matrix = ridge(activations[~held] - centre, color[~held] - mean, penalty * float((~held).sum()))
    segmenter.tone.weight.copy_(matrix.T)
    segmenter.tone.bias.copy_(mean - centre @ matrix)
    found = segmenter.tone(activations[held]).clamp(0, 1)
    return {
        "segmenter": float((found - color[held]).abs().mean()),
        "mean_color": float((mean - color[held]).abs().mean()),
        "heads": float(len(color)),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=Path, required=True, help="folder of the lifted heads of uv-hair")
    parser.add_argument("--segmenter", type=Path, required=True, help="head_segmenter.safetensors to read")
    parser.add_argument("--out", type=Path, required=True, help="head_segmenter.safetensors to write")
    parser.add_argument("--penalty", type=float, default=0.03)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    parts = load_components(Bundle.open(None), torch.device("cpu"))
    segmenter, targets = load_head_segmenter(args.segmenter), read_hair_targets(args.targets)
    color, haired = mean_hair_color(targets)
    activations = hair_activations(segmenter, parts.generator, targets.w[haired])
    seen = activations.any(dim=1)
    figures = teach_tone(segmenter, activations[seen], color[haired][seen], args.penalty)
    save_tensors(args.out, {name: value.half() for name, value in segmenter.state_dict().items()}, segmenter.header())
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
