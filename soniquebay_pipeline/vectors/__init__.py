"""Vectors of the tracks: what reads alike and sounds alike, and finding it.

Here: sentences and their encoding, audio vectors and their scaler, combination, search, paths, maps.
Not here: measuring the sound (``audio``), tables (``db``).
"""
