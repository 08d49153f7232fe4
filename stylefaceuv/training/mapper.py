"""Trains the mapper F3D on fitted faces (StyleFaceUV, section 3.2.1).

Run ``python -m stylefaceuv.training.mapper --help``. The linear part starts from ridge regression; then Adam on the
L1 distance to the fitted coefficients, as in the paper, plus the distance of the posed landmarks to the detected ones.
Checkpoints hold weights, averages, optimiser and random state: a killed run goes on exactly where it was.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import rotation_matrix
from stylefaceuv.files import atomic_path
from stylefaceuv.lifting.landmark_fit import LandmarkFitter, landmark_error
from stylefaceuv.networks.mapper import COEFFICIENT_COUNT, EXPRESSION, IDENTITY, Mapper, load_mapper
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.lighting import Y00
from stylefaceuv.training.dataset import LABEL_SIZE
from stylefaceuv.training.random_state import seeded
from stylefaceuv.weights_file import load_tensors, save_tensors

_LIGHT = slice(IDENTITY + EXPRESSION + 3, IDENTITY + EXPRESSION + 30)


@dataclass(frozen=True)
class MapperConfig:
    """Constants of the training.

    Attributes:
        preset: of :class:`stylefaceuv.networks.mapper.Mapper`.
        steps: of Adam.
        batch: faces a step (paper: 16).
        learning_rate: falls to a hundredth by a cosine (paper: 1e-5 to 1e-8).
        weight_decay: of AdamW.
        landmark_weight: of the landmark term, in eye distances.
        noise: of input noise, in standard deviations of w: the set is small against 512 dimensions.
        validation: faces held out, the last of the set.
        ema: decay of the averaged weights.
        seed: of batches.
    """

    preset: str = "compact"
    steps: int = 6000
    batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    landmark_weight: float = 8.0
    noise: float = 0.05
    validation: int = 512
    ema: float = 0.998
    seed: int = 0


@dataclass(frozen=True)
class MapperData:
    """Inputs and targets.

    Attributes:
        w: (n, 512) float.
        target: (n, 177) float, NaN where a coefficient is not known.
        landmarks: (n, 478, 2) float, detected, pixels at 1024.
    """

    w: torch.Tensor
    target: torch.Tensor
    landmarks: torch.Tensor

    def rows(self, rows: torch.Tensor | slice) -> MapperData:
        """Return some of the faces."""
        return MapperData(self.w[rows], self.target[rows], self.landmarks[rows])


def load_data(root: Path, worst_error: float = 0.04) -> MapperData:
    """Read every fitted shard.

    Args:
        root: data set folder.
        worst_error: faces whose fit is worse, in eye distances, are left out.

    Returns:
        The data.
    """
    parts: list[tuple[torch.Tensor, ...]] = []
    for path in sorted(root.glob("shard-*.fits.safetensors")):
        fits = load_tensors(path)
        images, labels = (
            load_tensors(path.with_name(path.name.replace(".fits.", f".{k}."))) for k in ("images", "labels")
        )
        count = len(fits["error"])
        light = torch.full((count, 27), torch.nan)
        lights = path.with_name(path.name.replace(".fits.", ".lights."))
        if lights.exists():
            light = load_tensors(lights)["lighting"].reshape(count, 27)
        target = torch.cat([fits["identity"], fits["expression"], fits["rotation"], light, fits["translation"]], 1)
        keep = (fits["error"] < worst_error) & (labels["score"] > 0.8)
        parts.append((images["w"][keep], target[keep], labels["points"][keep, :, :2].float()))
    w, target, landmarks = (torch.cat(column) for column in zip(*parts, strict=True))
    return MapperData(w, target, landmarks)


class LandmarkLoss:
    """Mean distance of a mapped face's landmarks to the detected ones, in outer-eye distances.

    Args:
        model: the morphable head.
    """

    def __init__(self, model: MorphableModel) -> None:
        self.fitter = LandmarkFitter(model)
        self.camera = Camera.portrait(LABEL_SIZE, LABEL_SIZE)

    def __call__(self, mapper: Mapper, raw: torch.Tensor, landmarks: torch.Tensor) -> torch.Tensor:
        """Return (N,) errors of raw (N, 177) coefficients."""
        faces = mapper.unpack(raw)
        codes = torch.cat([faces.identity, faces.expression], dim=1)
        points = self.fitter.mean + torch.einsum("nk,kpc->npc", codes, self.fitter.basis)
        world = points @ rotation_matrix(faces.rotation).transpose(1, 2) + faces.translation[:, None]
        return landmark_error(self.camera.project(world)[..., :2], landmarks)


def initialise(mapper: Mapper, data: MapperData, ridge: float = 30.0) -> None:
    """Set the scales, and the linear part of a compact mapper by ridge regression."""
    known = torch.where(torch.isnan(data.target), torch.nanmean(data.target, dim=0), data.target)
    flat = torch.zeros(27)
    flat[:3] = 1 / Y00
    empty = torch.isnan(known).any(0)
    known[:, empty] = torch.zeros(COEFFICIENT_COUNT).index_copy(0, torch.arange(_LIGHT.start, _LIGHT.stop), flat)[empty]
    mapper.mean.copy_(known.mean(0))
    mapper.spread.copy_(known.std(0).clamp_min(1e-3))
    mapper.style_mean.copy_(data.w.mean(0))
    mapper.style_spread.copy_(data.w.std(0).clamp_min(1e-3))
    if mapper.preset != "compact":
        return
    design = ((data.w - mapper.style_mean) / mapper.style_spread).double()
    wanted = ((known - mapper.mean) / mapper.spread).double()
    normal = design.T @ design + ridge * torch.eye(design.shape[1], dtype=torch.float64)
    solution = torch.linalg.solve(normal, design.T @ wanted)
    linear = mapper.body.linear
    assert isinstance(linear, torch.nn.Linear)
    linear.weight.data.copy_(solution.T)
    linear.bias.data.zero_()


@torch.no_grad()
def with_light_of(mapper: Mapper, data: MapperData) -> MapperData:
    """Return the data with a mapper's light where it knows none."""
    target = torch.where(torch.isnan(data.target), mapper.raw(data.w), data.target)
    return MapperData(data.w, target, data.landmarks)


