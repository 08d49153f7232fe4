"""Which landmarks lie along the line where the lips meet, from corner to corner, corners included."""

from __future__ import annotations

UPPER_RIM = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_RIM = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
"""Each landmark lies below its partner of the upper rim."""
