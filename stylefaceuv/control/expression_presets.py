"""Named expressions: six emotions, a blink and the 15 visemes of Oculus LipSync, each a mix of units on neutral."""

from __future__ import annotations

from collections.abc import Mapping


def _both(name: str, weight: float) -> dict[str, float]:
    """The unit on both sides of the face."""
    return {f"{name}Left": weight, f"{name}Right": weight}


EXPRESSION_PRESETS: Mapping[str, Mapping[str, float]] = {
    "smile": {
        **_both("mouthSmile", 1.0),
        **_both("cheekSquint", 0.35),
        **_both("eyeSquint", 0.25),
        **_both("mouthUpperUp", 0.3),
        "jawOpen": 0.06,
    },
    "surprise": {**_both("browOuterUp", 1.0), "browInnerUp": 0.45, **_both("eyeWide", 0.7), "jawOpen": 0.45},
    "anger": {
        **_both("browDown", 0.95),
        **_both("eyeSquint", 0.4),
        **_both("noseSneer", 0.5),
        **_both("mouthFrown", 0.35),
        **_both("mouthPress", 0.5),
        "mouthShrugUpper": 0.15,
        "mouthClose": 0.15,
    },
    "sadness": {
        "browInnerUp": 0.9,
        **_both("browDown", 0.15),
        **_both("mouthFrown", 0.7),
        "mouthShrugLower": 0.45,
        **_both("eyeBlink", 0.15),
        **_both("eyeLookDown", 0.3),
    },
    "disgust": {
        **_both("noseSneer", 0.9),
        **_both("browDown", 0.5),
        **_both("mouthUpperUp", 0.5),
        **_both("mouthFrown", 0.4),
        **_both("eyeSquint", 0.45),
        **_both("cheekSquint", 0.4),
        "mouthShrugLower": 0.3,
    },
    "fear": {
        "browInnerUp": 0.65,
        **_both("browOuterUp", 0.35),
        **_both("eyeWide", 0.8),
        **_both("mouthStretch", 0.6),
        **_both("mouthLowerDown", 0.2),
        "jawOpen": 0.2,
    },
    "blink": _both("eyeBlink", 1.0),
    "viseme_sil": {},
    "viseme_PP": {**_both("mouthPress", 0.6), "mouthRollLower": 0.2, "mouthRollUpper": 0.2, "mouthClose": 0.2},
    "viseme_FF": {
        "mouthRollLower": 0.55,
        "mouthShrugLower": 0.2,
        **_both("mouthUpperUp", 0.35),
        "jawOpen": 0.06,
    },
    "viseme_TH": {"jawOpen": 0.2, "tongueOut": 0.45, **_both("mouthUpperUp", 0.1), **_both("mouthLowerDown", 0.15)},
    "viseme_DD": {"jawOpen": 0.18, **_both("mouthUpperUp", 0.15), **_both("mouthLowerDown", 0.25)},
    "viseme_kk": {"jawOpen": 0.25, **_both("mouthStretch", 0.15), **_both("mouthUpperUp", 0.15)},
    "viseme_CH": {
        "jawOpen": 0.12,
        "mouthFunnel": 0.55,
        "mouthPucker": 0.15,
        **_both("mouthUpperUp", 0.1),
        **_both("mouthLowerDown", 0.2),
    },
    "viseme_SS": {
        "jawOpen": 0.08,
        **_both("mouthStretch", 0.3),
        **_both("mouthSmile", 0.3),
        **_both("mouthLowerDown", 0.3),
        **_both("mouthUpperUp", 0.15),
    },
    "viseme_nn": {"jawOpen": 0.16, **_both("mouthStretch", 0.1), **_both("mouthLowerDown", 0.2)},
    "viseme_RR": {"jawOpen": 0.16, "mouthFunnel": 0.3, "mouthPucker": 0.25, **_both("mouthLowerDown", 0.1)},
    "viseme_aa": {"jawOpen": 0.6, **_both("mouthLowerDown", 0.1), **_both("mouthUpperUp", 0.1)},
    "viseme_E": {"jawOpen": 0.3, **_both("mouthStretch", 0.3), **_both("mouthSmile", 0.35)},
    "viseme_I": {"jawOpen": 0.18, **_both("mouthSmile", 0.8), **_both("mouthStretch", 0.2)},
    "viseme_O": {"jawOpen": 0.4, "mouthFunnel": 0.6, "mouthPucker": 0.2},
    "viseme_U": {"jawOpen": 0.15, "mouthFunnel": 0.35, "mouthPucker": 0.7},
}
"""Unit weights in [0, 1] by preset; every unit that is not named is 0."""
