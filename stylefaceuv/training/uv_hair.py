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
from tqdm import tqdm

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import Components, load_components
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.networks.uv_generator import UVGenerator, load_uv_generator
from stylefaceuv.training.adam_stage import AdamStage, mean_terms
from stylefaceuv.training.atlas_views import AtlasViews
from stylefaceuv.training.checkpoint import save_checkpoint
from stylefaceuv.training.hair_targets import HairTargetMaker, HairTargets, join_hair_targets, read_hair_targets
from stylefaceuv.training.run_log import log_metrics, save_grid
from stylefaceuv.training.uv_warm_start import save_generator
from stylefaceuv.training.yaw import sample_stylecodes
from stylefaceuv.weights_file import EMBEDDED_WEIGHTS

SHARD = 48
SUFFIX = ".hair.safetensors"
_UNSEEN = 0.35


@dataclass(frozen=True)
class HairTraining:
    """Constants of the stage.

    Attributes:
        steps: of Adam.
        batch: faces a step.
        learning_rate: of Adam, falling to a twentieth by a cosine.
        cover: weight of the cover's cross-entropy.
        colour: weight of the colour of hair, wherever there is some.
        average: decay of the averaged weights.
        held_out: faces, the last ones, that are never trained on.
        seed: of stylecodes and of the order of faces.
        checkpoint_every: steps.
    """

    steps: int = 3000
    batch: int = 4
    learning_rate: float = 1e-3
    cover: float = 0.1
    colour: float = 1.0
    average: float = 0.995
    held_out: int = 48
    seed: int = 60_001
    checkpoint_every: int = 100


def hair_terms(
    hair: torch.Tensor, bare: torch.Tensor, haired: torch.Tensor, confidence: torch.Tensor, cover: torch.Tensor
) -> dict[str, torch.Tensor]:
    """How far painted hair is from lifted hair; each term a scalar without its weight.

    Args:
        hair: (N, 4, R, R) float, sRGB colour and cover in [0, 1].
        bare: (N, 3, R, R) float in [0, 1], sRGB, the lifted head without hair.
        haired: (N, 3, R, R) float in [0, 1], sRGB, the same with it.
        confidence: (N, 1, R, R) float in [0, 1], where the photo shows skin or hair.
        cover: (N, 1, R, R) float in [0, 1], where that is hair.

    Returns:
        ``worn``: of the painted hair over the bare head; what no photo shows counts a third.
        ``colour``: of hair where there is some, however thinly it is painted.
        ``cover``: cross-entropy where the photo tells.
    """
    painted, share = hair[:, :3], hair[:, 3:]
    worn = bare + share * (painted - bare)
    grown = confidence * cover
    entropy = functional.binary_cross_entropy(share, cover, reduction="none")
    return {
        "worn": ((worn - haired).abs() * (_UNSEEN + (1 - _UNSEEN) * confidence)).mean(),
        "colour": ((painted - haired).abs() * grown).sum() / (3 * grown.sum()).clamp_min(1),
        "cover": (entropy * confidence).sum() / confidence.sum().clamp_min(1),
    }


