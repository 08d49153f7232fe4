"""What a user writes for an expression becomes 64 weights, or a typed error that names the unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import numpy as np
import torch

from stylefaceuv.control.expression_presets import EXPRESSION_PRESETS
from stylefaceuv.control.values import parse_numbers
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.plain_values import number

Expression = None | str | Mapping[str, float] | Sequence[float] | np.ndarray | torch.Tensor
Addition = None | Mapping[str, float]

_SLACK = 1e-6
"""Sums of decimal fractions may miss 0 or 1 by a rounding."""


def parse_expression(
    value: Expression, own: torch.Tensor, names: tuple[str, ...], add: Addition = None
) -> torch.Tensor:
    """Return the 64 expression weights that a user asks for.

    Args:
        value: None or "own" (the face's own), "neutral", a preset's name, a mapping from names to weights that
            replaces everything else by zero, or all 64 weights.
        own: (64,) float, the face's own weights.
        names: the 64 names.
        add: weights in [-1, 1] by name, added to what ``value`` says; None adds nothing.

    Returns:
        (64,) float in [0, 1].

    Raises:
        InvalidArgumentError: unknown name, wrong shape, or a weight or a sum outside [0, 1]; nothing is cut off.
    """
    base = _base(value, own, names)
    return base if add is None else _sum(base, _named("add", add, own, names, lowest=-1.0), names)


def check_expression(value: Expression, add: Addition, names: tuple[str, ...]) -> None:
    """Refuse an expression that no face can show, before there is a face.

    Args:
        value: as in :func:`parse_expression`.
        add: as there; sums with a face's own expression are not known yet.
        names: of the units.

    Raises:
        InvalidArgumentError: as there.
    """
    own = torch.zeros(len(names))
    if value is not None and not (isinstance(value, str) and value == "own"):
        parse_expression(value, own, names, add)
    elif add is not None:
        _named("add", add, own, names, lowest=-1.0)


def _base(value: Expression, own: torch.Tensor, names: tuple[str, ...]) -> torch.Tensor:
    if value is None or (isinstance(value, str) and value == "own"):
        return own
    if isinstance(value, str):
        return _preset(value, own, names)
    if isinstance(value, Mapping):
        return _named("expression", value, own, names, lowest=0.0)
    return _weights(value, own)


def _preset(value: str, own: torch.Tensor, names: tuple[str, ...]) -> torch.Tensor:
    if value == "neutral":
        return torch.zeros_like(own)
    if value not in EXPRESSION_PRESETS:
        known = ("own", "neutral", *EXPRESSION_PRESETS)
        near = get_close_matches(value, known, 3) or known
        expected = f"a preset ({', '.join(near)}), weights by unit or all {len(names)} weights"
        raise InvalidArgumentError("expression", expected, repr(value)[:60])
    return _named("expression", EXPRESSION_PRESETS[value], own, names, lowest=0.0)


def _named(
    argument: str, value: Mapping[str, float], own: torch.Tensor, names: tuple[str, ...], lowest: float
) -> torch.Tensor:
    if not isinstance(value, Mapping):
        raise InvalidArgumentError(argument, "weights by unit", repr(value)[:60])
    weights = torch.zeros_like(own)
    for name, weight in value.items():
        if name not in names:
            close = ", ".join(get_close_matches(str(name), names, 3)) or "see docs/expressions.md"
            raise InvalidArgumentError(argument, f"a known unit ({close})", repr(name))
        weights[names.index(name)] = number(f"{argument}[{name!r}]", weight, lowest, 1)
    return weights


def _sum(base: torch.Tensor, more: torch.Tensor, names: tuple[str, ...]) -> torch.Tensor:
    total = base + more
    wrong = ((total < -_SLACK) | (total > 1 + _SLACK)).nonzero().flatten().tolist()
    if wrong:
        unit = wrong[0]
        expected = f"a sum in [0, 1] with the {float(base[unit]):.3g} that is there"
        raise InvalidArgumentError(f"add[{names[unit]!r}]", expected, f"{float(total[unit]):.3g}")
    return total.clamp(0, 1)


def _weights(value: Sequence[float] | np.ndarray | torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    weights = parse_numbers("expression", value, own)
    if weights.shape != own.shape:
        raise InvalidArgumentError("expression", f"shape {tuple(own.shape)}", tuple(weights.shape))
    if bool(((weights < 0) | (weights > 1)).any()):
        raise InvalidArgumentError("expression", "weights in [0, 1]", f"{float(weights.min())}..{float(weights.max())}")
    return weights
