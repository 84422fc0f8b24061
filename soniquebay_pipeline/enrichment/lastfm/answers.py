"""Reading Last.fm's documents: what they say, checked, and nothing that they do not.

pylast reads single values as well, but gives 0 where there is none and takes the first element of a name
wherever it is (the id of a similar artist for an artist without one); so the children are read here.
Everything is untrusted: texts are bounded, numbers and addresses checked, markup removed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from soniquebay_pipeline.catalog.names import clean_text
from soniquebay_pipeline.enrichment.lastfm.model import Info, Similar, SimilarArtist, WeightedTag

MAX_TAGS = 10
MAX_BIOGRAPHY_CHARS = 20_000
PLACEHOLDER = "2a96cbd8b46e442fc41c2b86b821562f"
"""The picture of a star that Last.fm shows for whoever has no picture."""
_SIZES = ("mega", "extralarge", "large", "medium", "small", "")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_READ_MORE = re.compile(r"\s*Read more (?:about .{0,300}? )?on Last\.fm\s*\.?", re.DOTALL)
_LICENCE = re.compile(r"User-contributed text is available under .{0,400}", re.DOTALL)
_BREAKS = frozenset({"p", "br", "div", "li", "ul", "ol", "h1", "h2", "h3", "tr", "blockquote"})
_SKIPPED = frozenset({"script", "style"})


def info(document: Any, kind: str) -> Info:
    """The ``artist``, ``album`` or ``track`` of the document; ValueError where there is none."""
    node = child(_root(document), kind)
    name = clean_text(content(node, "name") or "") if node is not None else ""
    if node is None or not name:
        raise ValueError(f"no {kind} in the answer")
    numbers = child(node, "stats") or node
    biography, licence = prose(content(child(node, "bio"), "content"))
    return Info(
        name=name,
        artist=name if kind == "artist" else _artist_of(node),
        url=_url(content(node, "url"), "last.fm"),
        listeners=_count(content(numbers, "listeners")),
        playcount=_count(content(numbers, "playcount")),
        tags=_tags(child(node, "toptags") or child(node, "tags")),
        musicbrainz_id=musicbrainz_id(content(node, "mbid")),
        biography=biography,
        biography_licence=licence,
        picture_url=_picture(node),
    )


def similar(document: Any, artists: list[tuple[str | None, float]]) -> Similar:
    """pylast's (name, match) of each similar artist, with the ids that it leaves out; unusable ones are dropped."""
    root = child(_root(document), "similarartists")
    if root is None:
        raise ValueError("no similar artists in the answer")
    ids = [musicbrainz_id(content(node, "mbid")) for node in children(root, "artist")]
    found = [
        SimilarArtist(clean_text(name), float(match), mbid)
        for (name, match), mbid in zip(artists, ids, strict=True)
        if name and clean_text(name) and math.isfinite(match) and 0 <= match <= 1
    ]
    return Similar(clean_text(root.getAttribute("artist")), tuple(found))


def tag(name: str | None, weight: str | None) -> WeightedTag | None:
    """A tag as pylast gives it; None where it has no name."""
    text = clean_text(name or "")[:100]
    number = _count(weight)
    return WeightedTag(text, number if number is not None and number <= 100 else None) if text else None


def musicbrainz_id(text: str | None) -> str | None:
    """The id in lower case, if it is one."""
    text = (text or "").strip().lower()
    return text if _UUID.fullmatch(text) else None


def prose(html: str | None) -> tuple[str | None, str | None]:
    """(text without markup, the licence note that stood at its end)."""
    reader = _Text()
    reader.feed((html or "")[: 5 * MAX_BIOGRAPHY_CHARS])
    reader.close()
    text = _printable("".join(reader.parts))
    note = _LICENCE.search(text)
    licence = " ".join(note[0].split()) if note else None
    if note:
        text = text[: note.start()] + text[note.end() :]
    text = _READ_MORE.sub("", text)
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]
    text = "\n\n".join(part for part in paragraphs if part)[:MAX_BIOGRAPHY_CHARS].rstrip()
    return (text or None), (licence if text else None)


def children(node: Any, name: str) -> Iterator[Any]:
    """Elements of this name directly below the node."""
    for each in node.childNodes:
        if each.nodeType == each.ELEMENT_NODE and each.tagName == name:
            yield each


def child(node: Any, name: str) -> Any | None:
    """The first of them."""
    return next(children(node, name), None) if node is not None else None


def content(node: Any, name: str) -> str | None:
    """The text of the first element of this name directly below the node; None where it is missing or empty."""
    element = child(node, name)
    if element is None:
        return None
    return _text_of(element) or None


def _text_of(element: Any) -> str:
    kinds = (element.TEXT_NODE, element.CDATA_SECTION_NODE)
    return "".join(each.data for each in element.childNodes if each.nodeType in kinds).strip()


def _root(document: Any) -> Any:
    root = document.documentElement
    if root is None or root.tagName != "lfm":
        raise ValueError("not an answer of Last.fm")
    return root


def _artist_of(node: Any) -> str:
    # An album has <artist>Cher</artist>, a track <artist><name>Cher</name> …</artist>.
    return clean_text(content(child(node, "artist"), "name") or content(node, "artist") or "")


def _tags(node: Any | None) -> tuple[WeightedTag, ...]:
    if node is None:
        return ()
    found = (tag(content(each, "name"), content(each, "count")) for each in children(node, "tag"))
    return tuple(each for each in found if each)[:MAX_TAGS]


def _picture(node: Any) -> str | None:
    by_size = {image.getAttribute("size"): image for image in children(node, "image")}
    for size in _SIZES:
        if size in by_size:
            url = _url(_text_of(by_size[size]))
            if url and PLACEHOLDER not in url:
                return url
    return None


def _url(text: str | None, host: str | None = None) -> str | None:
    """An http(s) address of at most 2,000 printable characters, on ``host`` or below it if one is named."""
    text = (text or "").strip()
    if not text or len(text) > 2000 or not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        name = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not name:
        return None
    return text if host is None or name == host or name.endswith("." + host) else None


def _count(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _printable(text: str) -> str:
    text = re.sub(r"[^\S\n]", " ", text)
    return "".join(c for c in text if c == "\n" or c.isprintable())


class _Text(HTMLParser):
    """The text of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._skipping = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _SKIPPED:
            self._skipping += 1
        elif tag in _BREAKS:
            self.parts.append("\n\n" if tag == "p" else "\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED and self._skipping:
            self._skipping -= 1

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self.parts.append(data)
