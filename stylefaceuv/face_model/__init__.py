"""Coefficients to meshes: the morphable head, its subdivision levels, its pose and its displacement."""
