"""A stage that trains one painter of a UV generator on lifted heads and leaves all else of it as it was."""

from __future__ import annotations

import argparse
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import Components, load_components
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.networks.uv_generator import UVGenerator, load_uv_generator
from stylefaceuv.training.adam_stage import AdamStage, AdamTraining, mean_terms
from stylefaceuv.training.atlas_views import AtlasViews
from stylefaceuv.training.checkpoint import save_checkpoint
from stylefaceuv.training.hair_targets import HairTargetMaker, HairTargets, join_hair_targets, read_hair_targets
from stylefaceuv.training.run_log import log_metrics, save_grid
from stylefaceuv.training.uv_warm_start import save_generator
from stylefaceuv.training.yaw import sample_stylecodes
from stylefaceuv.weights_file import EMBEDDED_WEIGHTS

SHARD = 48
SUFFIX = ".hair.safetensors"
SHOWN = 6


@dataclass(frozen=True)
class PainterTraining(AdamTraining):
    """Constants that all such stages have; the seed is that of stylecodes, too.

    Attributes:
        held_out: faces, the last ones, that are never trained on.
    """

    held_out: int = 48
    seed: int = 60_001


class PainterStage(AdamStage):
    """The stage's state and its loop.

    Args:
        parts: frozen networks and the face model.
        model: a UV generator.
        painter: the part of it that learns.
        targets: heads; the last ones are held out.
        config: constants.
        run: folder of the run.

    Raises:
        InvalidArgumentError: no face is left to learn.
    """

    def __init__(
        self,
        parts: Components,
        model: UVGenerator,
        painter: nn.Module,
        targets: HairTargets,
        config: PainterTraining,
        run: Path,
    ) -> None:
        if len(targets) <= config.held_out:
            raise InvalidArgumentError("targets", f"more than the {config.held_out} held out", len(targets))
        super().__init__(painter, config, run)
        self.parts, self.model, self.targets, self.painter = parts, model, targets, painter
        self.batch, self.learned = config.batch, len(targets) - config.held_out
        self.views = AtlasViews(parts, targets.w, model.config.resolution)

    @abstractmethod
    def terms(self, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return weighted loss terms of some faces, (n,) int64."""

    @abstractmethod
    def samples(self, rows: torch.Tensor) -> list[torch.Tensor]:
        """Return what to look at of some faces, (n,) int64: rows of a picture, (n, 3, R, R) in [0, 1] each."""

    def trunk(self, w: torch.Tensor) -> torch.Tensor:
        """What the model reads of stylecodes (n, 512)."""
        with torch.no_grad():
            return self.parts.generator.synthesis_features(w, self.model.config.trunk_resolution)

    def draw(self) -> dict[str, torch.Tensor]:
        """Loss terms of faces drawn at random."""
        return self.terms(torch.randint(self.learned, (self.batch,), generator=self.source))

    def fit(self, max_minutes: float) -> None:
        """Train as every such stage does; the log begins with what the starting weights reach."""
        if not (self.run / "checkpoint.pt").exists():
            log_metrics(self.run / "metrics.jsonl", 0, self.held_out_terms())
        super().fit(max_minutes)

    @torch.no_grad()
    def held_out_terms(self) -> dict[str, float]:
        """Mean loss terms of the faces that are never trained on."""
        held = torch.arange(self.learned, len(self.targets))
        return mean_terms([self.terms(rows) for rows in held.split(self.batch)])

    @torch.no_grad()
    def _save(self, step: int, kept: dict[str, object]) -> None:
        save_checkpoint(self.run / "checkpoint.pt", step, kept, self.source)
        raw = {name: value.clone() for name, value in self.painter.state_dict().items()}
        self.painter.load_state_dict(self.average.values)
        save_generator(self.run / "uv_generator.safetensors", self.model)
        log_metrics(self.run / "metrics.jsonl", step, self.held_out_terms())
        shown = torch.arange(self.learned, len(self.targets))[:SHOWN]
        save_grid(self.run / f"samples-{step:06d}.png", self.samples(shown))
        self.painter.load_state_dict(raw)


def begin(args: argparse.Namespace, seed: int) -> tuple[Components, UVGenerator, HairTargets]:
    """Do what the command lines of these stages begin with: make what targets are missing, load all.

    Args:
        args: of :func:`add_arguments`.
        seed: of the stylecodes.

    Returns:
        The parts, the generator that the training starts from, and the heads.
    """
    torch.set_num_threads(args.threads)
    args.run.mkdir(parents=True, exist_ok=True)
    parts, folder = load_components(Bundle.open(None), torch.device("cpu")), args.targets or args.run
    make_targets(parts, folder, args.count, seed)
    return parts, load_uv_generator(args.start).train(), read_hair_targets(folder)


def make_targets(parts: Components, folder: Path, count: int, seed: int) -> None:
    """Make the targets of so many stylecodes, a file of 48 after the other; files that are there are kept.

    Args:
        parts: with segmenter and UV generator.
        folder: of the files.
        count: stylecodes, rounded down to whole files.
        seed: of the stylecodes.
    """
    w, maker = sample_stylecodes(parts.generator, count, seed), None
    shards = range(count // SHARD)
    with tqdm(total=len(shards) * SHARD, desc="lift", unit="face", mininterval=10) as bar:
        for shard in shards:
            path = folder / f"{shard:05d}{SUFFIX}"
            if not path.exists():
                maker = maker or HairTargetMaker(parts)
                join_hair_targets(list(maker(w[shard * SHARD : (shard + 1) * SHARD]))).save(path)
            bar.update(SHARD)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare such a stage's command line."""
    parser.add_argument("--run", type=Path, required=True, help="folder of the run; an interrupted run goes on")
    parser.add_argument("--start", type=Path, default=EMBEDDED_WEIGHTS / "uv_generator.safetensors")
    parser.add_argument("--targets", type=Path, default=None, help="folder of the lifted heads; default: RUN")
    parser.add_argument("--count", type=int, default=1200, help="faces, held-out ones included")
    parser.add_argument("--steps", type=int, default=PainterTraining.steps)
    parser.add_argument("--batch", type=int, default=PainterTraining.batch)
    parser.add_argument("--learning-rate", type=float, default=PainterTraining.learning_rate)
    parser.add_argument("--max-minutes", type=float, default=1e9, help="of training, after the targets are made")
    parser.add_argument("--threads", type=int, default=2)
