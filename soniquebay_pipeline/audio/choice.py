"""Tags beside measurements: which value a track shows, and where the two disagree.

Here: the decision for one track, as a pure function. Not here: reading tags (``tag_values``), the SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from soniquebay_pipeline.audio.camelot import camelot_key
from soniquebay_pipeline.audio.tag_values import MusicalKey, disagrees, key_disagrees, read_tag_values


@dataclass(frozen=True, slots=True)
class Chosen:
    """What ``audio_features`` shows of tempo and key, by the names of its columns."""

    bpm: float | None
    bpm_tag: float | None
    bpm_disagreement: str | None
    key: str | None
    scale: str | None
    camelot_key: str | None
    key_tag: str | None
    key_disagreement: str | None
    moods: dict[str, float | bool] = field(default_factory=dict)


def choose(
    fields: Mapping[str, Sequence[str]],
    bpm_measured: float | None,
    key_measured: MusicalKey | None,
    *,
    prefer_tags: bool,
) -> Chosen:
    """The file's own tags come first, then AcousticBrainz's; without either the measurement stands alone.

    With ``prefer_tags`` a tag wins over the measurement; without, it only fills what was not measured.
    """
    tags = read_tag_values(fields)
    bpm_tag = tags.bpm or tags.acousticbrainz_bpm
    key_tag = tags.key or tags.acousticbrainz_key
    bpm = (bpm_tag or bpm_measured) if prefer_tags else (bpm_measured or bpm_tag)
    key = (key_tag or key_measured) if prefer_tags else (key_measured or key_tag)
    return Chosen(
        bpm=bpm,
        bpm_tag=bpm_tag,
        bpm_disagreement=disagrees(bpm_measured, bpm_tag),
        key=key.tonic if key else None,
        scale=key.scale if key else None,
        camelot_key=camelot_key(key.tonic, key.scale) if key else None,
        key_tag=str(key_tag) if key_tag else None,
        key_disagreement=key_disagrees(key_measured, key_tag),
        moods=tags.moods,
    )
