"""Everything that computes, on a simulated device: run as ``python -m tests.device_run`` by ``test_device.py``."""

from __future__ import annotations

from tests.simulated_device import OnDevice, prepare, simulated_device

prepare()

import contextlib
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import torch

from stylefaceuv import Face, StyleFaceUV
from stylefaceuv.bundle import Bundle
from stylefaceuv.components import load_components
from stylefaceuv.networks.head_segmenter import SegmenterConfig
from stylefaceuv.training.segmenter import MarkedPhotos
from tests.training.small_second_stage import small_stage


def heads(folder: Path, device: torch.device) -> None:
    """Both details, bald and with hair: made, rendered, exported."""
    parts = load_components(Bundle.open(None), device)
    for hair in ("clean", "keep"):
        model = StyleFaceUV(parts, texture_size=512, hair=hair)
        w = model.sample(1, seed=7)
        if not isinstance(w, OnDevice):
            raise AssertionError("stylecodes are not on the device")
        for detail in ("generator", "lifted"):
            face = model.generate(w[0], detail=detail)
            if not isinstance(face, Face):
                raise AssertionError("one stylecode makes one face")
            picture = face.render(size=96, yaw=20.0, expression="smile")
            face.export(folder / f"{detail}-{hair}.glb")
            sys.stdout.write(f"{detail} {hair} {picture.shape} {picture.mean():.2f}\n")


def marks(device: torch.device) -> None:
    """Marked pixels of one photo."""
    photos = MarkedPhotos(load_components(Bundle.open(None), device), SegmenterConfig(), resolution=256)
    source = torch.Generator().manual_seed(0)
    pixels = photos.pixels(photos.parts.generator.mean_stylecode[None], 20, source)
    if not (isinstance(pixels.segment, OnDevice) and isinstance(pixels.activations, OnDevice)):
        raise AssertionError("marks are not on the device")
    sys.stdout.write(f"marks {len(pixels.segment)}\n")


def second_stage(folder: Path, device: torch.device) -> None:
    """Two steps on two faces, and the held-out ones judged."""
    accelerator = SimpleNamespace(
        device=device,
        num_processes=1,
        process_index=0,
        is_main_process=True,
        autocast=contextlib.nullcontext,
        reduce=lambda value, how: value,
        wait_for_everyone=lambda: None,
    )
    small_stage(folder, load_components(Bundle.open(None), device), accelerator).fit(1e9)
    sys.stdout.write(f"second stage {(folder / 'metrics.jsonl').read_text().count('held_out_own')}\n")


def main() -> None:
    """Run all."""
    torch.set_num_threads(2)
    with simulated_device() as device, tempfile.TemporaryDirectory() as folder:
        heads(Path(folder), device)
        marks(device)
        second_stage(Path(folder), device)


if __name__ == "__main__":
    main()
