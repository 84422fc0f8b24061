"""Albums: which files of one folder belong together."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from soniquebay_pipeline.catalog.albums import AlbumFile, AlbumGroup, group_albums
from soniquebay_pipeline.catalog.credits import album_credits, artist_credits
from soniquebay_pipeline.catalog.names import VARIOUS_ARTISTS_MBID, VARIOUS_ARTISTS_NAME, name_key

ID_A = "0383dadf-2a4e-4d10-a46a-e9e041da8eb3"
ID_B = "5b11f4ce-a62d-471e-81fc-a69a8278c7da"
RELEASE_1 = "11111111-2a4e-4d10-a46a-e9e041da8eb3"
RELEASE_2 = "22222222-2a4e-4d10-a46a-e9e041da8eb3"

_next_id = iter(range(1, 10**9))


def file(
    artist: str = "A", track: int | None = None, album: str | None = "Album", by: str = "", **more: Any
) -> AlbumFile:
    mbid, by_mbid = more.pop("mbid", None), more.pop("by_mbid", None)
    return AlbumFile(
        file_id=next(_next_id),
        album=album,
        album_key=name_key(album) if album else None,
        main=tuple(artist_credits([artist], [], [mbid] if mbid else [])),
        album_credits=tuple(album_credits([by] if by else [], [], [by_mbid] if by_mbid else [])),
        track_number=track,
        **more,
    )


def summary(groups: list[AlbumGroup]) -> list[tuple[str, int]]:
    return sorted((group.artist.name, len(group.file_ids)) for group in groups)


def test_one_artist_is_one_album() -> None:
    groups = group_albums([file("A", n, year=1999) for n in range(1, 11)])
    assert summary(groups) == [("A", 10)]
    assert groups[0].year == 1999 and not groups[0].is_compilation
    assert groups[0].artist.role == "album" and groups[0].artist.position == 0


def test_files_without_album_are_in_no_group() -> None:
    assert group_albums([file(album=None), file(album="")]) == []


def test_compilation_without_album_artist_is_one_album() -> None:
    """Peers: compilations split (navidrome #2600)."""
    groups = group_albums([file(f"Artist {n}", n) for n in range(1, 21)])
    assert summary(groups) == [(VARIOUS_ARTISTS_NAME, 20)]
    assert groups[0].is_compilation and groups[0].artist.musicbrainz_artistid == VARIOUS_ARTISTS_MBID


def test_compilation_of_two_discs_without_disc_numbers_is_one_album() -> None:
    groups = group_albums([file(f"Artist {n}", n % 20 + 1) for n in range(40)])
    assert summary(groups) == [(VARIOUS_ARTISTS_NAME, 40)]


def test_compilation_with_a_doubled_number_is_one_album() -> None:
    files = [file(f"Artist {n}", n) for n in range(1, 21)]
    assert summary(group_albums([*files, file("Artist 99", 7)])) == [(VARIOUS_ARTISTS_NAME, 21)]


def test_compilation_flag_makes_various_artists() -> None:
    groups = group_albums([file("A", 1, is_compilation=True), file("A", 2), file("B", 3)])
    assert summary(groups) == [(VARIOUS_ARTISTS_NAME, 3)]


def test_album_with_guests_is_the_shared_artists() -> None:
    files = [file("A", 1), file("A; B", 2), file("C; A", 3), file("A feat. D", 4)]
    assert summary(group_albums(files)) == [("A", 4)]


def test_album_of_one_artist_on_three_quarters() -> None:
    files = [file("A", n) for n in range(1, 10)] + [file("B", 10), file("C", 11)]
    groups = group_albums(files)
    assert summary(groups) == [("A", 11)] and not groups[0].is_compilation


def test_greatest_hits_of_two_artists_in_one_folder_are_two_albums() -> None:
    files = [file(a, n, album="Greatest Hits") for a in ("Queen", "ABBA") for n in range(1, 13)]
    assert summary(group_albums(files)) == [("ABBA", 12), ("Queen", 12)]


def test_a_single_track_of_another_artists_greatest_hits_is_apart() -> None:
    files = [file("Queen", n, album="Greatest Hits") for n in range(1, 13)]
    assert summary(group_albums([*files, file("ABBA", 1, album="Greatest Hits")])) == [
        ("ABBA", 1),
        ("Queen", 12),
    ]


def test_album_artist_decides() -> None:
    files = [file(f"Guest {n}", n, by="DJ") for n in range(1, 5)]
    assert summary(group_albums(files)) == [("DJ", 4)]
    files = [file(f"Guest {n}", n, by="Various") for n in range(1, 5)]
    groups = group_albums(files)
    assert summary(groups) == [(VARIOUS_ARTISTS_NAME, 4)] and groups[0].is_compilation


def test_two_album_artists_are_two_albums() -> None:
    files = [file("X", n, by=by, album="Live") for by in ("A", "B") for n in range(1, 4)]
    assert summary(group_albums(files)) == [("A", 3), ("B", 3)]


def test_an_untagged_track_of_a_tagged_album_joins_it() -> None:
    tagged = [file("A", n, by="A") for n in range(1, 11)]
    assert summary(group_albums([*tagged, file("A", 11)])) == [("A", 11)]
    assert summary(group_albums([*tagged, file("Unknown Artist", 11)])) == [("A", 11)]
    assert summary(group_albums([*tagged, file("B", None)])) == [("A", 11)]


def test_a_track_whose_number_is_taken_does_not_join() -> None:
    tagged = [file("A", n, by="A", album="Greatest Hits") for n in range(1, 11)]
    assert summary(group_albums([*tagged, file("B", 1, album="Greatest Hits")])) == [("A", 10), ("B", 1)]


def test_tracks_of_a_tagged_compilation_join_it() -> None:
    tagged = [file(f"Artist {n}", n, by="VA") for n in range(1, 4)]
    loose = [file(f"Artist {n}", n) for n in range(4, 11)]
    assert summary(group_albums([*tagged, *loose])) == [(VARIOUS_ARTISTS_NAME, 10)]


def test_releases_are_albums_of_their_own() -> None:
    files = [file("A", n, musicbrainz_albumid=r) for r in (RELEASE_1, RELEASE_2) for n in range(1, 4)]
    groups = group_albums(files)
    assert {group.musicbrainz_albumid for group in groups} == {RELEASE_1, RELEASE_2}
    # With two releases of the artist nobody knows which one the rest belongs to.
    assert summary(group_albums([*files, file("A", 4)])) == [("A", 1), ("A", 3), ("A", 3)]


def test_files_without_release_id_join_the_only_release() -> None:
    tagged = [file("A", n, by="A", mbid=ID_A, by_mbid=ID_A, musicbrainz_albumid=RELEASE_1) for n in range(1, 4)]
    groups = group_albums([*tagged, file("A", 4, by="A"), file("a", 5), file("Z", 6)])
    assert summary(groups) == [("A", 6)]
    assert groups[0].musicbrainz_albumid == RELEASE_1 and groups[0].artist.musicbrainz_artistid == ID_A


def test_files_of_another_artist_do_not_join_the_release() -> None:
    tagged = [file("A", n, by="A", musicbrainz_albumid=RELEASE_1) for n in range(1, 4)]
    assert summary(group_albums([*tagged, file("B", 1, by="B")])) == [("A", 3), ("B", 1)]


def test_a_release_without_album_artist_is_inferred_not_split() -> None:
    files = [file(f"Artist {n % 2}", n // 2 + 1, musicbrainz_albumid=RELEASE_1) for n in range(6)]
    assert summary(group_albums(files)) == [(VARIOUS_ARTISTS_NAME, 6)]


def test_same_name_with_and_without_id_is_one_artist() -> None:
    """LESSONS 12: artists with an id were stored under the id and looked up by name."""
    groups = group_albums([file("A", 1, by="A", by_mbid=ID_A), file("A", 2, by="a")])
    assert summary(groups) == [("A", 2)] and groups[0].artist.musicbrainz_artistid == ID_A


def test_same_name_with_two_ids_is_two_artists() -> None:
    files = [file("A", n, by="A", by_mbid=i, album="Live") for i in (ID_A, ID_B) for n in (1, 2)]
    assert summary(group_albums(files)) == [("A", 2), ("A", 2)]


def test_self_titled_albums_in_a_flat_folder_split_by_year() -> None:
    files = [file("Weezer", n, album="Weezer", year=y) for y in (1994, 2001, 2008) for n in range(1, 11)]
    groups = group_albums([*files, file("Weezer", 11, album="Weezer", year=1994), file("Weezer", 12, album="Weezer")])
    assert sorted((group.year, len(group.file_ids)) for group in groups) == [
        (1994, 12),
        (2001, 10),
        (2008, 10),
    ]


def test_self_titled_album_does_not_join_another_years_release() -> None:
    blue = [file("Weezer", n, year=1994, musicbrainz_albumid=RELEASE_1) for n in range(1, 11)]
    green = [file("Weezer", n, year=2001) for n in range(1, 11)]
    assert sorted((g.year, len(g.file_ids)) for g in group_albums(blue + green)) == [(1994, 10), (2001, 10)]


def test_years_of_a_best_of_do_not_split_it() -> None:
    groups = group_albums([file("A", n, year=1970 + n) for n in range(1, 21)])
    assert len(groups) == 1 and groups[0].year == 1971


def test_same_album_in_two_formats_is_one_album() -> None:
    assert summary(group_albums([file("A", n, year=1999) for n in (1, 2, 3) for _ in "ab"])) == [("A", 6)]


def test_title_is_the_most_common_spelling() -> None:
    files = [file("A", n, album=title) for n, title in enumerate(["…And Justice", "...and justice", "…And Justice"], 1)]
    assert [group.title for group in group_albums(files)] == ["…And Justice"]


def test_a_large_flat_folder() -> None:
    """One folder with the greatest hits of 1,000 artists, and as many strays to join them."""
    files = [file(f"Artist {a}", n, album="Hits", by=f"Artist {a}") for a in range(1000) for n in range(1, 11)]
    strays = [file(f"Artist {a}", n, album="Hits") for a in range(1000) for n in range(11, 16)]
    groups = group_albums(files + strays)
    assert len(groups) == 1000 and {len(group.file_ids) for group in groups} == {15}


def album_files() -> st.SearchStrategy[list[AlbumFile]]:
    one = st.builds(
        file,
        artist=st.sampled_from(["A", "a", "B", "C", "A; B", "C; A", "Unknown Artist"]),
        track=st.none() | st.integers(1, 4),
        album=st.sampled_from(["Hits", "hits", "HITS", "Live", None]),
        by=st.sampled_from(["", "", "", "A", "a", "B", "VA"]),
        mbid=st.sampled_from([None, None, ID_A, ID_B]),
        by_mbid=st.sampled_from([None, None, ID_A]),
        musicbrainz_albumid=st.sampled_from([None, None, None, RELEASE_1, RELEASE_2]),
        year=st.sampled_from([None, 1994, 2001]),
        disc_number=st.sampled_from([None, 1, 2]),
        is_compilation=st.sampled_from([False, False, False, True]),
    )
    return st.lists(one, max_size=25)


@settings(max_examples=400)
@given(album_files(), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_every_file_has_its_place(files: list[AlbumFile], rng: random.Random) -> None:
    groups = group_albums(files)
    shuffled = list(files)
    rng.shuffle(shuffled)
    assert group_albums(shuffled) == groups
    placed = [file_id for group in groups for file_id in group.file_ids]
    assert sorted(placed) == sorted(f.file_id for f in files if f.album_key)
    by_id = {f.file_id: f for f in files}
    for group in groups:
        members = [by_id[file_id] for file_id in group.file_ids]
        assert {f.album_key for f in members} == {group.title_key}
        releases = {f.musicbrainz_albumid for f in members} - {None}
        assert releases == ({group.musicbrainz_albumid} if group.musicbrainz_albumid else set())
        assert group.title in {f.album for f in members}
    unnumbered = [g for g in groups if not g.musicbrainz_albumid]
    identities = {(g.title_key, g.artist.musicbrainz_artistid or g.artist.name_key, g.year) for g in unnumbered}
    assert len(identities) == len(unnumbered)
