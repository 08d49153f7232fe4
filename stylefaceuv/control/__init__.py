"""Turns what a user writes for pose, view, expression, gaze, light and background into values, or a typed error."""

from stylefaceuv.control.expression import Addition, Expression, check_expression, parse_expression
from stylefaceuv.control.expression_presets import EXPRESSION_PRESETS
from stylefaceuv.control.gaze import Gaze, parse_gaze
from stylefaceuv.control.light import DirectionalLight, Lighting, is_own, parse_lighting
from stylefaceuv.control.rig import FaceRig
from stylefaceuv.control.values import Background, check_over_photo, parse_angle, parse_background, parse_size
from stylefaceuv.control.view import View, check_view_over_photo, covering_camera, parse_view

__all__ = [
    "EXPRESSION_PRESETS",
    "Addition",
    "Background",
    "DirectionalLight",
    "Expression",
    "FaceRig",
    "Gaze",
    "Lighting",
    "View",
    "check_expression",
    "check_over_photo",
    "check_view_over_photo",
    "covering_camera",
    "is_own",
    "parse_angle",
    "parse_background",
    "parse_expression",
    "parse_gaze",
    "parse_lighting",
    "parse_size",
    "parse_view",
]
