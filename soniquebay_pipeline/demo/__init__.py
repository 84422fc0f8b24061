"""A generated music library with known truth, for trying the pipeline without one's own music.

Here: making the library (``build``). Not here: reading it, or judging what the pipeline made of it.
"""

from __future__ import annotations

from soniquebay_pipeline.demo.build import build_demo_library
from soniquebay_pipeline.demo.truth import DemoReject, DemoTrack, DemoTruth

__all__ = ["DemoReject", "DemoTrack", "DemoTruth", "build_demo_library"]
