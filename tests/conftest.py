"""What holds for all tests."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("the same examples each time", derandomize=True)

if os.environ.get("CI"):
    # CI judges a change: an old defect that only new examples find would be held against it.
    settings.load_profile("the same examples each time")
