"""What a file says about its own origin."""

from __future__ import annotations

from typing import Any

from stylefaceuv.types import Provenance

NO_LICENCE = "Made with stylefaceuv; the licence of each part is not recorded"


def copyright_line(provenance: Provenance) -> str:
    """Return one line with the licence of each part.

    Args:
        provenance: where the head came from.

    Returns:
        For ``asset.copyright`` and comments.
    """
    if not provenance.licences:
        return NO_LICENCE
    return "; ".join(f"{part}: {text}" for part, text in sorted(provenance.licences.items()))


def provenance_record(provenance: Provenance) -> dict[str, Any]:
    """Return the provenance for JSON, keys in a fixed order, without what is unknown.

    Args:
        provenance: where the head came from.

    Returns:
        version, seed, index, truncation, weights (sha256 by file name), licences (by part).
    """
    record: dict[str, Any] = {"version": provenance.version}
    for name in ("seed", "index", "truncation"):
        value = getattr(provenance, name)
        if value is not None:
            record[name] = value
    record["weights"] = dict(sorted(provenance.weights.items()))
    record["licences"] = dict(sorted(provenance.licences.items()))
    return record
