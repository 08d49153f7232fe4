"""Everything that computes, on a simulated device: run as ``python -m tests.device_run`` by ``test_device.py``."""

from __future__ import annotations

from tests.simulated_device import OnDevice, prepare, simulated_device

prepare()

import contextlib
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import torch

from stylefaceuv import Face, StyleFaceUV
from stylefaceuv.bundle import Bundle
from stylefaceuv.components import load_components
from stylefaceuv.training.uv_config import read_config
from stylefaceuv.training.uv_dataset import TargetSet
from stylefaceuv.training.uv_second_stage import SecondStage
from tests.training.shards import write_shard


def heads(folder: Path, device: torch.device) -> None:
    """Both details: made, rendered, exported."""
    model = StyleFaceUV(load_components(Bundle.open(None), device))
    w = model.sample(1, seed=7)
    if not isinstance(w, OnDevice):
        raise AssertionError("stylecodes are not on the device")
    for detail in ("generator", "lifted"):
        face = model.generate(w[0], detail=detail)
        if not isinstance(face, Face):
            raise AssertionError("one stylecode makes one face")
        picture = face.render(size=96, yaw=20.0, expression="smile")
        face.export(folder / f"{detail}.glb")
        sys.stdout.write(f"{detail} {picture.shape} {picture.mean():.2f}\n")


def second_stage(folder: Path, device: torch.device) -> None:
    """Two steps on two faces, and the held-out ones judged."""
    parts = load_components(Bundle.open(None), device)
    stylecodes = torch.randn(3, 512, generator=torch.Generator().manual_seed(1))
    write_shard(folder, 0, stylecodes, torch.zeros(3, 478, 3), torch.zeros(3, 52))
    shard = (folder / "shard-00000.images.safetensors").read_bytes()
    jpeg = shard[shard.index(b"\xff\xd8\xff") :]
    resolution = load_components(Bundle.open(None), torch.device("cpu")).uv_generator.config.resolution
    targets = TargetSet(
        number=torch.arange(3),
        w=stylecodes,
        w_sym=stylecodes.flip(1),
        diffuse=torch.full((3, 3, resolution, resolution), 128, dtype=torch.uint8),
        confidence=torch.full((3, resolution, resolution), 255, dtype=torch.uint8),
        lighting=torch.zeros(3, 27),
        lighting_sym=torch.zeros(3, 27),
        jpeg=(jpeg, jpeg, jpeg),
    )
    default = read_config()
    config = replace(
        default,
        loss=replace(default.loss, perceptual=0.0, adversarial=0.0),
        schedule=replace(default.schedule, steps=2, checkpoint_every=2, batch=2),
        picture=replace(default.picture, size=64),
    )
    accelerator = SimpleNamespace(
        device=device,
        num_processes=1,
        process_index=0,
        is_main_process=True,
        autocast=contextlib.nullcontext,
        reduce=lambda value, how: value,
        wait_for_everyone=lambda: None,
    )
    model = parts.uv_generator.train().requires_grad_(True)
    SecondStage(parts, model, targets, folder, config, folder, None, accelerator).fit(1e9)
    sys.stdout.write(f"second stage {(folder / 'metrics.jsonl').read_text().count('held_out_own')}\n")


def main() -> None:
    """Run all."""
    torch.set_num_threads(2)
    with simulated_device() as device, tempfile.TemporaryDirectory() as folder:
        heads(Path(folder), device)
        second_stage(Path(folder), device)


if __name__ == "__main__":
    main()
