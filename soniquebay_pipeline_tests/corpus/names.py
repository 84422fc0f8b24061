"""Invented names of artists, albums, tracks and genres, and ways of spelling the same name.

Here: names and their normal form as the rules of the truth state it (written anew, not imported from
the pipeline: a truth that calls the code under test proves nothing). Not here: who credits whom
(``large_plan``).
"""

from __future__ import annotations

import random
import re
import unicodedata

DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ADJECTIVES = _words(
    "Amber Ashen Autumn Bitter Blue Brass Broken Burning Cedar Cobalt Copper Crimson Crystal Distant "
    "Drifting Electric Empty Feral Frozen Gilded Golden Granite Hollow Humble Iron Ivory Jade Last "
    "Lonely Lunar Marble Midnight Neon Northern Paper Plastic Quiet Restless Rusted Sacred Scarlet "
    "Secret Silent Silver Sleeping Solar Southern Static Tender Velvet Violet Wandering Weathered "
    "Wild Winter Wooden"
)
NOUNS = _words(
    "Anchor Archive Arrow Avenue Beacon Bridge Canyon Carousel Castle Chapel Circuit Comet Compass "
    "Coast Delta Dune Echo Ember Engine Falcon Field Forest Fountain Garden Ghost Harbor Heron "
    "Horizon Island Kettle Lantern Lighthouse Machine Meadow Meridian Mirror Monument Motel Mountain "
    "Ocean Orchard Parade Pilot Prairie Radio Raven River Satellite Season Shadow Signal Sparrow "
    "Station Temple Thunder Tiger Tower Valley Wolf"
)
FIRST = _words(
    "Ada Bruno Carla Dario Elif Farid Greta Hugo Ines Jonas Kaya Leif Mara Nils Olga Pavel Quinn "
    "Rosa Stellan Tove Ulla Vera Wim Yara Zeno Andr\xe9 Bj\xf8rn Chlo\xe9 J\xfcrgen Zo\xeb"
)
LAST = _words(
    "Abara Brandt Castell Dahl Ekman Ferro Grau Holm Iversen Juna Kessler Lind Moreau Novak Okoye "
    "Pires Quist Rossi Sandoval Thorne Ueda Vance Winther Yilmaz Zeller M\xfcller Pe\xf1a "
    "Fran\xe7ois"
)
GENRES = _words(
    "Rock Pop Jazz Blues Folk Soul Funk Reggae Electronic Ambient Techno House Trance Metal Punk "
    "Grunge Indie Classical Opera Country Gospel Ska Disco Dub Shoegaze Krautrock Americana Flamenco "
    "Hip-Hop Lo-Fi"
)


def normal_form(text: str) -> str:
    """NFKC, case-folded, dashes all the hyphen-minus, white space single."""
    text = DASHES.sub("-", unicodedata.normalize("NFKC", text)).casefold()
    return " ".join(unicodedata.normalize("NFKC", text).split())


def looks(text: str) -> str:
    """Letters and digits only, without a leading article: names alike in this are too alike to be two."""
    return re.sub(r"^the ", "", normal_form(text)).translate({ord(c): None for c in " -./&'_"})


class NameMaker:
    """Artist names, none of which could be taken for another one."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"names-{seed}")
        self._taken: set[str] = set()

    def artist(self) -> str:
        for attempt in range(1000):
            name = self._candidate()
            if attempt >= 50:  # the short patterns run out first
                name = f"{name} {attempt}"
            if looks(name) not in self._taken:
                self._taken.add(looks(name))
                return name
        raise RuntimeError("no name left")

    def _candidate(self) -> str:
        rng = self._rng
        adjective, noun = rng.choice(ADJECTIVES), rng.choice(NOUNS)
        person = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
        capitals = [rng.choice("ABCDEFGHJKLMNOPRSTUVXYZ") for _ in range(4)]
        patterns = (
            (24, f"{adjective} {noun}"),
            (12, f"The {adjective} {noun}"),
            (8, f"{adjective}-{noun}"),
            (24, person),
            (8, f"{person.split()[0]} & the {noun}s"),
            (3, ".".join(capitals[:3]) + "."),
            (2, f"{capitals[0]}/{''.join(capitals[1:])}"),
        )
        return rng.choices([name for _, name in patterns], [weight for weight, _ in patterns])[0]


def track_title(rng: random.Random) -> str:
    adjective, noun, other = rng.choice(ADJECTIVES), rng.choice(NOUNS), rng.choice(NOUNS)
    plain = (f"{adjective} {noun}", f"The {noun}", f"My {noun}")
    return rng.choice((*plain, f"{noun} of the {other}", f"{adjective} {noun}s?"))


def album_title(rng: random.Random) -> str:
    adjective, noun, other = rng.choice(ADJECTIVES), rng.choice(NOUNS), rng.choice(NOUNS)
    plain = (f"{adjective} {noun}s", f"Songs from the {adjective} {noun}")
    return rng.choice((*plain, f"{noun} & {other}", f"{noun}: {other}"))


def other_spelling(name: str, rng: random.Random) -> str:
    """Another spelling with the same normal form."""
    ways = [name.upper(), name.lower(), name.replace(" ", "  "), unicodedata.normalize("NFD", name)]
    ways += [name.replace("-", "\u2010"), name.replace("-", "\u2013")]
    different = [way for way in ways if way != name and normal_form(way) == normal_form(name)]
    return rng.choice(different) if different else name


def genre_values(rng: random.Random, several_values: bool) -> tuple[str, ...]:
    """One to three genres as tags have them: apart, or in one value with a separator, in any case."""
    names = [rng.choice((str, str, str.lower, str.upper))(g) for g in rng.sample(GENRES, rng.randint(1, 3))]
    if several_values and rng.random() < 0.3:
        return tuple(names)
    return (rng.choice(("; ", ";", ", ", "/", " / ")).join(names),)


def genre_keys(values: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of the genres in those values, sorted."""
    return tuple(sorted({normal_form(part) for value in values for part in re.split("[;,/]", value)}))


def file_name(text: str) -> str:
    """The text with what Windows forbids in a name replaced, as taggers do."""
    return re.sub(r'[<>:"/\\|?*]', "_", text)
