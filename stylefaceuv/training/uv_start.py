"""The generator that a second stage starts from: an earlier one, given hair or stripped of its displacement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from stylefaceuv.networks.uv_generator import UVGenerator, load_uv_generator

HAIR_WIDTHS = (32, 64, 96, 128)


def starting_generator(path: Path, hair: bool, flat: bool) -> UVGenerator:
    """Load a generator and change what a new training needs changed.

    Args:
        path: of a trained generator.
        hair: give it a painter of hair, which paints an even cover at first, unless it has one.
        flat: forget its displacement: painted on another face model, it would mend faults that are no longer there.

    Returns:
        The generator.

    Raises:
        WeightsError: missing, altered or misshapen tensors, or another architecture.
    """
    model = load_uv_generator(path)
    if hair and model.hair is None:
        trained = model.state_dict()
        torch.manual_seed(0)
        model = UVGenerator(replace(model.config, hair_widths=HAIR_WIDTHS))
        model.load_state_dict(trained, strict=False)
    if flat:
        with torch.no_grad():
            for parameter in model.relief.paint.parameters():
                parameter.zero_()
    return model
