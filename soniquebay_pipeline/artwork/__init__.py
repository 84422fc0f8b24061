"""Pictures: finding them in files, beside files and on the web, checking, storing, choosing.

Here: sources, decoding with limits, content-addressed storage, thumbnails, the choice by precedence.
Not here: how web services are asked (``enrichment``), tables (``db``).
"""
