"""The linear head: MakeHuman's mesh with identity and expression bases, its topology and levels, and its pose."""
