"""Stand-ins that are quick and need no weights."""