def coefficient_loss(mapper: Mapper, raw: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean absolute distance in standard deviations, of what is known."""
    distance = ((raw - target) / mapper.spread).abs()
    known = ~torch.isnan(target)
    return torch.where(known, distance, torch.zeros_like(distance)).sum() / known.sum().clamp_min(1)


class MapperTraining:
    """A run that can be stopped and taken up again.

    Args:
        config: constants.
        data: all faces.
        model: the morphable head.
        limit: train on so many faces at most; the held-out ones are the same with any limit.
        start: a trained mapper to go on from; its scales stay, and its light where the data has none.
    """

    def __init__(
        self,
        config: MapperConfig,
        data: MapperData,
        model: MorphableModel,
        limit: int | None = None,
        start: Mapper | None = None,
    ) -> None:
        self.config, self.loss = config, LandmarkLoss(model)
        data = data if start is None else with_light_of(start, data)
        trained = len(data.w) - min(config.validation, len(data.w) // 5)
        self.validation = data.rows(slice(trained, None))
        self.train_data = data.rows(slice(0, trained if limit is None else min(limit, trained)))
        names = tuple(model.expression_names)
        with seeded(config.seed):
            self.mapper, self.average = Mapper(config.preset, names), Mapper(config.preset, names)
        with torch.no_grad():
            initialise(self.mapper, self.train_data)
        if start is not None:
            self.mapper.load_state_dict(start.state_dict())
        self.average.load_state_dict(self.mapper.state_dict())
        self.optimizer = torch.optim.AdamW(
            self.mapper.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.source = torch.Generator().manual_seed(config.seed)
        self.step = 0

    def run(self, stop: int, deadline: float = float("inf")) -> Iterator[tuple[int, float]]:
        """Train up to a step or a deadline (``time.monotonic``); yield step and loss."""
        while self.step < stop and time.monotonic() < deadline:
            share = self.step / self.config.steps
            rate = self.config.learning_rate * (
                0.01 + 0.99 * 0.5 * (1 + torch.cos(torch.tensor(share * torch.pi)).item())
            )
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            yield self.step, self._one_step()
            self.step += 1

    def _one_step(self) -> float:
        rows = torch.randint(len(self.train_data.w), (self.config.batch,), generator=self.source)
        batch = self.train_data.rows(rows)
        noise = torch.randn(batch.w.shape, generator=self.source) * self.config.noise * self.mapper.style_spread
        raw = self.mapper.raw(batch.w + noise)
        loss = coefficient_loss(self.mapper, raw, batch.target)
        loss = loss + self.config.landmark_weight * self.loss(self.mapper, raw, batch.landmarks).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.mapper.parameters(), strict=True):
                slow.lerp_(fast, 1 - min(self.config.ema, (1 + self.step) / (10 + self.step)))
        return float(loss.detach())

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Return the held-out L1 (standard deviations) and the median landmark error (eye distances)."""
        raw = self.average.raw(self.validation.w)
        return {
            "l1": float(coefficient_loss(self.average, raw, self.validation.target)),
            "landmark_error": float(self.loss(self.average, raw, self.validation.landmarks).median()),
        }

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        state = {
            "mapper": self.mapper.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": self.source.get_state(),
            "step": self.step,
        }
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def resume(self, path: Path) -> None:
        """Take up a checkpoint."""
        state = torch.load(path, weights_only=True)
        self.mapper.load_state_dict(state["mapper"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.source.set_state(state["random"])
        self.step = int(state["step"])

    def export(self, path: Path) -> None:
        """Write the averaged weights as a half-precision safetensors file."""
        tensors = {name: value.half() for name, value in self.average.state_dict().items()}
        config = {"preset": self.config.preset, "expression_names": list(self.average.expression_names)}
        save_tensors(path, tensors, config)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="data set folder")
    parser.add_argument("--out", type=Path, required=True, help="mapper.safetensors to write")
    parser.add_argument("--face-model", type=Path, default=Path(__file__).parents[1] / "weights/face_model.safetensors")
    parser.add_argument("--preset", default=MapperConfig.preset)
    parser.add_argument("--start", type=Path, default=None, help="mapper.safetensors to go on from")
    parser.add_argument("--learning-rate", type=float, default=MapperConfig.learning_rate)
    parser.add_argument("--steps", type=int, default=MapperConfig.steps)
    parser.add_argument("--limit", type=int, default=None, help="train on so many faces at most")
    parser.add_argument("--max-minutes", type=float, default=float("inf"))
    parser.add_argument("--checkpoint", type=Path, default=None)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    config = MapperConfig(preset=args.preset, steps=args.steps, learning_rate=args.learning_rate)
    start = None if args.start is None else load_mapper(args.start)
    training = MapperTraining(config, load_data(args.root), load_face_model(args.face_model), args.limit, start)
    if args.checkpoint and args.checkpoint.exists():
        training.resume(args.checkpoint)
    log = [{"step": training.step, **training.validate()}]
    progress = tqdm(total=args.steps, initial=training.step, desc="mapper", unit="step")
    for step, loss in training.run(args.steps, time.monotonic() + 60 * args.max_minutes):
        progress.update()
        if (step + 1) % 500 == 0:
            log.append({"step": step + 1, "loss": loss, **training.validate()})
            progress.write(json.dumps(log[-1]))
            if args.checkpoint:
                training.save(args.checkpoint)
    training.export(args.out)
    summary = {
        "config": asdict(training.config),
        "faces": len(training.train_data.w),
        "log": log,
        **training.validate(),
    }
    args.out.with_suffix(".json").write_text(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
