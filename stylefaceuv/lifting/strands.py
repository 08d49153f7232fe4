"""Strands of hair as a pattern of light and dark, fixed on the head: combed away from the whorl, or hanging down."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import torch
from torch.nn import functional

HAIR_AXIS_Z = 0.1
"""Decimetres: where on Z the vertical stands that hair hangs around."""
_AROUND, _PIECES = 800, 5
"""Strands around a head, and pieces of one from the whorl to the chin, or over two decimetres of height."""
_ROWS, _CROPPED = 32, 6
"""Of the table of a pattern along long strands; and how many times as many pieces cropped hair has."""
_WISP, _LOCK, _SHADE, _FEWEST_LOCKS = 4, 12, 40, 8
"""How many strands go together: in a wisp, in a lock, and in what is lighter or darker as a whole."""
_SINGLES, _WISPS, _GAPS, _SHADES = 2.2, 0.9, 1.2, 0.35
"""How strong each is in the pattern; gaps are the dark lines between locks."""
_GAP, _WANDER, _OVER = 0.25, 1.5, 12.0
"""Half width of a gap, in deviations of the noise whose zeros are gaps; strands that a lock strays to a side; and how
suddenly a lock ends that lies over another."""
_WHORL = (0.0, math.cos(math.radians(35.0)), -math.sin(math.radians(35.0)))
"""Where on the crown strands begin: up and back, seen from the middle of the head."""
_FEWEST = 5
"""Halvings of the number of strands towards the whorl."""


Strands: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
"""Of points (T, 3) on the mean head, decimetres, to (T, C) float, of about zero mean and unit variance."""


def combed_strands(middle: torch.Tensor, seed: int = 0, cropped: tuple[bool, ...] = (False,)) -> Strands:
    """Prepare strands that run from the whorl over the head, as far apart everywhere: they branch.

    Args:
        middle: (3,) float, of the head, decimetres.
        seed: of their pattern.
        cropped: of each column, whether they are cut to a centimetre.

    Returns:
        The pattern, a column for each cut.
    """
    lengths = [_CROPPED if short else 1 for short in cropped]
    patterns = [
        [_pattern(_AROUND >> halvings, seed + halvings, shorter).to(middle.device) for shorter in lengths]
        for halvings in range(_FEWEST + 1)
    ]
    return partial(_combed, middle=middle, patterns=patterns)


def _combed(positions: torch.Tensor, middle: torch.Tensor, patterns: list[list[torch.Tensor]]) -> torch.Tensor:
    whorl = positions.new_tensor(_WHORL)
    outwards = functional.normalize(positions - middle, dim=1)
    right = torch.stack([whorl.new_ones(()), whorl.new_zeros(()), whorl.new_zeros(())])
    front = torch.linalg.cross(right, whorl)
    across, forwards = outwards @ right, outwards @ front
    turn = torch.atan2(across, forwards) / torch.pi
    along = torch.acos((outwards @ whorl).clamp(-1, 1)) * (2 / torch.pi) - 1
    level = -torch.log2(torch.hypot(across, forwards).clamp_min(2.0**-_FEWEST))
    total, power = turn.new_zeros(len(patterns[0]), len(turn)), torch.zeros_like(turn)
    for halvings, cuts in enumerate(patterns):
        near = torch.nonzero((level - halvings).abs() < 1)[:, 0]
        share = 1 - (level[near] - halvings).abs()
        for column, pattern in zip(total, cuts, strict=True):
            column[near] += share * _on_pattern(pattern, turn[near], along[near])
        power[near] += share.square()
    return (total / power.sqrt()).T


def hanging_strands(seed: int = 0) -> Strands:
    """Prepare strands that hang straight down around a vertical axis.

    Args:
        seed: of their pattern.

    Returns:
        The pattern.
    """
    return partial(_hanging, pattern=_pattern(_AROUND, seed))


def _hanging(positions: torch.Tensor, pattern: torch.Tensor) -> torch.Tensor:
    turn = torch.atan2(positions[:, 0], -(positions[:, 2] - HAIR_AXIS_Z)) / torch.pi
    # the table ends a decimetre above and below
    return _on_pattern(pattern.to(positions.device), turn, positions[:, 1])[:, None]


def _pattern(around: int, seed: int, shorter: int = 1) -> torch.Tensor:
    """(1, 1, rows, around) strands in locks that lie over each other, periodic, of zero mean and unit variance."""
    source = torch.Generator().manual_seed(seed)
    (one, height), (other, other_height) = _layer(around, shorter, source), _layer(around, shorter, source)
    total = other + torch.sigmoid(_OVER * (height - other_height)) * (one - other)
    total = total + _SHADES * _noise((3 * shorter, max(around // _SHADE, 4)), one.shape, source)
    return ((total - total.mean()) / total.std())[None, None]


def _layer(around: int, shorter: int, source: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows, around) strands of one layer of locks, and how high they lie."""
    size, locks = (_ROWS * (1 + shorter) // 2, around), max(around // _LOCK, _FEWEST_LOCKS)
    astray = _WANDER * _noise((3 * shorter, locks // 2), size, source)
    singles = _noise((_PIECES * shorter, around), size, source)
    wisps = _noise((_PIECES * shorter, around // _WISP), size, source)
    gaps = torch.exp(-(_noise((2 * shorter, locks), size, source) / _GAP).square())
    strands = _SINGLES * singles + _WISPS * wisps - _GAPS * gaps
    return _shifted(strands, astray), _shifted(_noise((2 * shorter, locks), size, source), astray)


def _noise(nodes: tuple[int, int], size: tuple[int, ...], source: torch.Generator) -> torch.Tensor:
    """Smooth noise of a size (rows, around) with so many nodes along strands and around the head, periodic."""
    rows, around = size
    turn, along = (torch.arange(around) + 0.5) * (2 / around) - 1, torch.linspace(-1, 1, rows)
    nodes_of_noise = torch.randn(1, 1, *nodes, generator=source)
    return _read(nodes_of_noise, turn.expand(rows, -1), along[:, None].expand(-1, around), "bicubic")


def _shifted(table: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    """(rows, around): each entry of a periodic table read so many columns further, both (rows, around)."""
    around = table.shape[1]
    place = torch.arange(around) + by
    low = place.floor()
    first, share = low.long() % around, place - low
    return table.gather(1, first) * (1 - share) + table.gather(1, (first + 1) % around) * share


def _on_pattern(pattern: torch.Tensor, turn: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
    """(T,): the pattern at ``turn`` of a whole one and ``along`` it, both in [-1, 1]."""
    return _read(pattern, turn[None], along[None], "bilinear")[0]


def _read(table: torch.Tensor, turn: torch.Tensor, along: torch.Tensor, mode: str) -> torch.Tensor:
    """(h, w): a table (1, 1, rows, columns), periodic in its columns, at places (h, w) in [-1, 1]."""
    columns = table.shape[-1]
    periodic = functional.pad(table, (2, 2, 0, 0), mode="circular")
    place = torch.stack([turn * (columns / (columns + 4)), along], dim=-1)[None]
    return functional.grid_sample(periodic, place, mode, "border", align_corners=False)[0, 0]
