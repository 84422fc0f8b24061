"""The Chromaprint fingerprint of a file, by which AcoustID knows recordings; where ``fpcalc`` is installed.

Here: asking fpcalc through pyacoustid. Not here: looking fingerprints up on the web.
fpcalc decodes the first two minutes itself: pyacoustid takes samples only where the chromaprint library is
installed besides, which few systems have.
"""

from __future__ import annotations

import os
import shutil
from functools import lru_cache

SECONDS = 120
"""The length that AcoustID's own clients send."""


@lru_cache(maxsize=1)
def is_available() -> bool:
    """Whether fpcalc is on the path."""
    return shutil.which("fpcalc") is not None


def fingerprint(path: bytes | str, seconds: float) -> str | None:
    """The fingerprint of the first two minutes of a file of so many seconds.

    None without fpcalc, where it can't read the file, and below two seconds.
    """
    # Asked for more than there is, fpcalc 1.5 prints the fingerprint of a Vorbis file and exits with an error.
    length = min(SECONDS, int(seconds) - 1)
    if length < 1 or not is_available():
        return None
    import acoustid

    try:
        _, value = acoustid.fingerprint_file(os.fsdecode(path), maxlength=length, force_fpcalc=True)
    except acoustid.FingerprintGenerationError:
        return None
    return str(value.decode() if isinstance(value, bytes) else value)
