"""Readings that are kept on disk: what was read, and states to go on from."""
