"""CIELAB of one colour."""

from __future__ import annotations


def lab(red: float, green: float, blue: float) -> list[float]:
    """L, a and b of sRGB in [0, 1], with the white of sRGB."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (red, green, blue)]
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    ratios = [sum(m * v for m, v in zip(row, linear, strict=True)) / sum(row) for row in rows]
    x, y, z = (r ** (1 / 3) if r > (6 / 29) ** 3 else r / (3 * (6 / 29) ** 2) + 4 / 29 for r in ratios)
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]
