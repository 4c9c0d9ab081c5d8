"""What a run rests on, to be cited with it."""

from __future__ import annotations

from collections.abc import Mapping

from agez.surveys.jpas import JPAS
from agez.surveys.paper import PAPER

_ALWAYS = (
    ("The experiment", PAPER.citation),
    ("J-PAS and its bands", JPAS.citation),
    ("CALIFA", "Sánchez et al. 2012, A&A 538, A8; data release 3: Sánchez et al. 2016, A&A 594, A36"),
)
_MOCK = (("Galaxies of the mock survey", "relations measured on the galaxies of eCALIFA, Sánchez et al. 2023"),)
_MILES = (
    ("E-MILES stellar population models", "Vazdekis et al. 2016, MNRAS 463, 3409"),
    ("Padova isochrones", "Girardi et al. 2000, A&AS 141, 371"),
    ("E-MILES files as distributed with pPXF", "Cappellari 2023, MNRAS 526, 3273"),
)
_POPSTAR = (("PopStar stellar population models", "Mollá, García-Vargas & Bressan 2009, MNRAS 398, 451"),)
_LIBRARIES = {
    "numpy": "Harris et al. 2020, Nature 585, 357",
    "scipy": "Virtanen et al. 2020, Nature Methods 17, 261",
    "astropy": "Astropy Collaboration 2022, ApJ 935, 167",
    "jax": "Bradbury et al. 2018, JAX: composable transformations of Python+NumPy programs",
    "matplotlib": "Hunter 2007, Computing in Science & Engineering 9, 90",
    "scikit-learn": "Pedregosa et al. 2011, Journal of Machine Learning Research 12, 2825",
    "lightgbm": "Ke et al. 2017, Advances in Neural Information Processing Systems 30, 3146",
    "optuna": "Akiba et al. 2019, Proceedings of the 25th ACM SIGKDD Conference (KDD), p. 2623",
}


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
    found = list(_ALWAYS)
    if source == "mock":
        found += _MOCK
    if "miles" in templates.lower():
        found += _MILES
    if "popstar" in templates.lower():
        found += _POPSTAR
    return found + [(name, reference) for name, reference in _LIBRARIES.items() if name in versions]
