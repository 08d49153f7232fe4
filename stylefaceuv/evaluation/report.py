"""Writes ``report.md``: what failed first, then the tables and the pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stylefaceuv.evaluation.pictures import write_pictures
from stylefaceuv.evaluation.records import FaceRecord
from stylefaceuv.evaluation.summary import SAME_PERSON
from stylefaceuv.evaluation.verdicts import Verdict, judge
from stylefaceuv.files import atomic_write_bytes

QUOTED = (
    ("LiftedGAN", "more consistent than InterFaceGAN; severe distortion as the yaw angle increases"),
    ("StyleFlow", "significant distortion at large yaw angles"),
    ("EG3D", "better shape consistency than InterFaceGAN, LiftedGAN and StyleFlow; distortions at large yaw angles"),
)
"""What StyleFaceUV (Chung et al., BMVC 2022, section 4.2) says of peers that cannot run here. It gives no numbers for
their view consistency, and none are made up."""


def write_report(
    out: Path, records: Sequence[FaceRecord], figures: dict[str, Any], cost: dict[str, Any] | None = None
) -> Path:
    """Write the report and its pictures.

    Args:
        out: folder.
        records: of all faces.
        figures: of the summary.
        cost: of the section on cost; None leaves it out.

    Returns:
        The path of ``report.md``.
    """
    pictures = write_pictures(out, records, figures)
    parts = [
        f"# Evaluation of {len(records)} faces\n\nMedians over the faces, 95 % bootstrap intervals in brackets. "
        f"Seed {figures['settings']['seed']}, truncation {figures['settings']['truncation']}.",
        _verdicts(judge(figures)),
        _views(figures["views"]),
        _distribution(figures["distribution"]),
        _fidelity(figures["fidelity"]),
        _control(figures["control"]),
        _diversity(figures["diversity"]),
        _second(figures["second_landmarker"]),
    ]
    if cost is not None:
        parts.append(_cost(cost))
    parts += [f"![{Path(name).stem}]({name})" for name in pictures]
    atomic_write_bytes(out / "report.md", ("\n\n".join(parts) + "\n").encode())
    return out / "report.md"


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    lost = [verdict for verdict in verdicts if not verdict.passed]
    if not lost:
        return f"All {len(verdicts)} comparisons came out as they must."
    rows = [(v.what, "metric check" if v.control else "claim", v.ours, v.against) for v in lost]
    head = f"## What failed\n\n{len(lost)} of {len(verdicts)} comparisons did not come out as they must:\n\n"
    return head + _table(("what", "kind", "ours", "bound or rival"), rows)


def _views(views: dict[str, Any]) -> str:
    rows = []
    for name in ("ours", "editing", "mirrored"):
        for yaw, row in views.get(name, {}).items():
            label = {"mirrored": "ours, mirrored (control)", "editing": "InterFaceGAN-style editing"}.get(name, name)
            cells = (row[key] for key in ("identity", "yaw", "yaw_error", "yaw_second", "yaw_error_second"))
            rows.append((label, yaw, *map(_interval, cells)))
    columns = ("", "asked yaw", "identity distance", "measured yaw", "error", "yaw, second landmarker", "error")
    wrong = _interval(views["identity, another person's image"])
    return (
        "## 1. View consistency\n\nIdentity distance to the StyleGAN2 image (L2; one person below "
        f"{SAME_PERSON}); yaw in degrees. Editing moves w along the shipped yaw direction and gets its best shot: the "
        "step whose image is measured nearest to the asked yaw. The first landmarker both chose and measures the "
        "edits, which favours them; the second chose nothing. Renders are turned by exactly the asked yaw: their error "
        "comes from measuring, and from how much their shape and texture look turned.\n\n"
        + _table(columns, rows)
        + f"\n\nRender against another person's image (control): {wrong}.\n\n"
        "Peers that cannot run here, as quoted from StyleFaceUV (BMVC 2022, section 4.2), not measured:\n\n"
        + _table(("method", "what the paper says"), QUOTED)
    )


def _distribution(parts: dict[str, Any]) -> str:
    rows = [
        (part, name, row["frechet_32"], row["kernel"], "{} … {}".format(*row["kernel_interval"]))
        for part, sets in parts.items()
        for name, row in sets.items()
    ]
    return (
        "## 2. Distribution\n\nAgainst a disjoint set of StyleGAN2 images of the same size. Features of EfficientNet-"
        "lite0 (ImageNet), so this is no FID. Fréchet distance after a fixed random projection to 32 dimensions: so "
        "few faces give no full covariance; kernel distance (cubic, unbiased, ×1000) on all features.\n\n"
        + _table(("part", "set", "Fréchet, 32 dimensions", "kernel distance", "interval"), rows)
    )


def _fidelity(modes: dict[str, Any]) -> str:
    keys = ("psnr", "ssim", "perceptual", "landmarks", "landmarks_second")
    rows = [
        (mode, view, *(_interval(row[key]) for key in keys))
        for mode, views in modes.items()
        for view, row in views.items()
    ]
    return (
        "## 3. Fidelity\n\nInside the face from brows to chin, at 256 pixels. Perceptual: unit features of the VGG-16 "
        "body of HED, which nothing here was trained with. Landmarks: 51 points in the render against the image, in "
        "outer-eye distances. Symmetric: the same head against the StyleGAN2 image of its other side.\n\n"
        + _table(("maps", "view", "PSNR, dB", "SSIM", "perceptual", "landmarks", "second landmarker"), rows)
    )


def _control(control: dict[str, Any]) -> str:
    expression = [
        (name, *(_interval(row[key]) for key in ("rest", "shown")), row["raised by 0.2"][0], _interval(row["drift"]))
        for name, row in control["expression"].items()
    ]
    light = [
        (name, *(_interval(row[key]) for key in ("ratio", "angle", "drift"))) for name, row in control["light"].items()
    ]
    pitch = [(asked, _interval(measured)) for asked, measured in control["pitch"].items()]
    baked = [(name, _interval(v) if isinstance(v, list) else v) for name, v in control["baked_light"].items()]
    score = ("asked 0.9", "detected at 0", "detected at 0.9", "share raised by 0.2", "identity drift")
    return "\n\n".join(
        [
            "## 4. Control\n\nExpressions, as the blendshape network scores them on frontal renders:",
            _table(score, expression),
            "Light from a side: brightness of the lit half of the face over the other, and the angle between the asked "
            "direction and that estimated from the picture:",
            _table(("light", "lit / unlit", "angle, degrees", "identity drift"), light),
            "Pitch:",
            _table(("asked", "measured"), pitch),
            "Light baked into the albedo: how much of its left-right asymmetry follows the light of its image.",
            _table(("", ""), baked),
        ]
    )


def _diversity(diversity: dict[str, Any]) -> str:
    rows = []
    for name in ("image", "render"):
        row = diversity[name]
        spread = "{} / {} / {}".format(*row["age_10_50_90"])
        cells = _interval(row["pairwise"]), _interval(row["nearest"]), row["same_person_rate"]
        rows.append((name, *cells, spread, row["female_share"]))
    columns = ("", "pairs apart", "nearest neighbour", f"nearest below {SAME_PERSON}", "age 10/50/90 %", "female")
    tone = "{} / {} / {}".format(*diversity["ita_5_50_95"])
    return (
        "## 5. Diversity\n\nAge and gender are what networks see in pictures; they describe the set, no person.\n\n"
        + _table(columns, rows)
        + f"\n\nSkin tone of the albedo (individual typology angle, 5/50/95 %): {tone}."
    )


def _second(second: dict[str, Any]) -> str:
    rows: list[tuple[Any, ...]] = [(f"yaw {yaw}°", value, "2°") for yaw, value in second["yaw_difference"].items()]
    rows += [(f"landmark error, {view}", value, 0.01) for view, value in second["landmark_difference"].items()]
    return (
        "## Second landmarker\n\nface-api's network of dlib's 68 points against the shipped one: differences of the "
        "medians.\n\n" + _table(("figure", "difference", "bound"), rows)
    )


def _cost(cost: dict[str, Any]) -> str:
    rows = [tuple(row.values()) if isinstance(row, dict) else tuple(row) for row in cost["rows"]]
    columns = ("stage", "batch", "threads", "CPU seconds", "wall seconds", "peak MB")
    return "## 6. Cost\n\n" + _table(columns, [row[: len(columns)] for row in rows])


def _interval(values: Sequence[float]) -> str:
    middle, low, high = values
    return f"{middle:.3g} [{low:.3g}, {high:.3g}]"


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(f"{c:.4g}" if isinstance(c, float) else str(c) for c in row) + " |" for row in rows]
    return "\n".join(lines)
