"""The shipped head's landmarks lie where a detector's points lie, also when the head moves its face."""

from __future__ import annotations

import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.types import PART_NAMES

UPPER_RIM = (80, 81, 82, 13, 312, 311, 310)
LOWER_RIM = (88, 178, 87, 14, 317, 402, 318)
IRISES = (468, 473)


def landmarks(head: MorphableModel, **weights: float) -> torch.Tensor:
    """(478, 3) of the mean head with an expression."""
    expression = torch.zeros(1, 64)
    for name, weight in weights.items():
        expression[0, head.expression_names.index(name)] = weight
    return head.landmarks(head(torch.zeros(1, 80), expression))[0]


def test_an_opening_jaw_parts_the_points_of_both_lips(head: MorphableModel) -> None:
    closed, opened = landmarks(head), landmarks(head, jawOpen=0.5)
    upper, lower = list(UPPER_RIM), list(LOWER_RIM)
    assert float((closed[upper, 1] - closed[lower, 1]).abs().max()) < 0.02, "closed lips meet within 2 mm"
    gap = opened[upper, 1] - opened[lower, 1]
    assert float(gap.min()) > 0.05, "5 mm even near the corners"
    assert float(gap[3]) > 0.14, "14 mm in the middle"
    assert float((opened[upper, 1] - closed[upper, 1]).abs().max()) < 0.03, "the upper lip stays"


def test_every_point_lies_on_the_front_of_the_head(head: MorphableModel) -> None:
    assert float(landmarks(head)[:, 2].min()) > 0, "none at the nape"


def test_irises_lie_in_the_middle_of_the_eyeballs(head: MorphableModel) -> None:
    points = landmarks(head)
    for row in IRISES:
        side = "eye_left" if float(points[row, 0]) > 0 else "eye_right"
        ball = head.mean[head.quads[head.quad_part == PART_NAMES.index(side)].long().reshape(-1)]
        centre = (ball.amin(0) + ball.amax(0)) / 2
        torch.testing.assert_close(points[row, :2], centre[:2], atol=0.03, rtol=0)


def test_the_upper_teeth_reach_below_the_line_of_the_lips_and_stand_before_the_lower_ones(head: MorphableModel) -> None:
    rows = [
        head.mean[head.quads[head.quad_part == PART_NAMES.index(name)].long().reshape(-1)]
        for name in ("teeth_upper", "teeth_lower")
    ]
    line = float(landmarks(head)[[13, 14], 1].mean())
    # Deeper than at rest in people: smiles are fitted in part with the jaw, and show their crowns all the same.
    assert 0.03 < line - float(rows[0][:, 1].min()) < 0.07
    assert float(rows[0][:, 2].max()) > float(rows[1][:, 2].max()) + 0.01
