"""Pictures: found, checked, stored by their content, and chosen as the covers of tracks, albums and artists.

Here: everything about pictures, whoever offers them. Not here: reading them out of audio files
(``library.tags.pictures``), listing them (``library.picture_files``), asking web services (``enrichment``).
"""
