"""Names of the 64 expression units, in order: Apple's 52, then 12 of MakeHuman's own."""

from __future__ import annotations

ARKIT_NAMES: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft",
    "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft",
    "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft",
    "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
"""The 52 ARKit blend shapes in Apple's order; Left is the person's own left."""

MAKEHUMAN_NAMES: tuple[str, ...] = (
    "mouthCompression", "mouthCornerPuller", "mouthDepressionRetraction", "mouthElevation", "mouthEversion",
    "mouthParting", "mouthProtrusion", "mouthRetraction", "neckPlatysma", "noseCompression",
    "noseLeftDilatation", "noseRightDilatation",
)  # fmt: skip
"""MakeHuman's units beyond ARKit."""

EXPRESSION_NAMES: tuple[str, ...] = ARKIT_NAMES + MAKEHUMAN_NAMES
