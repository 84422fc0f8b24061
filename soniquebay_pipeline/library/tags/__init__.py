"""Reading the tags and technical properties of one audio file.

Here: ``read_tags`` and what it returns. One module a tag family holds its mapping table as data.
Not here: what the tags mean (see ``catalog``), which files are read (see ``library``).
"""

from __future__ import annotations

from .model import AudioProperties, TagSet, UnreadableFile
from .reader import read_tags

__all__ = ["AudioProperties", "TagSet", "UnreadableFile", "read_tags"]
