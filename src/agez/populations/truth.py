"""The truth of targets in mock galaxies: how each follows from the history, dust and emission that made the SED."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from agez.arrays import Floats
from agez.errors import AgezError
from agez.populations.history import History
from agez.targets import Target

#: By name of the target.
TRUTHS: Mapping[str, Callable[[History], Floats]] = {
    "log_age_lw": lambda history: history.light_weighted("log_age"),
    "mh_lw": lambda history: history.light_weighted("mh"),
    "redshift_phot": lambda history: history.redshift,
    "av": lambda history: history.av,
    "log_mass": lambda history: history.log_mass(),
    "log_ssfr": lambda history: history.log_ssfr(1e8),
    "log_age_mw": lambda history: history.mass_weighted("log_age"),
    "mh_mw": lambda history: history.mass_weighted("mh"),
    "absmag_r": lambda history: history.rest["r"],
    "ew_ha": lambda history: history.ew_ha,
    "log_mass_formed": lambda history: history.log_mass_formed(),
    "log_sfr_10": lambda history: history.log_ssfr(1e7) + history.log_mass(),
    "log_t50": lambda history: history.log_lookback(0.5),
    "log_t90": lambda history: history.log_lookback(0.9),
    "ew_oiii": lambda history: history.ew_oiii,
    "dn4000": lambda history: history.rest["dn4000"],
    "ur_rest": lambda history: history.rest["u"] - history.rest["r"],
    "gi_rest": lambda history: history.rest["g"] - history.rest["i"],
    "ur_intrinsic": lambda history: history.intrinsic["u"] - history.intrinsic["r"],
    "gi_intrinsic": lambda history: history.intrinsic["g"] - history.intrinsic["i"],
}

#: Targets that need the unit of a library's masses, and the SDSS bands that others need of its spectra.
OF_MASS = ("log_mass", "log_mass_formed", "log_sfr_10")
BANDS_OF: Mapping[str, str] = {
    "absmag_r": "r", "dn4000": "g", "ur_rest": "ur", "ur_intrinsic": "ur", "gi_rest": "gi", "gi_intrinsic": "gi",
}  # fmt: skip


def truths_of(targets: Sequence[Target]) -> list[Callable[[History], Floats]]:
    """The functions of some targets; AgezError if one has none."""
    found = [target.from_history or TRUTHS.get(target.name) for target in targets]
    lacking = [target.name for target, truth in zip(targets, found, strict=True) if truth is None]
    if lacking:
        raise AgezError(
            f"targets {', '.join(lacking)}: their records have no from_history, so mock galaxies no truth of them"
        )
    return [truth for truth in found if truth is not None]
