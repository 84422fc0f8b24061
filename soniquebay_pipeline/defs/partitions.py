"""The partitions of the assets: shards of folders.

One asset-partition costs Dagster 30 to 50 ms of bookkeeping whatever it does, so a library is divided
into a few dozen shards (a hash of the folder), not into folders; see docs/decisions/0002-shards.md.
"""

from __future__ import annotations

import dagster as dg

from soniquebay_pipeline.settings import get_settings


def shard_keys(shards: int) -> list[str]:
    """Partition keys in order: "00", "01" …"""
    width = max(2, len(str(shards - 1)))
    return [f"{shard:0{width}d}" for shard in range(shards)]


def shard_numbers(context: dg.AssetExecutionContext) -> list[int]:
    """The shards of this run, in order."""
    return sorted(int(key) for key in context.partition_keys)


def range_tags(first: str, last: str) -> dict[str, str]:
    """Tags that make one run work over a range of shards."""
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def contiguous(shards: set[int]) -> list[tuple[int, int]]:
    """(first, last) of each unbroken range, in order."""
    ranges: list[tuple[int, int]] = []
    for shard in sorted(shards):
        if ranges and ranges[-1][1] == shard - 1:
            ranges[-1] = (ranges[-1][0], shard)
        else:
            ranges.append((shard, shard))
    return ranges


SHARD_KEYS = shard_keys(get_settings().shards)
SHARDS = dg.StaticPartitionsDefinition(SHARD_KEYS)
