"""The report's pictures: faces in rows, and figures as plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stylefaceuv.evaluation.per_face import SHOWN, strip_path
from stylefaceuv.evaluation.records import FaceRecord
from stylefaceuv.evaluation.summary import SAME_PERSON, pairwise
from stylefaceuv.evaluation.view_measures import YAWS
from stylefaceuv.files import atomic_path

SHEETS: dict[str, tuple[str, ...]] = {
    "views": ("views_ours", "views_editing"),
    "expressions": ("expressions",),
    "lights": ("lights",),
    "composites": ("composites",),
}
"""Pictures by name, and the strips that lie under each other for each face."""

_INK, _OURS, _OTHER = "#333333", "#2a6f97", "#c8553d"


def write_pictures(out: Path, records: Sequence[FaceRecord], figures: dict[str, Any]) -> list[str]:
    """Write all pictures.

    Args:
        out: folder of the report.
        records: of all faces.
        figures: of the summary.

    Returns:
        File names, in the order of the report.
    """
    names = [name for name in SHEETS if _sheet(out, records, name)]
    _plot_views(out / "view_curves.png", figures["views"])
    _plot_diversity(out / "diversity.png", records)
    return [*(f"{name}.png" for name in names), "view_curves.png", "diversity.png"]


def _sheet(out: Path, records: Sequence[FaceRecord], name: str) -> bool:
    """Stack the kept strips; False where there are none."""
    rows = []
    for record in records[:SHOWN]:
        paths = [strip_path(out / "faces", record.index, strip) for strip in SHEETS[name]]
        rows += [np.asarray(Image.open(path).convert("RGB")) for path in paths if path.exists()]
    if not rows:
        return False
    with atomic_path(out / f"{name}.png") as temporary:
        Image.fromarray(np.concatenate(rows)).save(temporary)
    return True


def _plot_views(path: Path, views: dict[str, Any]) -> None:
    figure, (left, right) = _figure(2)
    for name, color in (("ours", _OURS), ("editing", _OTHER)):
        if name not in views:
            continue
        for axis, key in ((left, "identity"), (right, "yaw")):
            low, middle, high = (np.array([views[name][f"{yaw:+.0f}"][key][i] for yaw in YAWS]) for i in (1, 0, 2))
            axis.plot(YAWS, middle, "o-", color=color, label=name)
            axis.fill_between(YAWS, low, high, color=color, alpha=0.2, linewidth=0)
    right.plot(YAWS, YAWS, ":", color=_INK, label="asked")
    left.axhline(SAME_PERSON, color=_INK, linestyle=":", label="same person below")
    left.set(xlabel="asked yaw, degrees", ylabel="identity distance to the own view", ylim=(0, None))
    right.set(xlabel="asked yaw, degrees", ylabel="measured yaw, degrees")
    left.legend(frameon=False)
    right.legend(frameon=False)
    _save(figure, path)


def _plot_diversity(path: Path, records: Sequence[FaceRecord]) -> None:
    figure, axes = _figure(4)
    upper = np.triu_indices(len(records), 1)
    for name, color in (("image", _OTHER), ("render", _OURS)):
        distances = pairwise(records, f"embedding_{name}")[upper]
        axes[0].hist(distances, bins=30, alpha=0.6, color=color, label=name)
        axes[1].hist([r.figures["crowd"][name]["age"] for r in records], bins=15, alpha=0.6, color=color, label=name)
        axes[2].hist([r.figures["crowd"][name]["female"] for r in records], bins=10, alpha=0.6, color=color, label=name)
    axes[0].axvline(SAME_PERSON, color=_INK, linestyle=":")
    axes[3].hist([r.figures["crowd"]["ita"] for r in records], bins=15, color=_OURS)
    labels = ("identity distance of pairs", "apparent age, years", "probability of female", "skin tone (ITA), degrees")
    for axis, label in zip(axes, labels, strict=True):
        axis.set(xlabel=label, ylabel="count")
    axes[0].legend(frameon=False)
    _save(figure, path)


def _figure(columns: int) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * columns, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, columns)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata={"Software": None})
