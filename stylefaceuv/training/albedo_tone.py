"""Gives an albedo model's scalp, ears and neck the tone of the skin at the border of its face, without learning anew.

    python -m stylefaceuv.training albedo-tone --albedo IN.safetensors --out OUT.safetensors

Outside its support a model holds one tone a component. What it held of the face is recovered from the soft border and
extended again by :func:`stylefaceuv.training.albedo.extend`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.lifting.albedo_model import AlbedoModel, load_albedo_model, pack_albedo_model
from stylefaceuv.training.albedo import OUTSIDE_NOISE, PLAIN_NOISE, border_tone
from stylefaceuv.weights_file import save_tensors

_LEAST_SUPPORT = 0.15


def retone(model: AlbedoModel) -> AlbedoModel:
    """Extend a model's face anew.

    Args:
        model: with texels of no support, all of one value a component.

    Returns:
        The same model where there is support; elsewhere its mean and components continue the border.

    Raises:
        InvalidArgumentError: the model has support everywhere.
    """
    support = model.support[None]
    outside = support[0, 0] == 0
    if not bool(outside.any()):
        raise InvalidArgumentError("model", "texels of no support", "support everywhere")
    noise = _without(model.noise[None], torch.full_like(support[..., :1, :1], OUTSIDE_NOISE), support)
    plain = ((noise < PLAIN_NOISE) & (support > _LEAST_SUPPORT)).to(support.dtype)

    def extended(values: torch.Tensor) -> torch.Tensor:
        old = values[..., outside].mean(dim=2)[..., None, None]
        return values + (1 - support) * (border_tone(_without(values, old, support), support, plain) - old)

    return AlbedoModel(extended(model.mean[None])[0], extended(model.basis), model.noise, model.support)


def _without(values: torch.Tensor, tone: torch.Tensor, support: torch.Tensor) -> torch.Tensor:
    """What was blended with a tone (N, C, 1, 1) by the support; arbitrary where that is small."""
    return (values - (1 - support) * tone) / support.clamp_min(_LEAST_SUPPORT)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--albedo", type=Path, required=True, help="albedo.safetensors to read")
    parser.add_argument("--out", type=Path, required=True, help="albedo.safetensors to write")
    args = parser.parse_args()
    save_tensors(args.out, pack_albedo_model(retone(load_albedo_model(args.albedo))))


if __name__ == "__main__":
    main()
