"""The kinds of findings: what each is called, how grave it is, what to do, and the SQL that finds it.

Here: the list, in the order in which it is reported. Not here: findings that need more than SQL (``encodings``,
``recordings``), and running the queries (``report``).

Each query reads the temporary table ``present`` (a row a track whose file is present; ``report`` makes it) and
yields: entity_type, entity_id, subject, detail, paths, file_count.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_PATHS = 20
"""Paths that a finding lists; ``file_count`` says how many there are."""
SEVERITIES = ("error", "warning", "note")
LOSSLESS = ("flac", "alac", "pcm", "wavpack", "ape", "tta", "dsd", "dst")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding."""

    name: str
    title: str
    severity: str
    """error: music is lost or unusable; warning: it is probably wrong; note: it could be better."""
    advice: str
    query: str | None = None
    """None: found by Python."""


PRESENT = """
    SELECT t.id, t.file_id, t.title, t.album_id, t.track_artist_id, t.disc_number, t.track_number,
           t.duration_seconds, t.bitrate_kbps, t.musicbrainz_id, f.path, f.album_folder, f.audio_hash, f.size_bytes,
           m.codec, m.quality_score, m.musicbrainz_albumid, m.track_total, m.disc_total, m.truncated, m.title AS named
    FROM tracks t JOIN raw_files f ON f.id = t.file_id AND f.status = 'present'
    JOIN raw_metadata m ON m.file_id = f.id
"""

# The best copy first: lossless, then the higher bit rate, then the better tags.
BEST_FIRST = (
    "(codec IN (" + ", ".join(f"'{codec}'" for codec in LOSSLESS) + ")) DESC, coalesce(bitrate_kbps, 0) DESC,"
    " quality_score DESC, (musicbrainz_id IS NOT NULL) DESC, path"
)


def _paths(order: str = "path") -> str:
    return f"(array_agg(path ORDER BY {order}))[1:{MAX_PATHS}] AS paths, count(*) AS file_count"


_ALBUM = """
    SELECT p.*, b.title AS album, b.title_key, b.album_artist_id, b.release_year,
           b.title || ' – ' || a.name AS subject, b.musicbrainz_albumid AS release_id,
           regexp_replace(p.album_folder, '/?[^/]*$', '') AS parent
    FROM present p JOIN albums b ON b.id = p.album_id JOIN artists a ON a.id = b.album_artist_id
"""

# One album torn apart by its artists: the pieces never use the same track number. Several albums of one title
# ("Greatest Hits") do. In one folder files without numbers count as well; over the folders of one parent all
# files have to have numbers, and the years may not contradict.
_SPLIT = f"""
    WITH tracks AS ({_ALBUM}),
    pieces AS (
        SELECT album_folder AS place, true AS one_folder, * FROM tracks
        UNION ALL
        SELECT parent, false, * FROM tracks
    )
    SELECT 'folder', NULL::bigint, min(album) AS subject,
           count(DISTINCT album_id) || ' albums of ' || count(DISTINCT album_artist_id) || ' artists in '
           || CASE WHEN one_folder THEN 'one folder' ELSE count(DISTINCT album_folder) || ' folders' END AS detail,
           {_paths("disc_number, track_number, path")}
    FROM pieces
    GROUP BY place, one_folder, title_key
    HAVING count(DISTINCT album_artist_id) > 1
       AND count(track_number) = count(DISTINCT (coalesce(disc_number, 1), track_number))
                                 FILTER (WHERE track_number IS NOT NULL)
       AND (one_folder OR (count(DISTINCT album_folder) > 1 AND count(track_number) = count(*)
                           AND count(*) > 2 AND count(DISTINCT release_year) <= 1))
    ORDER BY place, title_key
"""

