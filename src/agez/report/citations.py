"""What a run rests on, to be cited with it."""

from __future__ import annotations

from collections.abc import Mapping

from agez.report.cells import WORDS
from agez.surveys.jpas import JPAS
from agez.surveys.paper import PAPER


def citations(*, source: str, templates: str, versions: Mapping[str, str]) -> list[tuple[str, str]]:
    """What to cite for a run: (what, reference).

    Parameters
    ----------
    source : str
        ``mock`` or the survey.
    templates : str
        Name of the template library.
    versions : mapping
        Libraries that were used.
    """
    known = WORDS["citations"]
    found = [("The experiment", PAPER.citation), ("J-PAS and its bands", JPAS.citation), *known["always"].items()]
    if source == "mock":
        found += known["mock"].items()
    for word, of_templates in known["templates"].items():
        if word in templates.lower():
            found += of_templates.items()
    return found + [(name, reference) for name, reference in known["libraries"].items() if name in versions]
