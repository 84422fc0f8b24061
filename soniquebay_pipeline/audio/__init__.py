"""What a track sounds like, measured from its samples: tempo, key, loudness, character, timbre.

Here: decoding (``decode``), the mono signal that is analysed (``signal``), the one spectrum that the
features share (``spectra``) and a module a feature. Not here: the database, processes and timeouts,
tags, Dagster. Nothing below imports librosa, scipy or a codec at module level.

The way through::

    with open_audio(path) as audio:
        collector = SignalCollector(audio.format)
        for block in audio:          # float32, (frames, channels), at the file's own rate
            collector.add(block)     # and whatever else wants the full-rate signal, such as loudness
    spectra = compute_spectra(collector.finish())
    tempo, key = analyse_rhythm(spectra), analyse_key(spectra)
"""

from __future__ import annotations
