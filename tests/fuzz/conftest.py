"""The targets and the mutator are modules of this folder, which scripts/fuzz.py imports too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
