"""Second stage of the UV generator: the paper's objective on two views, through the differentiable renderer.

    python -m stylefaceuv.training uv --root DIR --run RUN --start uv_generator.safetensors

Both views render the same maps G(w) and the same identity; pose, expression and light of the symmetric view come from
F3D(w_sym) (StyleFaceUV, section 3.3). Masks weigh the losses; what the first stage lifted keeps hair, glasses and hats
out of the albedo. ``--no-displacement`` trains the same without displacement, for the ablation.

On a GPU: ``--device cuda --precision bf16``. On several: ``accelerate launch -m stylefaceuv.training uv ...``: the
batch is shared among the processes, which draw the same faces and average their gradients.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import Components, load_components, resolve_device
from stylefaceuv.networks.uv_generator import UVGenerator
from stylefaceuv.training.checkpoint import WeightAverage, resume, save_checkpoint
from stylefaceuv.training.discriminator import discriminator_for
from stylefaceuv.training.feature_networks import FeatureNetwork, load_feature_network
from stylefaceuv.training.random_state import seeded
from stylefaceuv.training.run_log import log_metrics, save_grid
from stylefaceuv.training.uv_config import DEFAULT_CONFIG, UVTrainingConfig, read_config
from stylefaceuv.training.uv_dataset import TargetSet, read_targets
from stylefaceuv.training.uv_losses import (
    discriminator_loss,
    gradient_penalty,
)
from stylefaceuv.training.uv_objective import Terms, TwoViewObjective
from stylefaceuv.training.uv_start import refit_base, starting_generator
from stylefaceuv.training.uv_warm_start import HELD_OUT_EVERY, save_generator

HELD_OUT = 64
"""Held-out faces that are looked at."""
_JUDGED_AT_ONCE = 8


class SecondStage:
    """The stage's state and its loop.

    Args:
        parts: frozen networks and the face model, on the accelerator's device.
        model: from the first stage.
        targets: faces; one in 48 is held out.
        root: folder of the data set.
        config: constants.
        run: folder of the run.
        features: of the perceptual loss, on the accelerator's device; None trains without it.
        accelerator: device, precision and processes; None is the CPU alone.
        displacement: False trains without.
        seed: of the order of faces.
    """

    def __init__(
        self,
        parts: Components,
        model: UVGenerator,
        targets: TargetSet,
        root: Path,
        config: UVTrainingConfig,
        run: Path,
        features: FeatureNetwork | None,
        accelerator: Accelerator | None = None,
        displacement: bool = True,
        seed: int = 0,
    ) -> None:
        self.accelerator = accelerator or Accelerator(cpu=True)
        device = self.device = self.accelerator.device
        self.model, self.config, self.run = model.to(device), config, run
        side = model.config.resolution
        self.objective = TwoViewObjective(parts, targets, root, config, side, features, self.accelerator, displacement)
        with seeded(seed):
            self.judge = discriminator_for(config.picture.size).to(device) if config.loss.adversarial else None
        rates = config.schedule
        relief = {id(parameter) for parameter in model.relief.parameters()}
        groups: list[dict[str, Any]] = [
            {"params": [one for one in model.parameters() if id(one) not in relief]},
            {"params": list(model.relief.parameters()), "lr": rates.displacement_learning_rate},
        ]
        fused = device.type == "cuda"
        self.optimizer = torch.optim.Adam(groups, lr=rates.learning_rate, betas=(0.0, 0.99), fused=fused)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.average = WeightAverage(model, rates.average)
        self.source = torch.Generator().manual_seed(seed)
        self.kept: dict[str, object] = {"model": model, "optimizer": self.optimizer, "average": self.average}
        if self.judge is not None:
            speed = rates.discriminator_learning_rate
            self.judge_optimizer = torch.optim.Adam(self.judge.parameters(), lr=speed, betas=(0.0, 0.99), fused=fused)
            self.kept |= {"judge": self.judge, "judge_optimizer": self.judge_optimizer}
        held = targets.number % HELD_OUT_EVERY == 0
        self.held, self.trained = held.nonzero()[:HELD_OUT, 0].to(device), (~held).nonzero()[:, 0]

    def fit(self, max_minutes: float) -> None:
        """Train until the steps are done or the time is over; a checkpoint is written at the end too."""
        rates = self.config.schedule
        step = resume(self.run / "checkpoint.pt", self.kept, self.source)
        if step == 0:
            self._judge_held_out(0)
        began, main = time.monotonic(), self.accelerator.is_main_process
        with tqdm(total=rates.steps, initial=step, unit="step", mininterval=10, disable=not main) as bar:
            while step < rates.steps and not self._out_of_time(began, max_minutes):
                metrics = self._step(step)
                step += 1
                bar.update()
                if step % 5 == 0 and main:
                    values = torch.stack(list(metrics.values())).tolist()  # one at a time, each would wait for the GPU
                    log_metrics(self.run / "metrics.jsonl", step, dict(zip(metrics, values, strict=True)))
                if step % rates.checkpoint_every == 0:
                    self._save(step)
        if step % rates.checkpoint_every:
            self._save(step)

    def _out_of_time(self, began: float, max_minutes: float) -> bool:
        """The first clock to run out stops all."""
        late = time.monotonic() - began > 60 * max_minutes
        if self.accelerator.num_processes == 1:
            return late
        return bool(self.accelerator.reduce(torch.tensor(float(late), device=self.device), "sum") > 0)

    def _draw(self) -> torch.Tensor:
        """Rows of this process's share of the batch; all processes draw the same batch."""
        count = self.config.schedule.batch
        rows = self.trained[torch.randint(len(self.trained), (count,), generator=self.source)]
        return rows[self.accelerator.process_index :: self.accelerator.num_processes].to(self.device)

    def _step(self, step: int) -> Terms:
        self._set_rates(step)
        rows = self._draw()
        terms, composites = self.objective.terms(rows, self.model, self.judge)
        self.optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        self._share_gradients(self.model)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.average.update(self.model)
        metrics = {name: term.detach() for name, term in terms.items()}
        if self.judge is not None and step % self.config.schedule.generator_per_discriminator == 0:
            metrics["discriminator"] = self._teach_judge(step, rows, composites)
        return metrics

    def _set_rates(self, step: int) -> None:
        """Cosine from the full rates to ``final_rate`` of them."""
        rates = self.config.schedule
        share = rates.final_rate + (1 - rates.final_rate) * (1 + math.cos(math.pi * step / rates.steps)) / 2
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = share * rate
        if self.judge is not None:
            self.judge_optimizer.param_groups[0]["lr"] = share * rates.discriminator_learning_rate

    def _share_gradients(self, network: nn.Module) -> None:
        """Average the gradients over the processes."""
        if self.accelerator.num_processes > 1:
            for parameter in network.parameters():
                if parameter.grad is not None:
                    parameter.grad = self.accelerator.reduce(parameter.grad, "mean")

    def _teach_judge(self, step: int, rows: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        assert self.judge is not None
        rates = self.config.schedule
        real = self.objective.goals(rows)
        penalised = (step // rates.generator_per_discriminator) % rates.r1_every == 0
        real.requires_grad_(penalised)
        scores = self.judge(real)
        loss = discriminator_loss(scores, self.judge(fake))
        if penalised:
            loss = loss + self.config.loss.r1_gamma * rates.r1_every * gradient_penalty(real, scores)
        self.judge_optimizer.zero_grad()
        loss.backward()
        self._share_gradients(self.judge)
        self.judge_optimizer.step()
        return loss.detach()

    @torch.no_grad()
    def held_out_errors(self, model: UVGenerator) -> dict[str, torch.Tensor]:
        """Photometric error of each held-out face in both views, and how far its two albedos differ, (n,) each.

        The error of its hair is that of eight faces together.
        """
        errors: dict[str, list[torch.Tensor]] = {}
        for rows in self.held.split(_JUDGED_AT_ONCE):
            for name, values in self.objective.errors(rows, model).items():
                errors.setdefault(name, []).extend(values)
        return {name: torch.stack(values).cpu() for name, values in errors.items()}

    def averaged(self) -> UVGenerator:
        """The model with averaged weights."""
        model = UVGenerator(self.model.config).to(self.device)
        model.load_state_dict(self.average.values)
        return model

    def _save(self, step: int) -> None:
        if self.accelerator.is_main_process:
            save_checkpoint(self.run / "checkpoint.pt", step, self.kept, self.source)
            save_generator(self.run / "uv_generator.safetensors", self.averaged())
        self._judge_held_out(step)
        self.accelerator.wait_for_everyone()

    @torch.no_grad()
    def _judge_held_out(self, step: int) -> None:
        if not self.accelerator.is_main_process or len(self.held) == 0:
            return
        model = self.averaged()
        errors = self.held_out_errors(model)
        log_metrics(
            self.run / "metrics.jsonl", step, {f"held_out_{name}": float(e.mean()) for name, e in errors.items()}
        )
        rows = self.held[:6]
        maps = self.objective.paint(rows, model).maps
        views, goals = self.objective.pictures(rows, maps), self.objective.goals(rows).chunk(2)
        shown = (views.color * views.alpha + 0.5 * (1 - views.alpha)).chunk(2)
        albedo = functional.interpolate(maps.diffuse, size=goals[0].shape[-2:], mode="bilinear", align_corners=False)
        save_grid(self.run / f"samples-{step:06d}.png", [goals[0], shown[0], goals[1], shown[1], albedo])


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="data set folder with targets")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run; an interrupted run goes on")
    parser.add_argument("--start", type=Path, required=True, help="uv_generator.safetensors of the first stage")
    parser.add_argument("--hair", action="store_true", help="give the generator a painter of hair if it has none")
    parser.add_argument("--flat", action="store_true", help="begin without displacement, for a new face model")
    parser.add_argument("--new-base", action="store_true", help="fit the low-resolution base to these targets first")
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG)
    parser.add_argument("--bundle", default=None, help="folder of a bundle; default: the embedded one")
    parser.add_argument("--shards", type=int, default=None, help="target shards to use; default: all")
    parser.add_argument("--no-displacement", action="store_true")
    parser.add_argument("--perceptual-weights", type=Path, default=None)
    parser.add_argument("--max-minutes", type=float, default=1e9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--precision", choices=("no", "bf16"), default="no", help="of the painters: no is float32")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    args.run.mkdir(parents=True, exist_ok=True)
    config = read_config(args.config)
    on_cpu = resolve_device(args.device).type == "cpu"
    if not on_cpu:
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
    accelerator = Accelerator(mixed_precision=args.precision, cpu=on_cpu)
    parts = load_components(Bundle.open(args.bundle), accelerator.device)
    features = load_feature_network(config.picture.perceptual_network, args.perceptual_weights)
    if isinstance(features, nn.Module):
        features.to(accelerator.device)
    targets = read_targets(args.root, args.shards)
    model = starting_generator(args.start, args.hair, args.flat).train()
    if args.new_base:
        known = targets.number % HELD_OUT_EVERY != 0
        refit_base(model, targets.w[known], targets.diffuse[known])
    kept = {"accelerator": accelerator, "displacement": not args.no_displacement}
    SecondStage(parts, model, targets, args.root, config, args.run, features, **kept).fit(args.max_minutes)


if __name__ == "__main__":
    main()
