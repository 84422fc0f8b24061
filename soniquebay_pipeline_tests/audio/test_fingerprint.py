"""AcoustID fingerprints are asked of fpcalc where it is installed, and left out where it is not.

fpcalc is a system program, so its place is taken by one that checks what it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from soniquebay_pipeline.audio.fingerprint import fingerprint, is_available

FPCALC = """#!/bin/sh
[ "$1" = -length ] || exit 1
echo DURATION=60
echo FINGERPRINT=of-$2-seconds
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A PATH with this folder alone."""
    monkeypatch.setenv("PATH", str(tmp_path))
    is_available.cache_clear()
    yield tmp_path
    is_available.cache_clear()


def install(folder: Path, script: str) -> None:
    (folder / "fpcalc").write_text(script)
    (folder / "fpcalc").chmod(0o755)


def test_without_fpcalc_there_is_none(path: Path) -> None:
    assert fingerprint("song.ogg", 60.0) is None


def test_no_more_is_asked_than_the_file_has(path: Path) -> None:
    install(path, FPCALC)
    assert fingerprint("song.ogg", 60.0) == "of-59-seconds"
    assert fingerprint(b"song.ogg", 600.0) == "of-120-seconds"
    assert fingerprint("song.ogg", 1.5) is None


def test_a_file_that_fpcalc_cannot_read_has_none(path: Path) -> None:
    install(path, "#!/bin/sh\nexit 2\n")
    assert fingerprint("song.ogg", 60.0) is None
