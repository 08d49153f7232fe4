"""Heads to files: GLB, OBJ, PLY and USD. Knows meshes and maps; knows nothing of networks or rendering."""
