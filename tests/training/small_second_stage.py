"""The second stage on three random faces and grey pictures; by default no discriminator."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from stylefaceuv.components import Components
from stylefaceuv.networks.uv_generator import UVGenerator
from stylefaceuv.training.uv_config import read_config
from stylefaceuv.training.uv_dataset import TargetSet
from stylefaceuv.training.uv_second_stage import SecondStage
from tests.fakes.tiny_model import tiny_model
from tests.training.shards import write_shard

STEPS = 2


def tiny_parts() -> Components:
    """Random parts whose painter paints hair too, the same in every process: the loop asks for no likeness."""
    parts = tiny_model().components
    assert parts.uv_generator is not None
    config = replace(parts.uv_generator.config, hair_widths=(4, 4))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return replace(parts, uv_generator=UVGenerator(config))


def small_stage(
    folder: Path,
    parts: Components,
    accelerator: Any = None,
    run: Path | None = None,
    adversarial: float = 0.0,
    checkpoint_every: int = 1,
) -> SecondStage:
    """Make a stage of two steps of two faces; its data set is written to ``folder``."""
    stylecodes = torch.randn(3, 512, generator=torch.Generator().manual_seed(1))
    write_shard(folder, 0, stylecodes, torch.zeros(3, 478, 3), torch.zeros(3, 52))
    model = parts.uv_generator
    if model is None:
        raise ValueError("parts: expected a UV generator, got none")
    default = read_config()
    config = replace(
        default,
        loss=replace(default.loss, perceptual=0.0, adversarial=adversarial),
        schedule=replace(default.schedule, steps=STEPS, checkpoint_every=checkpoint_every, batch=2),
        picture=replace(default.picture, size=64),
    )
    targets = _targets(stylecodes, model.config.resolution)
    model.train().requires_grad_(True)
    return SecondStage(parts, model, targets, folder, config, run or folder, None, accelerator)


def _targets(stylecodes: torch.Tensor, resolution: int) -> TargetSet:
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), (150, 110, 90)).save(stream, "JPEG")
    return TargetSet(
        number=torch.arange(3),
        w=stylecodes,
        w_sym=stylecodes.flip(1),
        diffuse=torch.full((3, 3, resolution, resolution), 128, dtype=torch.uint8),
        confidence=torch.full((3, resolution, resolution), 255, dtype=torch.uint8),
        haired=torch.full((3, 3, resolution, resolution), 96, dtype=torch.uint8),
        hair_confidence=torch.full((3, resolution, resolution), 255, dtype=torch.uint8),
        lighting=torch.zeros(3, 27),
        lighting_sym=torch.zeros(3, 27),
        jpeg=(stream.getvalue(),) * 3,
    )
