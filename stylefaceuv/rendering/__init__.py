"""Meshes and maps to pixels: cameras, light, rasterisation, shading and compositing."""
