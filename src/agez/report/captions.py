"""What each figure shows, in words: heading, caption and the text for readers who cannot see it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

#: Figures are keyed by their number in the paper; words stand for what is ours.
FigureKey = int | str


@dataclass(frozen=True)
class Caption:
    """Words of one figure, plain text."""

    title: str
    text: str
    alt: str


def _captions(content: Mapping[str, Mapping[str, Mapping[str, str]]]) -> dict[FigureKey, Caption]:
    """By figure; ``{words}`` of a template are those of the figure that follows it."""
    found: dict[FigureKey, Caption] = {}
    for key, own in content["figures"].items():
        words = content["templates"][own["template"]] if "template" in own else own
        texts = {name: words[name].format(**own) for name in ("title", "text", "alt")}
        found[int(key) if key.isdigit() else key] = Caption(**texts)
    return found


#: In the order of the page.
CAPTIONS = _captions(tomllib.loads((files("agez") / "report/data/captions.toml").read_text(encoding="utf-8")))
