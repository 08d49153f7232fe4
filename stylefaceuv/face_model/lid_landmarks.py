"""Which landmarks lie along the lids, from the outer corner of the eye to the inner one, corners included."""

from __future__ import annotations

UPPER_LIDS = {
    "left": (263, 466, 388, 387, 386, 385, 384, 398, 362),
    "right": (33, 246, 161, 160, 159, 158, 157, 173, 133),
}
LOWER_LIDS = {
    "left": (263, 249, 390, 373, 374, 380, 381, 382, 362),
    "right": (33, 7, 163, 144, 145, 153, 154, 155, 133),
}
"""Each landmark lies below its partner of the upper lid."""
