"""For processes of tests that must not write everywhere, as root may."""

from __future__ import annotations

import ctypes


def without_roots_rights():
    """Let root, too, write only where a folder's mode says so; on Linux, before a program begins."""
    capability_bounding_set_drop, dac_override = 24, 1
    ctypes.CDLL(None).prctl(capability_bounding_set_drop, dac_override, 0, 0, 0)