_SPLIT_RELEASE = f"""
    SELECT 'album', album_id, min(subject), 'in ' || count(DISTINCT album_folder) || ' folders', {_paths()}
    FROM ({_ALBUM}) AS tracks WHERE musicbrainz_albumid IS NOT NULL
    GROUP BY album_id, musicbrainz_albumid HAVING count(DISTINCT album_folder) > 1
    ORDER BY album_id
"""

_SAME_AUDIO = f"""
    SELECT 'track', (array_agg(id ORDER BY {BEST_FIRST}))[1], (array_agg(title ORDER BY {BEST_FIRST}))[1],
           count(*) || ' files of the same audio, '
           || pg_size_pretty(sum(size_bytes) - max(size_bytes)) || ' to gain; keep the first', {_paths(BEST_FIRST)}
    FROM present WHERE audio_hash IS NOT NULL
    GROUP BY audio_hash HAVING count(*) > 1
    ORDER BY audio_hash
"""

_WITHOUT_IDS = f"""
    SELECT CASE WHEN p.album_id IS NULL THEN 'folder' ELSE 'album' END, p.album_id,
           coalesce(b.title || ' – ' || a.name, nullif(max(p.album_folder), ''), '.'),
           count(*) FILTER (WHERE p.musicbrainz_id IS NULL) || ' of ' || count(*) || ' tracks without a recording id'
           || CASE WHEN p.album_id IS NOT NULL AND b.musicbrainz_albumid IS NULL THEN '; no release id' ELSE '' END,
           (array_agg(p.path ORDER BY p.path) FILTER (WHERE p.musicbrainz_id IS NULL))[1:{MAX_PATHS}] AS paths,
           count(*) FILTER (WHERE p.musicbrainz_id IS NULL)
    FROM present p LEFT JOIN albums b ON b.id = p.album_id LEFT JOIN artists a ON a.id = b.album_artist_id
    GROUP BY p.album_id, CASE WHEN p.album_id IS NULL THEN p.album_folder END, b.id, a.id
    HAVING bool_or(p.musicbrainz_id IS NULL)
    ORDER BY p.album_id, max(p.album_folder)
"""

# Numbers and totals come from tags: at most 9,999 each. Where more than half is missing, somebody keeps single
# tracks; that is another kind.
_DISCS = f"""
    WITH discs AS (
        SELECT album_id, coalesce(disc_number, 1) AS disc, array_agg(DISTINCT track_number) AS numbers,
               count(DISTINCT track_number) AS found,
               greatest(max(track_number), CASE WHEN min(track_total) = max(track_total) THEN max(track_total) END)
                   AS last,
               {_paths("track_number, path")}
        FROM present WHERE album_id IS NOT NULL AND track_number IS NOT NULL
        GROUP BY 1, 2
    )
    SELECT 'album', d.album_id, b.title || ' – ' || a.name,
           'disc ' || d.disc || ': ' || d.found || ' of ' || d.last || ' tracks; missing '
           || (SELECT string_agg(CASE WHEN first = final THEN first::text ELSE first || '–' || final END, ', '
                                 ORDER BY first)
               FROM (SELECT min(n) AS first, max(n) AS final
                     FROM (SELECT n, n - row_number() OVER (ORDER BY n) AS run
                           FROM generate_series(1, d.last) AS n WHERE n <> ALL (d.numbers)) AS gaps
                     GROUP BY run ORDER BY 1 LIMIT 40) AS runs),
           d.paths, d.file_count
    FROM discs d JOIN albums b ON b.id = d.album_id JOIN artists a ON a.id = b.album_artist_id
    WHERE d.found < d.last AND %s
    ORDER BY d.album_id, d.disc
"""

_MISSING_DISCS = f"""
    SELECT 'album', album_id, min(subject),
           'disc ' || string_agg(DISTINCT coalesce(disc_number, 1)::text, ', ') || ' of ' || max(disc_total),
           {_paths()}
    FROM ({_ALBUM}) AS tracks
    GROUP BY album_id
    HAVING min(disc_total) = max(disc_total) AND count(DISTINCT coalesce(disc_number, 1)) < max(disc_total)
    ORDER BY album_id
"""


