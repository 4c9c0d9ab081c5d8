"""Print the modules of agez that one answer of a shipped model loads, with their lines, and the sum.

    python tools/lines_loaded.py [ROWS]

With 20 000 rows and more compiled code answers, where numba is installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import agez
from agez.types import Photometry, Rows


def main() -> None:
    """Answer some rows, and count."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    model = agez.load_model("jpas")
    flux = np.ones((n, len(model.bands)))
    model.predict(Photometry(
        model.bands, flux, 0.02 * flux, flux > 0, Rows.numbered(n), np.full(n, 0.02), np.zeros(n, np.int32)
    ))  # fmt: skip
    total = 0
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if name.split(".")[0] == "agez" and path:
            lines = len(Path(path).read_text(encoding="utf-8").splitlines())
            total += lines
            print(f"{lines:6d} {name}")
    print(f"{total:6d} lines")


if __name__ == "__main__":
    main()
