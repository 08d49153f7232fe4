"""What the figures must show: ours before editing, controls behind ours, two landmarkers of one mind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

YAW_TOLERANCE, LANDMARK_TOLERANCE = 2.0, 0.01
_FAR = ("-60", "+60")
_RIVALRY = {
    "identity": "identity distance",
    "yaw_error": "distance to the asked yaw, degrees, by the landmarker that chose the edits",
    "yaw_error_second": "distance to the asked yaw, degrees, by the second landmarker",
}


@dataclass(frozen=True)
class Verdict:
    """One comparison.

    Attributes:
        what: in words.
        passed: whether it came out as it must.
        ours: the figure.
        against: what it is compared with.
        control: True for a check of the metric, False for a claim about the model.
    """

    what: str
    passed: bool
    ours: float
    against: float
    control: bool


def judge(figures: dict[str, Any]) -> list[Verdict]:
    """Hold the figures against what they must show.

    Args:
        figures: of the summary.

    Returns:
        Verdicts: claims first, then checks of the metrics.
    """
    return [*_editing(figures["views"]), *_landmarkers(figures["second_landmarker"]), *_controls(figures)]


def _editing(views: dict[str, Any]) -> list[Verdict]:
    if "editing" not in views:
        return []
    result = []
    for yaw in _FAR:
        for key, name in _RIVALRY.items():
            ours, edited = views["ours"][yaw][key][0], views["editing"][yaw][key][0]
            result.append(Verdict(f"{name} at {yaw}°, against editing", ours < edited, ours, edited, False))
    return result


def _landmarkers(second: dict[str, Any]) -> list[Verdict]:
    yaws, points = second["yaw_difference"], second["landmark_difference"]
    result = [
        Verdict(f"yaw at {yaw}°, two landmarkers apart, degrees", value <= YAW_TOLERANCE, value, YAW_TOLERANCE, False)
        for yaw, value in yaws.items()
    ]
    for view, value in points.items():
        name = f"landmark error, {view} view, two landmarkers apart, eye distances"
        result.append(Verdict(name, value <= LANDMARK_TOLERANCE, value, LANDMARK_TOLERANCE, False))
    return result


def _controls(figures: dict[str, Any]) -> list[Verdict]:
    result = []
    for part, sets in figures["distribution"].items():
        for key, name in (("frechet_32", "Fréchet distance"), ("kernel", "kernel distance")):
            result.append(_below(f"{name}, {part}: shuffled maps", sets["ours"][key], sets["shuffled maps"][key]))
    for view in figures["fidelity"]["lifted"]:
        ours, broken = (figures["fidelity"][mode][view] for mode in ("lifted", "shuffled"))
        result.append(_below(f"perceptual, {view}: shuffled maps", ours["perceptual"][0], broken["perceptual"][0]))
        for key in ("psnr", "ssim"):
            result.append(_below(f"-{key}, {view}: shuffled maps", -ours[key][0], -broken[key][0]))
    views = figures["views"]
    for yaw in _FAR:
        ours, mirrored = (views[name][yaw]["yaw_error"][0] for name in ("ours", "mirrored"))
        result.append(_below(f"yaw error at {yaw}°: mirrored", ours, mirrored))
    own, wrong = views["ours"]["+0"]["identity"][0], views["identity, another person's image"][0]
    result.append(_below("identity distance at 0°: another person", own, wrong))
    baked = figures["control"]["baked_light"]
    result.append(_below("baked light, share: light left in", abs(baked["share"]), 1.0))
    left_in = baked["asymmetry, light left in (control)"][0]
    result.append(_below("asymmetry of the albedo: light left in", baked["asymmetry"][0], left_in))
    return result


def _below(what: str, ours: float, control: float) -> Verdict:
    return Verdict(what, ours < control, ours, control, True)
