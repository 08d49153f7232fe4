"""Small bundles for tests."""

from __future__ import annotations

from pathlib import Path

import torch

from stylefaceuv.bundle import Bundle, ComponentSource, write_bundle
from stylefaceuv.manifest import Licence
from stylefaceuv.weights_file import save_tensors

FREE = Licence("made by a test", "CC0-1.0", True)
RESTRICTED = Licence("made by another test", "research only", False)


def make_bundle(directory: Path, value: float = 1.0) -> Bundle:
    """Write a bundle of two components with a few numbers each."""
    loose = directory.with_name(directory.name + "-loose")
    save_tensors(loose / "a.safetensors", {"weight": torch.full((64, 8), value)})
    save_tensors(loose / "b.safetensors", {"weight": torch.arange(10.0)})
    components = {
        "generator": ComponentSource(loose / "a.safetensors", "FakeGenerator", "tiny", RESTRICTED),
        "face_model": ComponentSource(loose / "b.safetensors", "FakeModel", "tiny", FREE),
    }
    return write_bundle(directory, components)
