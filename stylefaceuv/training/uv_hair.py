"""Trains the UV generator's painter of hair alone, on hair that was lifted from photos of its own stylecodes.

    python -m stylefaceuv.training uv-hair --run RUN --count 1200 --steps 3000

The painters share no weights, so skin and displacement stay what they are, to the bit. The first call makes the
targets (about a second a face), 48 a file, and later calls keep them; the run folder gets ``checkpoint.pt`` (exact
resume), ``metrics.jsonl``, sample grids and ``uv_generator.safetensors`` with averaged weights.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from stylefaceuv.components import Components
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.networks.uv_generator import HairPrediction, UVGenerator
from stylefaceuv.training.hair_targets import HairTargets
from stylefaceuv.training.painter_stage import PainterStage, PainterTraining, add_arguments, begin

_UNSEEN = 0.35


@dataclass(frozen=True)
class HairTraining(PainterTraining):
    """Constants of the stage, besides those of all painters' stages.

    Attributes:
        cover: weight of the cover's cross-entropy.
        colour: weight of the colour of hair, wherever there is some.
        cut: weight of the cross-entropy of how combed it is.
    """

    cover: float = 0.1
    colour: float = 1.0
    cut: float = 0.02


def hair_terms(
    hair: HairPrediction,
    bare: torch.Tensor,
    haired: torch.Tensor,
    confidence: torch.Tensor,
    cover: torch.Tensor,
    combed: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """How far painted hair is from lifted hair; each term a scalar without its weight.

    Args:
        hair: painted, of N heads.
        bare: (N, 3, R, R) float in [0, 1], sRGB, the lifted head without hair.
        haired: (N, 3, R, R) float in [0, 1], sRGB, the same with it.
        confidence: (N, 1, R, R) float in [0, 1], where the photo shows skin or hair.
        cover: (N, 1, R, R) float in [0, 1], where ``haired`` is hair.
        combed: (N,) float in [0, 1], 1 of hair that is combed or hangs, 0 of cropped or curly hair.

    Returns:
        ``worn``: of the painted hair over the bare head. What no photo shows counts a third in each term.
        ``colour``: of hair where there is some, however thinly it is painted.
        ``cover``: cross-entropy.
        ``cut``: the same of how combed it is.
    """
    worn = bare + hair.cover * (hair.color - bare)
    weight = _UNSEEN + (1 - _UNSEEN) * confidence
    grown = weight * cover
    entropy = functional.binary_cross_entropy(hair.cover, cover, reduction="none")
    return {
        "worn": ((worn - haired).abs() * weight).mean(),
        "colour": ((hair.color - haired).abs() * grown).sum() / (3 * grown.sum()).clamp_min(1),
        "cover": (entropy * weight).mean() / weight.mean(),
        "cut": functional.binary_cross_entropy(hair.combed, combed),
    }


class HairStage(PainterStage):
    """The stage's state and its loop.

    Args:
        parts: frozen networks and the face model.
        model: a UV generator with a painter of hair; only that is trained.
        targets: heads; the last ones are held out.
        config: constants.
        run: folder of the run.

    Raises:
        InvalidArgumentError: the generator paints no hair, or no face is left to learn.
    """

    def __init__(
        self, parts: Components, model: UVGenerator, targets: HairTargets, config: HairTraining, run: Path
    ) -> None:
        if model.hair is None:
            raise InvalidArgumentError("model", "a UV generator that paints hair", "one that does not")
        super().__init__(parts, model, model.hair, targets, config, run)
        self.config = config

    def terms(self, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """Weighted loss terms of some faces, (n,) int64."""
        targets = self.targets
        parts = (targets.bare, targets.haired, targets.confidence, targets.cover)
        bare, haired, confidence, cover = (part[rows].float() / 255 for part in parts)
        terms = hair_terms(self._paint(rows), bare, haired, confidence, cover, targets.combed[rows])
        return terms | {name: getattr(self.config, name) * terms[name] for name in ("colour", "cover", "cut")}

    def _paint(self, rows: torch.Tensor) -> HairPrediction:
        w = self.targets.w[rows]
        return self.model.paint_hair(self.trunk(w), self.views[rows], w)

    def samples(self, rows: torch.Tensor) -> list[torch.Tensor]:
        """Painted and lifted heads, the colour alone, and the covers."""
        targets, hair = self.targets, self._paint(rows)
        bare, haired, cover = (part[rows].float() / 255 for part in (targets.bare, targets.haired, targets.cover))
        worn = bare + hair.cover * (hair.color - bare)
        return [worn, haired, hair.color, *(each.expand(-1, 3, -1, -1) for each in (hair.cover, cover))]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    args = parser.parse_args()
    config = HairTraining(steps=args.steps, batch=args.batch, learning_rate=args.learning_rate)
    parts, model, targets = begin(args, config.seed)
    HairStage(parts, model, targets, config, args.run).fit(args.max_minutes)


if __name__ == "__main__":
    main()
