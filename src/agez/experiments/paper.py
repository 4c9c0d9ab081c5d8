"""The published numbers of Liew-Cain et al. (2021, MNRAS 502, 1355), under the keys of ``summary.json``.

None stands where the paper gives no number.  Where it contradicts itself: Set B's age is 0.16 dex in section 4.3, and
0.14 in the caption of figure 8 and in table 1, which is used here.  The gradients of Set A differ by 0.02 dex/Re in
section 4.2 and figure 7, which is used, and by "0.0" in section 5.  Set B is worse than Set A by factors of about 7
and 8 in section 5, while its own numbers give 4.7 and 5.3 (at 0.16 dex in age, 5.3 and 5.3).  Section 5 uses 21 230
spectra, sections 2.1 and 3.1 use 19 727, of which 75 % are the 14 795 of figure 13; sections 2.2 and 5 speak of 36
bands, two of which section 2.2 leaves out.  Figure 13 has 157 galaxies as 75 % of 190.  The bins of figure 14 are means
in its caption and medians in section 4.6.
"""

from __future__ import annotations

import copy
import json
from importlib.resources import files
from typing import Any

from agez.samples.splits import SplitKind

CITATION = "Liew-Cain et al. (2021), MNRAS 502, 1355"
#: Half of the last of the two decimals that published figures have.
ROUNDING = 0.005
#: sigma_mad of Set B's ages [dex]: caption and table, and text.
SET_B_AGE = (0.14, 0.16)
#: Set B's scatter over Set A's as section 5 says it.
FACTORS_OF_SECTION_5 = {"age": 7.0, "metallicity": 8.0}
#: The two sets: how each deals spectra into folds.
SETS: dict[str, SplitKind] = {"set_a": "within", "set_b": "by-galaxy"}


def set_title(name: str) -> str:
    """``Set A`` of ``set_a``."""
    return name.replace("_", " ").title()


_PAPER: dict[str, Any] = json.loads((files("agez") / "experiments/data/paper.json").read_text(encoding="utf-8"))
#: Table 1: sigma_mad [dex] of networks trained on galaxies of one morphology and applied to another.
TABLE_1: dict[str, dict[str, float]] = _PAPER["table_1"]


def published() -> dict[str, Any]:
    """The ``paper`` block of ``summary.json``: a fresh copy."""
    return copy.deepcopy(_PAPER["summary"])
