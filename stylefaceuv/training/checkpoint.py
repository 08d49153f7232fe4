"""Training state on disk: a killed run goes on exactly where its last checkpoint was."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from stylefaceuv.files import atomic_path


class WeightAverage:
    """Exponential moving average of a module's parameters and buffers.

    Args:
        module: whose values are averaged.
        decay: share of the old average in the new one, once it has settled.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay, self.count = decay, 0
        self.values = {name: value.detach().clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take the module's present values in; early on the average follows quickly."""
        self.count += 1
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        now = module.state_dict()
        smooth = [name for name, value in now.items() if value.is_floating_point()]
        get_ema_multi_avg_fn(decay)([self.values[name] for name in smooth], [now[name] for name in smooth], self.count)
        for name in now.keys() - set(smooth):
            self.values[name].copy_(now[name])

    def state_dict(self) -> dict[str, Any]:
        """Return what :meth:`load_state_dict` needs."""
        return {"count": self.count, "values": self.values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore."""
        self.count = state["count"]
        for name, value in state["values"].items():
            self.values[name].copy_(value)


def save_checkpoint(path: Path, step: int, parts: dict[str, Any], generator: torch.Generator) -> None:
    """Write the state of a run; the file appears whole.

    Args:
        path: the file.
        step: steps done.
        parts: objects with ``state_dict``: modules, optimizers, averages.
        generator: the run's source of randomness.
    """
    state = {name: part.state_dict() for name, part in parts.items()}
    with atomic_path(path) as temporary:
        torch.save({"step": step, "random": generator.get_state(), **state}, temporary)


def resume(path: Path, parts: dict[str, Any], generator: torch.Generator) -> int:
    """Restore a run.

    Args:
        path: a file of :func:`save_checkpoint`; may be missing.
        parts: the same objects as were saved.
        generator: the run's source of randomness.

    Returns:
        Steps done; 0 where there is no file.
    """
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True, map_location="cpu")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    generator.set_state(state["random"])
    return cast(int, state["step"])
