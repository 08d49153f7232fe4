"""From the faces' records to the figures of the report; nothing here depends on time or machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stylefaceuv.evaluation.control_measures import EXPRESSIONS, LIGHTS, PITCHES
from stylefaceuv.evaluation.distribution_metrics import frechet_distance, kernel_distance, kernel_interval, project
from stylefaceuv.evaluation.records import FaceRecord
from stylefaceuv.evaluation.view_measures import YAWS

SAME_PERSON = 0.6
"""Identity distance under which dlib's makers call two faces one person."""

_BOOTSTRAP_KEY, _REPEATS = 7, 500
_SETS = {"floor": ("image", "other"), "ours": ("composite", "other"), "shuffled maps": ("shuffled", "other")}
Figures = dict[str, Any]


def summarise(records: Sequence[FaceRecord]) -> Figures:
    """Compute all figures.

    Args:
        records: of at least two faces.

    Returns:
        Sections by name; medians come with a 95 % bootstrap interval as [median, low, high].
    """
    return {
        "views": _views(records),
        "distribution": _distribution(records),
        "fidelity": _fidelity(records),
        "control": _control(records),
        "diversity": _diversity(records),
        "second_landmarker": _second_landmarker(records),
    }


def median_interval(values: Sequence[float]) -> list[float]:
    """Median and its 95 % interval by a bootstrap with a fixed seed."""
    numbers = np.asarray([value for value in values if np.isfinite(value)], np.float64)
    if not len(numbers):
        return [float("nan")] * 3
    draw = np.random.Generator(np.random.Philox(key=_BOOTSTRAP_KEY))
    medians = np.median(numbers[draw.integers(0, len(numbers), (_REPEATS, len(numbers)))], axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return [round(float(value), 4) for value in (np.median(numbers), low, high)]


def _median(records: Sequence[FaceRecord], value: Callable[[Figures], float]) -> list[float]:
    return median_interval([value(record.figures) for record in records])


def _views(records: Sequence[FaceRecord]) -> Figures:
    result: Figures = {}
    for name in ("ours", "editing", "mirrored"):
        if name not in records[0].figures["views"]:
            continue
        measured = records[0].figures["views"][name]
        result[name] = {f"{yaw:+.0f}": _view(records, name, yaw) for yaw in YAWS if f"{yaw:+.0f}" in measured}
    result["identity, another person's image"] = median_interval(_wrong_identity(records))
    return result


def _view(records: Sequence[FaceRecord], name: str, yaw: float) -> Figures:
    rows = [record.figures["views"][name][f"{yaw:+.0f}"] for record in records]
    return {
        "identity": median_interval([row["identity"] for row in rows]),
        "yaw": median_interval([row["yaw"] for row in rows]),
        "yaw_second": median_interval([row["yaw_second"] for row in rows]),
        "yaw_error": median_interval([abs(row["yaw"] - yaw) for row in rows]),
        "yaw_error_second": median_interval([abs(row["yaw_second"] - yaw) for row in rows]),
    }


def _wrong_identity(records: Sequence[FaceRecord]) -> list[float]:
    """The control: each render against the image of the next face."""
    images = [record.vectors["embedding_image"] for record in records]
    renders = [record.vectors["embedding_render"] for record in records]
    return [float(np.linalg.norm(r - i)) for r, i in zip(renders, images[1:] + images[:1], strict=True)]


def _distribution(records: Sequence[FaceRecord]) -> Figures:
    result: Figures = {}
    for part in ("frame", "face"):
        result[part] = {}
        for name, sets in _SETS.items():
            first, second = (np.stack([record.vectors[f"{part}_{which}"] for record in records]) for which in sets)
            result[part][name] = {
                "frechet_32": round(frechet_distance(project(first), project(second)), 4),
                "kernel": round(kernel_distance(first, second), 3),
                "kernel_interval": [round(value, 3) for value in kernel_interval(first, second)],
            }
    return result


def _fidelity(records: Sequence[FaceRecord]) -> Figures:
    first = records[0].figures["fidelity"]
    result: Figures = {}
    for mode, views in first.items():
        for view, figures in views.items():
            result.setdefault(mode, {})[view] = {
                name: median_interval([record.figures["fidelity"][mode][view][name] for record in records])
                for name in figures
            }
    return result


def _control(records: Sequence[FaceRecord]) -> Figures:
    pose = {
        f"{pitch:+.0f}": _median(records, lambda f, p=pitch: f["control"]["pose"][f"{p:+.0f}"]["pitch"])  # type: ignore[misc]
        for pitch in PITCHES
    }
    expression = {}
    for name in EXPRESSIONS:
        rows = [record.figures["control"]["expression"][name] for record in records]
        expression[name] = {key: median_interval([row[key] for row in rows]) for key in ("rest", "shown", "drift")}
        expression[name]["raised by 0.2"] = [round(float(np.mean([r["shown"] - r["rest"] >= 0.2 for r in rows])), 4)]
    light = {}
    for name in LIGHTS:
        rows = [record.figures["control"]["light"][name] for record in records]
        light[name] = {key: median_interval([row[key] for row in rows]) for key in ("ratio", "angle", "drift")}
    return {"pitch": pose, "expression": expression, "light": light, "baked_light": baked_light(records)}


def baked_light(records: Sequence[FaceRecord]) -> Figures:
    """How much of the left-right asymmetry follows the light it was seen under.

    Slopes of regressions over the faces of the asymmetry (log ratio of sides) on the light's direction. The control is
    the photo itself as albedo, all of whose light is baked: its share is 1.
    """
    rows = [record.figures["control"]["baked"] for record in records]
    light = np.array([row["light"] for row in rows])
    slopes, correlations = {}, {}
    for name in ("albedo", "photo"):
        values = np.array([row[name] for row in rows])
        centred = light - light.mean()
        slopes[name] = float(centred @ (values - values.mean()) / max(float(centred @ centred), 1e-12))
        correlations[name] = float(np.corrcoef(light, values)[0, 1]) if len(rows) > 2 else float("nan")
    return {
        "share": round(slopes["albedo"] / slopes["photo"], 4) if slopes["photo"] else float("nan"),
        "share, light left in (control)": 1.0,
        "correlation": round(correlations["albedo"], 4),
        "correlation, light left in (control)": round(correlations["photo"], 4),
        "asymmetry": median_interval([abs(row["albedo"]) for row in rows]),
        "asymmetry, light left in (control)": median_interval([abs(row["photo"]) for row in rows]),
    }


def pairwise(records: Sequence[FaceRecord], name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(N, N) identity distances; infinite on the diagonal."""
    rows = np.stack([record.vectors[name] for record in records]).astype(np.float64)
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return distances


def _diversity(records: Sequence[FaceRecord]) -> Figures:
    result: Figures = {}
    for name in ("image", "render"):
        distances = pairwise(records, f"embedding_{name}")
        rows = [record.figures["crowd"][name] for record in records]
        ages = np.array([row["age"] for row in rows])
        result[name] = {
            "pairwise": median_interval(distances[np.triu_indices(len(records), 1)].tolist()),
            "nearest": median_interval(distances.min(axis=1).tolist()),
            "same_person_rate": round(float((distances.min(axis=1) < SAME_PERSON).mean()), 4),
            "age_10_50_90": [round(float(v), 1) for v in np.percentile(ages, [10, 50, 90])],
            "female_share": round(float(np.mean([row["female"] > 0.5 for row in rows])), 4),
        }
    tones = [record.figures["crowd"]["ita"] for record in records]
    result["ita_5_50_95"] = [round(float(v), 1) for v in np.percentile(tones, [5, 50, 95])]
    return result


def _second_landmarker(records: Sequence[FaceRecord]) -> Figures:
    """Differences of the two landmarkers' figures: of median yaw in degrees, of landmark error in eye distances."""
    views, fidelity = _views(records)["ours"], _fidelity(records)["lifted"]
    return {
        "yaw_difference": {yaw: round(abs(row["yaw"][0] - row["yaw_second"][0]), 4) for yaw, row in views.items()},
        "landmark_difference": {
            view: round(abs(row["landmarks"][0] - row["landmarks_second"][0]), 4) for view, row in fidelity.items()
        },
    }