def _disagreement(what: str, measured: str, tag: str, confidence: str) -> str:
    return f"""
        SELECT 'track', p.id, p.title, 'tag {what} ' || {tag} || ', measured ' || {measured}
               || ' (' || a.{what}_disagreement || ', confidence ' || round(a.{confidence}::numeric, 2) || ')',
               ARRAY[p.path], 1
        FROM audio_features a JOIN present p ON p.id = a.track_id
        WHERE a.{what}_disagreement IS NOT NULL ORDER BY p.path
    """


_SHORT = """
    SELECT 'track', p.id, p.title, reason, ARRAY[p.path], 1
    FROM present p LEFT JOIN audio_features a ON a.track_id = p.id AND a.failure_reason IS NULL,
    LATERAL (SELECT CASE
        WHEN p.codec IN ('mp3', 'aac') AND p.size_bytes < 0.8 * p.duration_seconds * p.bitrate_kbps * 125
            THEN 'the header states ' || round(p.duration_seconds::numeric) || ' s at ' || p.bitrate_kbps
                 || ' kbit/s, the file has ' || round((100 * p.size_bytes
                    / (p.duration_seconds * p.bitrate_kbps * 125))::numeric) || ' % of that'
        -- Long tracks are analysed in excerpts of 300 s in all (audio/signal.py).
        WHEN a.seconds_analysed < 0.95 * least(p.duration_seconds, 300) - 1
            THEN 'the header states ' || round(p.duration_seconds::numeric) || ' s, '
                 || round(a.seconds_analysed::numeric) || ' s could be decoded'
        END AS reason) AS found
    WHERE reason IS NOT NULL ORDER BY p.path
"""

_CLIPPED = f"""
    SELECT CASE WHEN p.album_id IS NULL THEN 'folder' ELSE 'album' END, p.album_id,
           coalesce(min(b.title), nullif(max(p.album_folder), ''), '.'),
           count(*) || ' tracks reach full scale; highest peak ' || round(max(s.sample_peak)::numeric, 2), {_paths()}
    FROM audio_features s JOIN present p ON p.id = s.track_id LEFT JOIN albums b ON b.id = p.album_id
    WHERE s.sample_peak >= 1
    GROUP BY p.album_id, CASE WHEN p.album_id IS NULL THEN p.album_folder END
    ORDER BY p.album_id, max(p.album_folder)
"""

_SMALL_COVERS = """
    SELECT c.entity_type, c.entity_id, coalesce(b.title, r.name, p.title, ''),
           c.width || ' x ' || c.height || ' pixels, from ' || c.source,
           array_remove(ARRAY[p.path], NULL), num_nonnulls(p.path)
    FROM covers c LEFT JOIN albums b ON c.entity_type = 'album' AND b.id = c.entity_id
    LEFT JOIN artists r ON c.entity_type = 'artist' AND r.id = c.entity_id
    LEFT JOIN present p ON p.id = CASE c.entity_type WHEN 'track' THEN c.entity_id
        WHEN 'album' THEN (SELECT min(q.id) FROM present q WHERE q.album_id = c.entity_id) END
    WHERE least(c.width, c.height) < 300 AND (p.id IS NOT NULL OR c.entity_type = 'artist')
    ORDER BY c.entity_type, c.entity_id
"""

_REJECTED = """
    SELECT 'file', f.id, f.path, f.reject_reason || coalesce(': ' || f.reject_detail, ''), ARRAY[f.path], 1
    FROM raw_files f WHERE f.status = 'rejected' ORDER BY f.path
"""

_NOT_ANALYSED = """
    SELECT 'track', p.id, p.title, a.failure_reason || coalesce(': ' || a.failure_detail, ''), ARRAY[p.path], 1
    FROM audio_features a JOIN present p ON p.id = a.track_id WHERE a.failure_reason IS NOT NULL ORDER BY p.path
"""

