"""The assets, one file each: the listing of this folder is the graph, in foreign-key order.

raw_files → raw_metadata → artists → albums → tracks, and raw_metadata → genres → tracks.
"""
