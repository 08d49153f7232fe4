"""A stage that trains a module with Adam at a falling rate: averaged weights, exact resume, a metrics log."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from stylefaceuv.training.checkpoint import WeightAverage, resume
from stylefaceuv.training.run_log import log_metrics

_WARM_UP, _LOG_EVERY = 50, 10


@dataclass(frozen=True)
class AdamTraining:
    """Constants that all such stages have.

    Attributes:
        steps: of Adam.
        batch: faces a step.
        learning_rate: of Adam, falling to a twentieth by a cosine.
        average: decay of the averaged weights.
        seed: of the order of faces.
        checkpoint_every: steps.
    """

    steps: int = 3000
    batch: int = 4
    learning_rate: float = 1e-3
    average: float = 0.995
    seed: int = 0
    checkpoint_every: int = 100


class AdamStage(ABC):
    """The state of such a training and its loop.

    Args:
        learner: is trained.
        settings: constants.
        run: folder of the run.
    """

    def __init__(self, learner: nn.Module, settings: AdamTraining, run: Path) -> None:
        self.learner, self.settings, self.run = learner, settings, run
        self.optimizer = torch.optim.Adam(learner.parameters(), lr=settings.learning_rate, betas=(0.9, 0.99))
        self.average = WeightAverage(learner, settings.average)
        self.source = torch.Generator().manual_seed(settings.seed)

    @abstractmethod
    def draw(self) -> dict[str, torch.Tensor]:
        """Return the loss terms of faces drawn from ``source``, each a scalar with its weight."""

    @abstractmethod
    def _save(self, step: int, kept: dict[str, object]) -> None:
        """Write a checkpoint of the objects to keep, and what else a run leaves."""

    def fit(self, max_minutes: float) -> None:
        """Train until the steps are done or the time is over; a checkpoint is written at the end too."""
        kept = {"model": self.learner, "optimizer": self.optimizer, "average": self.average}
        step = resume(self.run / "checkpoint.pt", kept, self.source)
        began = time.monotonic()
        with tqdm(total=self.settings.steps, initial=step, unit="step", mininterval=10) as bar:
            while step < self.settings.steps and time.monotonic() - began < 60 * max_minutes:
                terms = self._step(step)
                step += 1
                bar.update()
                if step % _LOG_EVERY == 0:
                    log_metrics(self.run / "metrics.jsonl", step, terms)
                if step % self.settings.checkpoint_every == 0:
                    self._save(step, kept)
        self._save(step, kept)

    def _step(self, step: int) -> dict[str, float]:
        cosine = float(torch.cos(torch.tensor(step / self.settings.steps * torch.pi)))
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * (0.05 + 0.475 * (1 + cosine)) * min(1.0, (step + 1) / _WARM_UP)
        terms = self.draw()
        self.optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        nn.utils.clip_grad_norm_(self.learner.parameters(), 1.0)
        self.optimizer.step()
        self.average.update(self.learner)
        return {name: float(term.detach()) for name, term in terms.items()}


def mean_terms(parts: list[dict[str, torch.Tensor]]) -> dict[str, float]:
    """Mean of the loss terms of several batches, named as those of held-out faces."""
    return {f"held_out_{name}": float(torch.stack([part[name] for part in parts]).mean()) for name in parts[0]}
