"""Measuring: networks and figures that judge results; never used to train or to choose anything."""
