"""What the benchmarks of vectors share: where they keep things, and words for titles and names."""

from __future__ import annotations

from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "build" / "bench-vectors"

GENRES = ("Rock", "Indie Pop", "Jazz", "Electronic", "Ambient", "Folk", "Hip-Hop", "Metal", "Soul", "Chamber Music")
# fmt: off
WORDS = (
    "night", "river", "glass", "summer", "paper", "golden", "slow", "electric", "winter", "garden", "mirror",
    "ocean", "silver", "letters", "broken", "radio", "harbour", "light", "shadow", "dancing", "stone", "morning",
    "blue", "wild", "empty", "city", "fire", "dream", "machine", "distant", "heart", "road", "falling", "white",
)
# fmt: on