_CUT_TAGS = """
    SELECT 'track', p.id, p.title, array_to_string(p.truncated[1:10], ', '), ARRAY[p.path], 1
    FROM present p WHERE p.truncated <> '{}' ORDER BY p.path
"""

KINDS = (
    Kind(
        "rejected_file",
        "Files that can't be read",
        "error",
        "Copy or rip the file again, or remove it. What the reasons mean: docs/outcomes.md.",
        _REJECTED,
    ),
    Kind(
        "short_file",
        "Files that end early",
        "error",
        "The download or copy was probably cut off: fetch or rip the file again.",
        _SHORT,
    ),
    Kind(
        "not_analysed",
        "Tracks without a measurable sound",
        "warning",
        "Listen to the file: it is silent, very short or damaged.",
        _NOT_ANALYSED,
    ),
    Kind(
        "wrong_encoding",
        "Names in the wrong encoding",
        "warning",
        "Correct the tags; the text that was probably meant is given where it can be told.",
    ),
    Kind(
        "split_compilation",
        "Albums torn apart by artist",
        "warning",
        "Give all tracks the same album artist (Various Artists) or the compilation flag.",
        _SPLIT,
    ),
    Kind(
        "split_release",
        "Releases spread over folders",
        "note",
        "One MusicBrainz release lies in several folders: move it into one, or correct the release id.",
        _SPLIT_RELEASE,
    ),
    Kind(
        "same_audio",
        "Several files of the same audio",
        "warning",
        "Keep the first file, remove the others; `soniquebay purge` then forgets them.",
        _SAME_AUDIO,
    ),
    Kind(
        "same_recording",
        "Several encodings of one recording",
        "note",
        "By AcoustID fingerprint. Keep the first file, if the others are not wanted on an album of their own.",
    ),
    Kind(
        "album_gaps",
        "Albums with missing tracks",
        "warning",
        "Look for the missing tracks, or correct the numbers and totals.",
        _DISCS % "d.found * 2 >= d.last",
    ),
    Kind(
        "missing_discs",
        "Albums with missing discs",
        "warning",
        "Look for the missing discs, or correct the disc totals.",
        _MISSING_DISCS,
    ),
    Kind(
        "album_fragments",
        "Albums of which less than half is there",
        "note",
        "Nothing, if single tracks are kept on purpose.",
        _DISCS % "d.found * 2 < d.last",
    ),
    Kind(
        "missing_ids",
        "Albums without MusicBrainz ids",
        "note",
        "Tag them with MusicBrainz Picard: ids make artists, albums and covers certain.",
        _WITHOUT_IDS,
    ),
    Kind(
        "tempo_disagreement",
        "Tags whose tempo was not measured",
        "note",
        "octave: half or double, either may be meant. tempo: listen, and correct the tag if it is wrong.",
        _disagreement("bpm", "round(a.bpm_measured::numeric, 1)", "round(a.bpm_tag::numeric, 1)", "bpm_confidence"),
    ),
    Kind(
        "key_disagreement",
        "Tags whose key was not measured",
        "note",
        "relative, parallel and fifth are near misses, on either side. other: correct the tag if it is wrong.",
        _disagreement("key", "a.key_measured || ' ' || a.scale_measured", "a.key_tag", "key_confidence"),
    ),
    Kind(
        "clipped",
        "Audio at full scale",
        "note",
        "Usual for loud masters. A better master or rip is the only remedy; ReplayGain avoids more of it in playback.",
        _CLIPPED,
    ),
    Kind(
        "small_cover",
        "Covers below 300 pixels",
        "note",
        "Put a larger cover.jpg into the folder.",
        _SMALL_COVERS,
    ),
    Kind(
        "cut_tags",
        "Tags that were cut or can't be read",
        "note",
        "Write the tags again with a current tagger.",
        _CUT_TAGS,
    ),
)
KIND_BY_NAME = {kind.name: kind for kind in KINDS}
