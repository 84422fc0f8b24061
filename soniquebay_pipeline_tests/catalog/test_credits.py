"""Credits: whose names a tag holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soniquebay_pipeline.catalog.credits import album_credits, artist_credits, role_credits
from soniquebay_pipeline.catalog.model import Credit
from soniquebay_pipeline.catalog.names import VARIOUS_ARTISTS_MBID, VARIOUS_ARTISTS_NAME, clean_text, name_key
from soniquebay_pipeline_tests.catalog.test_names import ANY_TEXT

ID_A = "0383dadf-2a4e-4d10-a46a-e9e041da8eb3"
ID_B = "5b11f4ce-a62d-471e-81fc-a69a8278c7da"
ID_C = "f27ec8db-af05-4f36-916e-3d57f91ecf5e"


def brief(credits: list[Credit]) -> tuple[list[str], list[str]]:
    """Names of the main and of the featured credits."""
    mains = [credit.name for credit in credits if credit.role == "main"]
    return mains, [credit.name for credit in credits if credit.role == "featured"]


@pytest.mark.parametrize(
    ("artist", "mains", "featured"),
    [
        ("A", ["A"], []),
        ("Queen; David Bowie", ["Queen", "David Bowie"], []),
        ("Queen;David Bowie", ["Queen", "David Bowie"], []),
        ("Queen\x00David Bowie", ["Queen", "David Bowie"], []),
        ("Queen / David Bowie", ["Queen", "David Bowie"], []),
        ("Jay-Z feat. Alicia Keys", ["Jay-Z"], ["Alicia Keys"]),
        ("Jay-Z Feat Alicia Keys", ["Jay-Z"], ["Alicia Keys"]),
        ("Jay-Z ft Alicia Keys", ["Jay-Z"], ["Alicia Keys"]),
        ("Jay-Z FT. Alicia Keys", ["Jay-Z"], ["Alicia Keys"]),
        ("Jay-Z feat.Alicia Keys", ["Jay-Z"], ["Alicia Keys"]),
        ("Jay-Z, featuring Alicia Keys", ["Jay-Z"], ["Alicia Keys"]),
        ("Jay-Z (feat. Alicia Keys)", ["Jay-Z"], ["Alicia Keys"]),
        ("Jay-Z [Ft. Alicia Keys]", ["Jay-Z"], ["Alicia Keys"]),
        ("Jay-Z (with Alicia Keys)", ["Jay-Z"], ["Alicia Keys"]),
        ("Jay-Z with Alicia Keys", ["Jay-Z with Alicia Keys"], []),
        ("Santana feat. Rob Thomas; Dave Matthews", ["Santana"], ["Rob Thomas", "Dave Matthews"]),
        ("A; B feat. C", ["A", "B"], ["C"]),
        ("A feat. B ft. C", ["A"], ["B", "C"]),
        ("A feat. B, C", ["A"], ["B", "C"]),
        ("A feat. B, C, D & E", ["A"], ["B", "C", "D & E"]),
        ("A feat. B, C, and D", ["A"], ["B", "C", "D"]),
        ("A feat. B, C & D", ["A"], ["B, C & D"]),
        ("A feat. B & C", ["A"], ["B & C"]),
        ("A feat. Earth, Wind & Fire", ["A"], ["Earth, Wind & Fire"]),
        ("A feat. B, Tyler, The Creator", ["A"], ["B", "Tyler, The Creator"]),
        ("A feat. Sammy Davis, Jr.", ["A"], ["Sammy Davis, Jr."]),
        ("A feat. Crosby, Stills, Nash & Young", ["A"], ["Crosby, Stills, Nash & Young"]),
        ("Little Feat feat. Bonnie Raitt", ["Little Feat"], ["Bonnie Raitt"]),
        ("Little Feat & Friends", ["Little Feat & Friends"], []),
        ("A feat. A", ["A"], []),
    ],
)
def test_artist_texts(artist: str, mains: list[str], featured: list[str]) -> None:
    assert brief(artist_credits([artist], [], [])) == (mains, featured)


WHOLE = [
    "AC/DC",
    "K/DA",
    "Simon & Garfunkel",
    "Earth, Wind & Fire",
    "Crosby, Stills & Nash",
    "Tyler, The Creator",
    "Emerson, Lake & Palmer",
    "Blood, Sweat & Tears",
    "Peter, Paul and Mary",
    "Now, Now",
    "Little Feat",
    "Defeater",
    "FT Island",
    "Featurecast",
    "feat",
    "Feat.",
    "ft.",
    "Florence + the Machine",
    "Does It Offend You, Yeah?",
    "Nick Cave & The Bad Seeds",
    "Angus & Julia Stone",
    "Yusuf / Cat Stevens",
    "Years & Years",
    "SBTRKT",
    "Polo & Pan",
    "KC and the Sunshine Band",
    "Malcolm X",
    "Foo vs. Bar",
    "Charli XCX x Troye",
    "R.E.M.",
    "Fred again..",
    "!!!",
    "Sunn O)))",
    "(Sandy) Alex G",
    "(hed) p.e.",
    "GZA/Genius",
    "30/70",
    "A - B",
    "Left Field & FT Island",
    "Swift",
    "Daft Punk",
    "[feat. nobody]",
    "Marky Mark and the Funky Bunch",
]


@pytest.mark.parametrize("name", WHOLE)
def test_whole_names_stay_whole(name: str) -> None:
    """Peers: K/DA, AC/DC and Simon & Garfunkel were split. LESSONS 11: names were re-cased."""
    assert brief(artist_credits([name], [], [])) == ([name], [])


@given(
    st.lists(
        st.sampled_from([name for name in WHOLE if "eat" not in name and name != "ft."]),
        min_size=1,
        unique_by=name_key,
    )
)
def test_whole_names_stay_whole_among_others(names: list[str]) -> None:
    assert brief(artist_credits(["; ".join(names)], [], [])) == (names, [])


@pytest.mark.parametrize(
    ("title", "featured"),
    [
        ("Song (feat. B)", ["B"]),
        ("Song [Ft. B] (Remix)", ["B"]),
        ("Song (featuring B; C)", ["B", "C"]),
        ("Song feat. B", ["B"]),
        ("Song feat. B (Radio Edit)", ["B"]),
        ("Song feat. B - Radio Edit", ["B"]),
        ("Song (feat. A)", []),
        ("Great Feat", []),
        ("Six Feat Under the Ground", []),
        ("With or Without You (with Strings)", []),
        ("Dancing with Myself", []),
    ],
)
def test_featured_in_title(title: str, featured: list[str]) -> None:
    assert brief(artist_credits(["A"], [], [], title)) == (["A"], featured)


def pairs(credits: list[Credit]) -> list[tuple[str, str, str | None]]:
    return [(credit.role, credit.name, credit.musicbrainz_artistid) for credit in credits]


@pytest.mark.parametrize(
    ("artist", "artists", "mbids", "expected"),
    [
        (["A"], [], [ID_A.upper()], [("main", "A", ID_A)]),
        (["A & B"], ["A", "B"], [ID_A, ID_B], [("main", "A", ID_A), ("main", "B", ID_B)]),
        (["A feat. B"], ["A", "B"], [ID_A, ID_B], [("main", "A", ID_A), ("featured", "B", ID_B)]),
        (["A feat. B"], [], [ID_A, ID_B], [("main", "A", ID_A), ("featured", "B", ID_B)]),
        (["A feat. B"], [], [f"{ID_A}/{ID_B}"], [("main", "A", ID_A), ("featured", "B", ID_B)]),
        (["A feat. B"], [], [f"{ID_A}; {ID_B}"], [("main", "A", ID_A), ("featured", "B", ID_B)]),
        (["A feat. B"], [], [ID_A], [("main", "A", None), ("featured", "B", None)]),
        (["A & B"], [], [ID_A, ID_B], [("main", "A & B", None)]),
        (["A", "B"], [], [ID_A, "no id"], [("main", "A", ID_A), ("main", "B", None)]),
        (["A"], [], ["no id"], [("main", "A", None)]),
        (["A & B"], ["A", "B"], [], [("main", "A", None), ("main", "B", None)]),
        (["A & B"], ["A;B"], [ID_A, ID_B], [("main", "A", ID_A), ("main", "B", ID_B)]),
        (["A & B"], ["X", "Y"], [], [("main", "A & B", None)]),
        (["A feat. B"], ["A"], [ID_A], [("main", "A", ID_A), ("featured", "B", None)]),
        ([], ["A", "B"], [], [("main", "A", None), ("main", "B", None)]),
        (["Air & Fairground"], ["Air"], [], [("main", "Air", None)]),
        (["Fairground"], ["Air"], [], [("main", "Fairground", None)]),
        (["A", "a"], [], [ID_A, ID_B], [("main", "A", ID_A)]),
        ([], [], [ID_A], []),
        (["", " ", "\x00"], [], [], []),
    ],
)
def test_pairing_with_ids(
    artist: list[str], artists: list[str], mbids: list[str], expected: list[tuple[str, str, str | None]]
) -> None:
    """LESSONS 12: artists with a MusicBrainz id keep name and id together."""
    assert pairs(artist_credits(artist, artists, mbids)) == expected


def test_ids_cover_artists_that_are_named_in_the_title_only() -> None:
    credits = artist_credits(["A"], [], [ID_A, ID_B], "Song (feat. B)")
    assert pairs(credits) == [("main", "A", ID_A), ("featured", "B", ID_B)]
    listed = artist_credits(["A"], ["A", "B"], [ID_A, ID_B], "Song (feat. B)")
    assert pairs(listed) == pairs(credits)


@pytest.mark.parametrize(
    ("role", "values", "names"),
    [
        ("composer", ["Bach, Johann Sebastian"], ["Bach, Johann Sebastian"]),
        ("composer", ["Lennon; McCartney", "Lennon"], ["Lennon", "McCartney"]),
        ("composer", ["Lennon/McCartney"], ["Lennon/McCartney"]),
        ("performer", ["Jimi Hendrix (guitar)", "Jimi Hendrix (vocals)"], ["Jimi Hendrix"]),
        ("performer", ["(guitar)"], ["(guitar)"]),
        ("remixer", ["A\x00B"], ["A", "B"]),
        ("lyricist", [], []),
    ],
)
def test_other_roles(role: str, values: list[str], names: list[str]) -> None:
    credits = role_credits(role, values)
    assert [credit.name for credit in credits] == names
    assert [credit.position for credit in credits] == list(range(len(names)))
    assert {credit.role for credit in credits} <= {role}


@pytest.mark.parametrize(
    ("albumartist", "albumartists", "mbids", "expected"),
    [
        (["A"], [], [], [("A", None)]),
        (["A & B"], ["A", "B"], [ID_A, ID_B], [("A", ID_A), ("B", ID_B)]),
        (["A; B"], [], [ID_A, ID_B], [("A", ID_A), ("B", ID_B)]),
        (["V / A"], [], [], [(VARIOUS_ARTISTS_NAME, VARIOUS_ARTISTS_MBID)]),
        (["Diverse"], [], [], [(VARIOUS_ARTISTS_NAME, VARIOUS_ARTISTS_MBID)]),
        (["Sampler"], [], [VARIOUS_ARTISTS_MBID], [(VARIOUS_ARTISTS_NAME, VARIOUS_ARTISTS_MBID)]),
        ([], [], [VARIOUS_ARTISTS_MBID], [(VARIOUS_ARTISTS_NAME, VARIOUS_ARTISTS_MBID)]),
        (["Various"], [], [ID_C], [("Various", ID_C)]),
        ([], [], [], []),
    ],
)
def test_album_artists(
    albumartist: list[str], albumartists: list[str], mbids: list[str], expected: list[tuple[str, str | None]]
) -> None:
    credits = album_credits(albumartist, albumartists, mbids)
    assert [(credit.name, credit.musicbrainz_artistid) for credit in credits] == expected
    assert {credit.role for credit in credits} <= {"album"}


def test_various_as_a_track_artist_is_kept() -> None:
    assert pairs(artist_credits(["Various"], [], [])) == [("main", "Various", None)]
    assert pairs(artist_credits(["VA"], [], [VARIOUS_ARTISTS_MBID])) == [("main", "VA", VARIOUS_ARTISTS_MBID)]


TAG_LIKE = st.lists(
    st.sampled_from(["A", "B", "feat.", "ft", "&", ",", ";", " / ", "(", ")", "and", "Feat", "\x00", ID_A])
)


@given(st.lists(TAG_LIKE), st.lists(TAG_LIKE), st.lists(TAG_LIKE), TAG_LIKE)
def test_credits_of_tag_like_text(
    artist: list[list[str]], artists: list[list[str]], mbids: list[list[str]], title: list[str]
) -> None:
    check([*map(" ".join, artist)], [*map(" ".join, artists)], [*map(" ".join, mbids)], " ".join(title))


@given(st.lists(ANY_TEXT, max_size=3), st.lists(ANY_TEXT, max_size=3), st.lists(ANY_TEXT, max_size=3), ANY_TEXT)
def test_credits_of_any_text(artist: list[str], artists: list[str], mbids: list[str], title: str) -> None:
    check(artist, artists, mbids, title)


def check(artist: list[str], artists: list[str], mbids: list[str], title: str) -> None:
    credits = artist_credits(artist, artists, mbids, title)
    for role in ("main", "featured"):
        of_role = [credit for credit in credits if credit.role == role]
        assert [credit.position for credit in of_role] == list(range(len(of_role)))
    # A name is credited once, main or featured.
    assert len({credit.name_key for credit in credits}) == len(credits)
    for credit in [*credits, *album_credits(artist, artists, mbids), *role_credits("performer", artist)]:
        assert credit.name and credit.name == clean_text(credit.name)
        assert credit.name_key == name_key(credit.name)
