"""A resumed run ends with the very bits of one that was never stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from stylefaceuv.training import checkpoint
from stylefaceuv.training.checkpoint import WeightAverage, resume, save_checkpoint


class _Run:
    """Noise regression: every step depends on weights, Adam's moments, the average and the random source."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.01)
        self.average = WeightAverage(self.model, 0.9)
        self.source = torch.Generator().manual_seed(1)
        self.parts: dict[str, Any] = {"model": self.model, "optimizer": self.optimizer, "average": self.average}

    def steps(self, count: int) -> None:
        for _ in range(count):
            batch = torch.randn(16, 4, generator=self.source)
            loss = (self.model(batch) - batch.sum(dim=1, keepdim=True)).square().mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.average.update(self.model)


def _resumed(path: Path, leave_out: str | None = None) -> _Run:
    first = _Run()
    first.steps(7)
    save_checkpoint(path, 7, first.parts, first.source)
    second = _Run()
    parts = {name: part for name, part in second.parts.items() if name != leave_out}
    assert resume(path, parts, second.source) == 7
    second.steps(6)
    return second


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    whole, resumed = _Run(), _resumed(tmp_path / "checkpoint.pt")
    whole.steps(13)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
        assert torch.equal(whole.average.values[name], resumed.average.values[name]), name
    assert torch.equal(whole.source.get_state(), resumed.source.get_state())


def test_it_does_not_without_the_optimizer(tmp_path: Path) -> None:
    whole, resumed = _Run(), _resumed(tmp_path / "checkpoint.pt", leave_out="optimizer")
    whole.steps(13)
    assert not torch.equal(whole.model[0].weight, resumed.model[0].weight)


def test_without_a_file_a_run_begins(tmp_path: Path) -> None:
    run = _Run()
    before = run.model[0].weight.detach().clone()
    assert resume(tmp_path / "missing.pt", run.parts, run.source) == 0
    assert torch.equal(run.model[0].weight, before)


def test_an_interrupted_write_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, path = _Run(), tmp_path / "checkpoint.pt"
    save_checkpoint(path, 1, run.parts, run.source)
    before = path.read_bytes()

    def die(state: object, target: Path) -> None:
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.torch, "save", die)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, 2, run.parts, run.source)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_average_is_the_recursion_written_out() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    average, expected = WeightAverage(module, 0.5), 0.0
    for count, value in enumerate((1.0, 3.0, -2.0, 5.0), start=1):
        nn.init.constant_(module.weight, value)
        average.update(module)
        decay = min(0.5, (1 + count) / (10 + count))
        expected = decay * expected + (1 - decay) * value
    assert float(average.values["weight"]) == pytest.approx(expected, rel=1e-6)