class HairStage(AdamStage):
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
        if len(targets) <= config.held_out:
            raise InvalidArgumentError("targets", f"more than the {config.held_out} held out", len(targets))
        super().__init__(model.hair, config, run)
        self.parts, self.model, self.targets, self.config, self.painter = parts, model, targets, config, model.hair
        self.views = AtlasViews(parts, targets.w, model.config.resolution)
        self.learned = len(targets) - config.held_out

    def terms(self, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """Weighted loss terms of some faces, (n,) int64."""
        targets, w = self.targets, self.targets.w[rows]
        with torch.no_grad():
            trunk = self.parts.generator.synthesis_features(w, self.model.config.trunk_resolution)
        hair = self.model.paint_hair(trunk, self.views[rows], w)
        parts = (targets.bare, targets.haired, targets.confidence, targets.cover)
        terms = hair_terms(hair, *(part[rows].float() / 255 for part in parts))
        return terms | {name: getattr(self.config, name) * terms[name] for name in ("colour", "cover")}

    def draw(self) -> dict[str, torch.Tensor]:
        """Loss terms of faces drawn at random."""
        return self.terms(torch.randint(self.learned, (self.config.batch,), generator=self.source))

    def fit(self, max_minutes: float) -> None:
        """Train as every such stage does; the log begins with what the starting weights reach."""
        if not (self.run / "checkpoint.pt").exists():
            log_metrics(self.run / "metrics.jsonl", 0, self.held_out_terms())
        super().fit(max_minutes)

    @torch.no_grad()
    def held_out_terms(self) -> dict[str, float]:
        """Mean loss terms of the faces that are never trained on."""
        held = torch.arange(self.learned, len(self.targets))
        return mean_terms([self.terms(rows) for rows in held.split(self.config.batch)])

    @torch.no_grad()
    def _save(self, step: int, kept: dict[str, object]) -> None:
        save_checkpoint(self.run / "checkpoint.pt", step, kept, self.source)
        raw = {name: value.clone() for name, value in self.painter.state_dict().items()}
        self.painter.load_state_dict(self.average.values)
        save_generator(self.run / "uv_generator.safetensors", self.model)
        log_metrics(self.run / "metrics.jsonl", step, self.held_out_terms())
        self._samples(step)
        self.painter.load_state_dict(raw)

    def _samples(self, step: int) -> None:
        """Bare, painted and lifted heads of six faces that are never trained on, and the covers."""
        rows = torch.arange(self.learned, len(self.targets))[:6]
        targets, w = self.targets, self.targets.w[rows]
        trunk = self.parts.generator.synthesis_features(w, self.model.config.trunk_resolution)
        hair = self.model.paint_hair(trunk, self.views[rows], w)
        bare, haired, cover = (part[rows].float() / 255 for part in (targets.bare, targets.haired, targets.cover))
        worn = bare + hair[:, 3:] * (hair[:, :3] - bare)
        covers = [each.expand(-1, 3, -1, -1) for each in (hair[:, 3:], cover)]
        save_grid(self.run / f"samples-{step:06d}.png", [worn, haired, *covers])


def make_targets(parts: Components, folder: Path, count: int, seed: int) -> None:
    """Make the targets of so many stylecodes, a file of 48 after the other; files that are there are kept.

    Args:
        parts: with segmenter and UV generator.
        folder: of the files.
        count: stylecodes, rounded down to whole files.
        seed: of the stylecodes.
    """
    w, maker = sample_stylecodes(parts.generator, count, seed), None
    with tqdm(total=count // SHARD * SHARD, desc="lift", unit="face", mininterval=10) as bar:
        for shard in range(count // SHARD):
            path = folder / f"{shard:05d}{SUFFIX}"
            if not path.exists():
                maker = maker or HairTargetMaker(parts)
                join_hair_targets(list(maker(w[shard * SHARD : (shard + 1) * SHARD]))).save(path)
            bar.update(SHARD)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run; an interrupted run goes on")
    parser.add_argument("--start", type=Path, default=EMBEDDED_WEIGHTS / "uv_generator.safetensors")
    parser.add_argument("--count", type=int, default=1200, help="faces, held-out ones included")
    parser.add_argument("--steps", type=int, default=HairTraining.steps)
    parser.add_argument("--batch", type=int, default=HairTraining.batch)
    parser.add_argument("--learning-rate", type=float, default=HairTraining.learning_rate)
    parser.add_argument("--max-minutes", type=float, default=1e9, help="of training, after the targets are made")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.run.mkdir(parents=True, exist_ok=True)
    config = HairTraining(steps=args.steps, batch=args.batch, learning_rate=args.learning_rate)
    parts = load_components(Bundle.open(None), torch.device("cpu"))
    make_targets(parts, args.run, args.count, config.seed)
    model = load_uv_generator(args.start).train()
    HairStage(parts, model, read_hair_targets(args.run), config, args.run).fit(args.max_minutes)


if __name__ == "__main__":
    main()
