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
from stylefaceuv.components import Components, load_components
from stylefaceuv.networks.head_segmenter import SegmenterConfig
from stylefaceuv.networks.uv_generator import UVGenerator, UVGeneratorConfig
from stylefaceuv.training.segmenter import MarkedPhotos
from tests.training.small_second_stage import STEPS, small_stage

SMALL_PAINTER = UVGeneratorConfig(
    resolution=64,
    displacement_resolution=16,
    widths=(4, 4, 4),
    displacement_widths=(4, 4),
    components=2,
    hair_widths=(4, 4),
)


def heads(folder: Path, parts: Components) -> None:
    """Both details, bald and with hair: made, rendered, exported."""
    for hair in ("clean", "keep"):
        model = StyleFaceUV(parts, texture_size=256, hair=hair)
        w = model.sample(1, seed=7)
        if not isinstance(w, OnDevice):
            raise AssertionError("stylecodes are not on the device")
        for detail in ("generator", "lifted"):
            face = model.generate(w[0], detail=detail)
            if not isinstance(face, Face):
                raise AssertionError("one stylecode makes one face")
            picture = face.render(size=96, yaw=20.0, expression="smile")
            face.export(folder / f"{detail}-{hair}.glb", level=0, morphs=detail == "lifted", texture_size=128)
            sys.stdout.write(f"{detail} {hair} {picture.shape} {picture.mean():.2f}\n")


def marks(parts: Components) -> None:
    """Marked pixels of one photo."""
    photos = MarkedPhotos(parts, SegmenterConfig(), resolution=256)
    source = torch.Generator().manual_seed(0)
    pixels = photos.pixels(photos.parts.generator.mean_stylecode[None], 20, source)
    if not (isinstance(pixels.segment, OnDevice) and isinstance(pixels.activations, OnDevice)):
        raise AssertionError("marks are not on the device")
    sys.stdout.write(f"marks {len(pixels.segment)}\n")


def second_stage(folder: Path, parts: Components, device: torch.device) -> None:
    """Two steps on two faces, and the held-out ones judged; the painter is small, its code is that of the large one."""
    painter = UVGenerator(SMALL_PAINTER).to(device)
    accelerator = SimpleNamespace(
        device=device,
        num_processes=1,
        process_index=0,
        is_main_process=True,
        autocast=contextlib.nullcontext,
        reduce=lambda value, how: value,
        wait_for_everyone=lambda: None,
    )
    small_stage(folder, replace(parts, uv_generator=painter), accelerator, checkpoint_every=STEPS).fit(1e9)
    sys.stdout.write(f"second stage {(folder / 'metrics.jsonl').read_text().count('held_out_own')}\n")


def main() -> None:
    """Run all."""
    torch.set_num_threads(1)
    with simulated_device() as device, tempfile.TemporaryDirectory() as folder:
        parts = load_components(Bundle.open(None), device)
        heads(Path(folder), parts)
        marks(parts)
        second_stage(Path(folder), parts, device)


if __name__ == "__main__":
    main()
