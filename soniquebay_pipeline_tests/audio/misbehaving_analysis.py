"""An analysis that hangs on one file and kills its process on another, as decoders do."""

from __future__ import annotations

import os
import time

from soniquebay_pipeline.audio import analysis
from soniquebay_pipeline.audio.analysis import TrackFile, warm_up
from soniquebay_pipeline.audio.model import AudioFeatures, Failure

__all__ = ["analyse_track", "warm_up"]


def analyse_track(file: TrackFile) -> AudioFeatures | Failure:
    if file.track.path.endswith("hangs.flac"):
        time.sleep(60)
    if file.track.path.endswith("crashes.flac"):
        os._exit(9)
    return analysis.analyse_track(file)
