"""The generator that a second stage starts from: an earlier one, given hair or stripped of its displacement.

    python -m stylefaceuv.training uv-fade --start uv_generator.safetensors --out NEW.safetensors

lets a trained generator's displacement fade where :func:`displacement_fade` says so now, without training.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import load_components
from stylefaceuv.networks.uv_generator import UVGenerator, load_uv_generator
from stylefaceuv.training.random_state import seeded
from stylefaceuv.training.uv_warm_start import displacement_fade, save_generator

HAIR_WIDTHS = (32, 64, 96, 128)
_RIDGE = 0.1
"""Of normalised styles, per face: the stylecode has 512 numbers, a data set a few thousand faces."""


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
    with seeded(0):
        model = load_uv_generator(path)
    if hair and model.hair is None:
        trained = model.state_dict()
        with seeded(0):
            model = UVGenerator(replace(model.config, hair_widths=HAIR_WIDTHS))
        model.load_state_dict(trained, strict=False)
    if flat:
        with torch.no_grad():
            for parameter in model.relief.paint.parameters():
                parameter.zero_()
    return model


@torch.no_grad()
def refit_base(model: UVGenerator, stylecodes: torch.Tensor, diffuse: torch.Tensor) -> None:
    """Fit the low-resolution base of a generator anew: principal components, and their weights by ridge regression.

    Args:
        model: its ``base_mean``, ``base`` and ``base_weights`` are overwritten.
        stylecodes: (n, 512) float, more faces than components.
        diffuse: (n, 3, R, R) uint8 sRGB, their complete lifted maps.
    """
    side, count = model.base_mean.shape[-1], len(stylecodes)
    small = torch.cat([functional.adaptive_avg_pool2d(part.float() / 255, side) for part in diffuse.split(256)])
    mean = small.mean(dim=0)
    with seeded(0):
        scores, spread, basis = torch.svd_lowrank((small - mean).flatten(1), q=len(model.base), niter=4)
    scores, spread = scores * count**0.5, spread / count**0.5  # scores of unit variance
    style = (stylecodes - model.style_mean) / model.style_spread
    offset = style.mean(dim=0)
    normal = (style - offset).T @ (style - offset) + _RIDGE * count * torch.eye(style.shape[1])
    weights = torch.linalg.solve(normal, (style - offset).T @ scores)
    model.base_mean.copy_(mean)
    model.base.copy_((basis * spread).T.unflatten(1, mean.shape))
    model.base_weights.weight.copy_(weights.T)
    model.base_weights.bias.copy_(-offset @ weights)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", type=Path, required=True, help="a trained generator")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--bundle", default=None, help="folder of a bundle; default: the embedded one")
    args = parser.parse_args(arguments)
    model = load_uv_generator(args.start)
    parts = load_components(Bundle.open(args.bundle), torch.device("cpu"))
    model.fade.copy_(displacement_fade(parts, model.config.displacement_resolution))
    save_generator(args.out, model)


if __name__ == "__main__":
    main()
