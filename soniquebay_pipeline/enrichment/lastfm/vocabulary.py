"""Which of Last.fm's tags are genres and which are moods.

Listeners tag with anything: "seen live", "00s", "german", "favourites", the name of the artist. Only what is
in these two lists becomes a label; all tags stay in ``lastfm_tags``. The lists are this project's own, made
of common names; docs/lastfm.md explains them and how to add to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from soniquebay_pipeline.catalog.labels import genre_key
from soniquebay_pipeline.enrichment.lastfm.model import WeightedTag

VOCABULARY_VERSION = 1
"""Raise it when a list changes: labels are then made anew from the stored tags, without asking again."""

MIN_WEIGHT = 10
"""Of 100. Below it a tag was given by few, and is as often a joke as a genre."""
MAX_OF_A_KIND = 5


@dataclass(frozen=True, slots=True)
class TagLabel:
    """A tag that is a genre or a mood."""

    kind: str
    """``genre_tag`` or ``mood``."""
    position: int
    name: str
    name_key: str


def labels_of(tags: Sequence[WeightedTag], artist: str) -> list[TagLabel]:
    """Genres and moods among the tags, the heaviest first, at most ``MAX_OF_A_KIND`` of each.

    The artist's own name is none: an artist called Trance is no reason to call the music so.
    """
    own = genre_key(artist)
    found: dict[str, dict[str, str]] = {"genre_tag": {}, "mood": {}}
    for tag in tags:
        key = genre_key(tag.name)
        if key == own or (tag.weight is not None and tag.weight < MIN_WEIGHT):
            continue
        for kind, names in (("genre_tag", GENRES), ("mood", MOODS)):
            if key in names and len(found[kind]) < MAX_OF_A_KIND:
                found[kind].setdefault(genre_key(names[key]), names[key])
    return [
        TagLabel(kind, position, name, key)
        for kind, names in found.items()
        for position, (key, name) in enumerate(names.items())
    ]


def _listed(text: str) -> dict[str, str]:
    """Key → name; ``Hip-Hop = hiphop = hip hop music`` gives the first name to each."""
    names: dict[str, str] = {}
    for entry in " ".join(text.split()).split(","):
        spellings = [spelling.strip() for spelling in entry.split("=")]
        names |= {genre_key(spelling): spellings[0] for spelling in spellings if spelling}
    return names


GENRES = _listed(
    """
    Rock = rock music, Classic Rock, Hard Rock, Soft Rock, Alternative = alt, Alternative Rock = alt rock =
    alt-rock, Indie, Indie Rock, Indie Pop, Indie Folk, Indietronica = indie electronic, Art Rock, Glam Rock = glam,
    Garage Rock, Garage, Blues Rock, Folk Rock, Country Rock, Southern Rock, Psychedelic Rock, Psychedelic,
    Psychedelia, Psychedelic Pop, Neo-Psychedelia, Progressive Rock = prog rock = prog = progrock, Progressive,
    Space Rock, Krautrock, Stoner Rock, Stoner, Surf Rock = surf, Rockabilly, Psychobilly, Rock and Roll = rock &
    roll, Arena Rock = aor, Jam Band = jam, Math Rock, Noise Rock, Post-Rock = postrock, Post-Punk = postpunk, Punk,
    Punk Rock, Pop Punk = poppunk, Hardcore Punk, Hardcore, Post-Hardcore, Melodic Hardcore, Ska Punk = ska-punk,
    Folk Punk, Emo, Screamo, Grunge, Britpop, Shoegaze = shoegazing, Dream Pop = dreampop, Slowcore, Sadcore, Noise
    Pop, Jangle Pop, Power Pop, Lo-Fi = lofi, New Wave = newwave, No Wave, Synthpop = synth pop = synth-pop,
    Electropop = electro pop, New Romantic, Gothic = goth, Gothic Rock = goth rock, Darkwave = dark wave, Coldwave =
    cold wave, Deathrock, Industrial, Industrial Rock, Industrial Metal, EBM = electronic body music, Aggrotech,
    Futurepop, Neofolk, Martial Industrial, Metal, Heavy Metal, Thrash Metal = thrash, Death Metal, Melodic Death
    Metal = melodeath, Black Metal, Doom Metal = doom, Power Metal, Speed Metal, Progressive Metal = prog metal,
    Symphonic Metal, Gothic Metal, Folk Metal, Viking Metal, Pagan Metal, Nu Metal = nu-metal = numetal, Alternative
    Metal, Groove Metal, Metalcore, Deathcore, Grindcore, Sludge = sludge metal, Stoner Metal, Post-Metal, Djent,
    Glam Metal = hair metal, NWOBHM = new wave of british heavy metal, Rap Metal, Rapcore, Crossover, Technical
    Death Metal, Brutal Death Metal, Atmospheric Black Metal, Blackgaze, Drone Metal, Avant-Garde Metal, Pop, Pop
    Rock, Dance Pop = dance-pop, Teen Pop, Chamber Pop, Baroque Pop, Art Pop, Sunshine Pop, Bubblegum = bubblegum
    pop, Europop, Hyperpop, K-Pop = kpop, J-Pop = jpop, J-Rock = jrock, Visual Kei, City Pop, Mandopop, Cantopop,
    Schlager, Chanson, French Pop, Singer-Songwriter = singer/songwriter = singersongwriter, Vocal, A Cappella =
    acapella, Easy Listening, Lounge, Exotica, Adult Contemporary, Ballad = ballads, Musical = musicals = showtunes,
    Swing, Big Band, Crooner, Doo-Wop = doo wop, Electronic = electronica = electronic music, Electro, Dance, EDM =
    electronic dance music, House, Deep House, Progressive House, Tech House, Electro House, Acid House, French
    House, Chicago House, Future House, Tropical House, Funky House, Vocal House, Techno, Minimal Techno, Detroit
    Techno, Minimal, Trance, Progressive Trance, Vocal Trance, Psytrance = psychedelic trance, Goa = goa trance,
    Hardstyle, Gabber = gabba, Happy Hardcore, Hard Trance, Eurodance, Italo Disco = italo-disco, Hi-NRG, Drum and
    Bass = drum & bass = drum n bass = dnb, Liquid Funk, Neurofunk, Jungle, Breakbeat, Breakcore, Breaks, Big Beat,
    Dubstep, Brostep, UK Garage = 2-step, Grime, Future Bass, Bassline, Footwork = juke, Trap, Glitch, Glitch Hop =
    glitch-hop, Wonky, IDM = intelligent dance music, Downtempo = downbeat, Chillout = chill out = chill-out,
    Chillwave, Trip-Hop = triphop, Nu Jazz = nujazz, Acid Jazz, Electro Swing = electroswing, Electroclash,
    Synthwave = retrowave, Vaporwave, Witch House, Ambient, Dark Ambient, Drone, Space Ambient, Ambient Techno,
    Field Recordings, New Age, Noise, Harsh Noise, Power Electronics, Experimental, Avant-Garde = avantgarde,
    Musique Concrete = musique concrète, Electroacoustic, Sound Art, Plunderphonics, Chiptune = chiptunes = 8-bit =
    8bit, Turntablism, Hip-Hop = hiphop = hip hop music, Rap, Underground Hip-Hop, Alternative Hip-Hop, Conscious
    Hip-Hop = conscious rap, Gangsta Rap = gangsta, East Coast Rap = east coast hip hop, West Coast Rap = west coast
    hip hop, Southern Rap = dirty south, Instrumental Hip-Hop, Jazz Rap = jazz hop, Boom Bap, Cloud Rap, Crunk,
    Horrorcore, Drill, Abstract Hip-Hop, Lo-Fi Hip-Hop, Beats, Phonk, Emo Rap, R&B = rnb = rhythm and blues,
    Contemporary R&B, Alternative R&B, Soul, Neo-Soul = neosoul, Northern Soul, Southern Soul, Motown, Funk, P-Funk,
    Jazz Funk = jazz-funk, Disco, Nu Disco = nu-disco, Boogie, Quiet Storm, New Jack Swing, Gospel, Blue-Eyed Soul =
    blue eyed soul, Jazz, Bebop, Hard Bop, Cool Jazz, Modal Jazz, Free Jazz, Jazz Fusion = fusion = jazz-rock = jazz
    rock, Latin Jazz, Smooth Jazz, Vocal Jazz, Gypsy Jazz = gypsy swing = jazz manouche, Dixieland, Ragtime,
    Contemporary Jazz, Spiritual Jazz, Free Improvisation, Dark Jazz, Blues, Delta Blues, Chicago Blues, Electric
    Blues, Country Blues, Acoustic Blues, Boogie Woogie, Country, Alt-Country = alt country = alternative country,
    Outlaw Country, Americana, Bluegrass, Honky Tonk, Western Swing, Country Pop, Folk, Traditional Folk,
    Contemporary Folk, Psychedelic Folk, Freak Folk, Anti-Folk = antifolk, Acoustic, Celtic, Irish Folk, Nordic
    Folk, Medieval = mediaeval, Sea Shanty = sea shanties, Klezmer, Balkan, Polka, Flamenco, Fado, Tango, Cumbia,
    Salsa, Merengue, Bachata, Mambo, Bolero, Rumba, Son Cubano, Latin, Latin Pop, Rock en Español = rock en espanol,
    Reggaeton, Mariachi, Ranchera, Norteño = norteno, Bossa Nova, Samba, MPB, Tropicália = tropicalia, Forró =
    forro, Baile Funk = funk carioca, Choro, Reggae, Roots Reggae, Dub, Dancehall, Ska, Rocksteady, Lovers Rock,
    Two-Tone = 2 tone = two tone, Ragga, Calypso, Soca, Zouk, Kizomba, Afrobeat, Afrobeats, Afropop, Highlife,
    Soukous, Desert Blues, Raï = rai, Gnawa, Qawwali, Bollywood, Bhangra, Raga = hindustani, Gamelan, Enka, Throat
    Singing, World = world music, Worldbeat, Ethnic, Classical = classical music, Baroque, Renaissance, Early Music,
    Romantic Era, Contemporary Classical = modern classical, Neoclassical = neo-classical, Minimalism, Opera,
    Choral, Chamber Music, Symphony = symphonic, Orchestral, Piano, Solo Piano, Gregorian Chant, Organ,
    Impressionism, Soundtrack = ost, Film Score = score, Video Game Music = vgm = game soundtrack, Anime, Library
    Music, Comedy, Parody, Spoken Word, Poetry, Stand-Up = stand-up comedy, Audiobook = audiobooks, Children's Music
    = children = kids, Christmas = xmas = christmas music, Christian = christian music, Christian Rock, Contemporary
    Christian = ccm, Worship, Instrumental, Instrumental Rock, Post-Minimalism, Dungeon Synth
    """
)

MOODS = _listed(
    """
    Aggressive, Angry = anger, Angsty = angst, Anthemic = anthem, Anxious, Atmospheric, Beautiful = beauty,
    Bittersweet, Bleak, Bouncy, Brooding, Calm = calming, Carefree, Catchy, Cathartic, Celebratory, Cheerful, Chill
    = chilled, Cold, Contemplative, Cosy = cozy, Cute, Dark, Depressing = depressed = depression, Desperate =
    despair, Dramatic, Dreamy = dreamlike, Driving, Dystopian, Eerie, Elegant, Emotional, Empowering, Energetic =
    energy = high energy, Epic, Ethereal, Euphoric, Feel Good = feelgood = feel good music, Fierce, Fun = funny,
    Gentle, Gloomy, Groovy, Haunting = haunted, Happy = happiness, Heartbreak = heartbroken, Heavy, Hopeful,
    Humorous, Hypnotic, Inspiring = inspirational, Intense, Intimate, Introspective, Ironic, Joyful = joy, Laid-Back
    = laid back, Lonely = loneliness, Longing, Love = love songs, Lush, Magical, Manic, Mechanical, Meditative =
    meditation, Melancholic = melancholy = melancholia, Mellow, Menacing, Minimalistic, Moody, Motivational,
    Mournful, Mysterious = mystery, Mystical, Nocturnal = late night = night, Nostalgic = nostalgia, Optimistic,
    Ominous, Party, Passionate, Pastoral, Peaceful, Pensive, Playful, Political, Positive, Powerful, Quirky, Raw,
    Rebellious, Reflective, Relaxing = relax = relaxed, Romantic = romance, Sad = sadness, Sarcastic, Scary =
    creepy, Sensual, Sentimental, Serene, Sexy, Sleepy = sleep, Slow, Smooth, Soft, Soothing, Sombre = somber,
    Soulful, Spacey = spacy, Spiritual, Spooky, Strange = weird, Summery = summer, Surreal, Sweet, Tender, Tense,
    Trippy, Triumphant, Uplifting, Upbeat, Urgent, Violent, Warm, Whimsical, Wintry = winter, Wistful
    """
)
