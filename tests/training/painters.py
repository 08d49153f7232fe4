"""What the tests of stages that train one painter share: random targets, a fresh generator, and that all else stays."""

from __future__ import annotations

from pathlib import Path

import torch

from stylefaceuv.components import Components
from stylefaceuv.networks.uv_generator import UVGenerator, load_uv_generator
from stylefaceuv.training.hair_targets import HairTargets
from stylefaceuv.training.painter_stage import PainterStage


def random_targets() -> HairTargets:
    """Four heads on the tiny atlas."""
    source = torch.Generator().manual_seed(4)
    w = torch.randn(4, 512, generator=source)
    maps = [torch.randint(256, (4, channels, 32, 32), generator=source, dtype=torch.uint8) for channels in (3, 3, 1, 1)]
    return HairTargets(w, *maps, torch.rand(4, generator=source))


def fresh(parts: Components) -> UVGenerator:
    """The parts' UV generator, to be trained, and the parts' own stays as it is."""
    assert parts.uv_generator is not None
    model = UVGenerator(parts.uv_generator.config)
    model.load_state_dict(parts.uv_generator.state_dict())
    return model.train()


def learns_alone(training: PainterStage, painter: str, run: Path) -> None:
    """Train; only the painter has moved, in the file that was saved too."""
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    training.fit(1e9)
    moved = {name for name, value in training.model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith(f"{painter}.") for name in moved)
    saved = load_uv_generator(run / "uv_generator.safetensors").state_dict()
    for name, value in before.items():
        if not name.startswith(f"{painter}."):
            assert torch.equal(saved[name], value.half().to(value.dtype)), name
    assert list(run.glob("samples-*.png"))
