"""Predicting: each row by itself, bands by name, missing bands, flags, errors that mean what they say."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_sample import made_up_model, made_up_sample

from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.models.predict import predict, predict_spectra
from agez.tables.prediction_files import read_prediction, write_prediction
from agez.targets import PAPER_TARGETS, SHIPPED_TARGETS
from agez.types import Bands, Prediction, Rows, Spectra


@pytest.fixture(scope="module")
def model():
    return made_up_model()


@pytest.fixture(scope="module")
def photometry():
    return made_up_sample(500, n_galaxies=20, seed=11).photometry


def without(photometry, where):
    """The same with the bands of ``where`` (n, b) not observed."""
    keep = photometry.covered & ~where
    return replace(photometry, flux=np.where(keep, photometry.flux, np.nan), covered=keep)


def close(a, b, rtol=1e-5):
    for name in Prediction.required_columns(SHIPPED_TARGETS):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol, atol=1e-5, err_msg=name)


def test_answers_are_near_the_truth_and_intervals_hold(model):
    sample = made_up_sample(3000, n_galaxies=300, seed=12)
    got = predict(model, sample.photometry)
    for target in PAPER_TARGETS:
        label = getattr(sample.labels, target)
        # The intervals were calibrated on 10 other galaxies, from single networks: wide rather than narrow.
        inside = np.mean((label > getattr(got, f"{target}_p16")) & (label < getattr(got, f"{target}_p84")))
        assert 0.6 < inside < 0.85, target
        assert np.std(getattr(got, target) - label) < 0.6 * np.std(label)


def test_a_row_depends_on_itself_alone(model, photometry):
    some = without(photometry, np.random.default_rng(1).random(photometry.flux.shape) < 0.06)
    whole = predict(model, some)
    close(whole, predict(model, some, chunk_rows=7))
    close(whole.take([3, 100, 4]), predict(model, some.take([3, 100, 4])))


def test_bands_are_found_by_name(model, photometry):
    names = photometry.bands.names
    extra = Bands(
        (*names, "Z"), (*photometry.bands.pivot_angstrom, 9e3), (*photometry.bands.fwhm_angstrom, 100.0), "user"
    )
    wide = replace(
        photometry, bands=extra, **{k: np.column_stack([getattr(photometry, k), getattr(photometry, k)[:, 0]])
                                    for k in ("flux", "flux_err", "covered")},
    )  # fmt: skip
    close(predict(model, photometry), predict(model, wide.select_bands(("Z", *names[::-1]))))


def test_scale_does_not_matter(model, photometry):
    close(predict(model, photometry), predict(model, replace(photometry, flux=photometry.flux * 1e5)), rtol=1e-4)


def test_a_missing_band_is_filled_flagged_and_widens_the_error(model, photometry):
    where = np.zeros(photometry.flux.shape, bool)
    where[:100, 1] = True
    full, some = predict(model, photometry), predict(model, without(photometry, where))
    assert has_flag(some.flags[:100], Flag.BAND_FILLED).all()
    assert not has_flag(some.flags[100:], Flag.BAND_FILLED).any()
    for target in PAPER_TARGETS:
        change = getattr(some, target) - getattr(full, target)
        assert np.all(change[100:] == pytest.approx(0, abs=1e-5))
        assert 0 < np.std(change[:100]) < 0.2
        err, err_full = getattr(some, f"{target}_err"), getattr(full, f"{target}_err")
        assert (err[:100] > err_full[:100]).all()
        added = np.sqrt(np.mean(err[:100] ** 2 - err_full[:100] ** 2))
        # That of single networks: their errors cancel in part in the mean.
        assert 0.8 < added / np.sqrt(np.mean(change[:100] ** 2)) < 3


def test_a_band_that_the_whole_table_lacks(model, photometry):
    names = photometry.bands.names
    where = np.zeros(photometry.flux.shape, bool)
    where[:, 4] = True
    close(predict(model, photometry.select_bands(names[:4] + names[5:])), predict(model, without(photometry, where)))
    with pytest.raises(AgezError, match=r"lacks 3 of the model's 12 bands \(B3780, .*at most 2"):
        predict(model, photometry.select_bands(names[3:]))


def test_rows_without_an_answer_are_nan_and_flagged_and_spoil_nothing(model, photometry):
    where = np.zeros(photometry.flux.shape, bool)
    where[0, :3], where[1] = True, True
    bad = without(photometry, where)
    flux, redshift = bad.flux.copy(), bad.redshift.copy()
    flux[2] *= -1
    flux[3] = 0.0
    redshift[4:7] = 0.05, 0.001, np.nan
    got = predict(model, replace(bad, flux=flux, redshift=redshift))
    for row, flag in enumerate(
        [Flag.TOO_FEW_BANDS, Flag.TOO_FEW_BANDS, Flag.NO_DATA, Flag.NO_DATA, Flag.REDSHIFT_OUTSIDE_MODEL]
    ):
        assert has_flag(got.flags[row : row + 1], flag).all()
        for name in Prediction.required_columns(SHIPPED_TARGETS):
            if name != "flags":
                assert np.isnan(getattr(got, name)[row]), (row, name)
    assert has_flag(got.flags[6:7], Flag.REDSHIFT_UNKNOWN).all()
    others = np.r_[5, 7 : len(photometry)]
    close(got.take(others), predict(model, photometry).take(others))


def test_what_lies_outside_is_flagged_and_not_clipped(model, photometry):
    flux = photometry.flux.copy()
    t = np.linspace(-1, 1, flux.shape[1])
    flux[:50] *= np.exp(2.5 * t)
    flux[50:100, 5] *= 1.5
    got = predict(model, replace(photometry, flux=flux))
    assert has_flag(got.flags[:100], Flag.OUT_OF_DISTRIBUTION).mean() > 0.95
    assert has_flag(got.flags[100:], Flag.OUT_OF_DISTRIBUTION).mean() < 0.1
    highest = model.arrays["label_range"][..., 0].max()
    beyond = got.log_age_lw > highest
    assert beyond[:50].any()
    assert has_flag(got.flags[beyond], Flag.OUT_OF_RANGE).all()


def test_noisy_rows_are_flagged_and_unknown_errors_are_not(model, photometry):
    few = photometry.take(slice(0, 3))
    error = few.flux_err.copy()
    error[0] = few.flux[0] / 5
    error[1] = np.nan
    flags = model.predict(replace(few, flux_err=error)).flags
    assert has_flag(flags, Flag.LOW_SNR).tolist() == [True, False, False]


@pytest.mark.parametrize("change", [{"pivot_angstrom": 60.0}, {"fwhm_angstrom": 50.0}])
def test_another_filter_of_the_same_name_is_refused(model, photometry, change):
    """J-PAS, J-PLUS and S-PLUS share names, not filters; curves of the same filters measured twice are fine."""

    def moved(share):
        values = {
            key: tuple(value + share * step if i == 3 else value for i, value in enumerate(getattr(bands, key)))
            for key, step in change.items()
        }
        return replace(photometry, bands=replace(bands, **values))

    bands = photometry.bands
    assert np.isfinite(predict(model, moved(0.05)).log_age_lw).any()
    with pytest.raises(AgezError, match=f"band {bands.names[3]} of the photometry .* is not that of the model"):
        predict(model, moved(1.0))


def test_no_rows(model, photometry):
    assert len(predict(model, photometry.take(slice(0, 0)))) == 0


@pytest.mark.parametrize("extension", ["fits", "ecsv", "csv", "parquet"])
def test_files(model, photometry, tmp_path, extension):
    flux = photometry.flux.copy()
    flux[0] = -1.0
    got = predict(model, replace(photometry, flux=flux))
    path = tmp_path / f"p.{extension}"
    write_prediction(path, got)
    back = read_prediction(path)
    for name in Prediction.required_columns(SHIPPED_TARGETS):
        np.testing.assert_allclose(getattr(back, name), getattr(got, name), rtol=1e-12)
    assert back.rows.spec_id.tolist() == got.rows.spec_id.tolist()
    if extension in ("fits", "ecsv"):
        assert back.meta["ood_threshold"] == pytest.approx(got.meta["ood_threshold"])
        assert back.meta["labels"] == got.meta["labels"]


def test_file_problems(model, photometry, tmp_path):
    with pytest.raises(AgezError, match="unknown kind of table"):
        write_prediction(tmp_path / "p.txt", predict(model, photometry))
    (tmp_path / "p.csv").write_text("id,log_age_lw\n1,9\n")
    with pytest.raises(AgezError, match="not a table that 'agez predict' wrote"):
        read_prediction(tmp_path / "p.csv")


def test_spectra_are_brought_to_rest_first(model):
    """A model of J-PAS bands, given a spectrum and the same spectrum redshifted: the same answer."""
    from agez.photometry.filters import load_filters

    jpas = load_filters("jpas").bands
    names = tuple(f"J0{n}" for n in range(400, 510, 10))
    own = jpas.select((*names, "J0520"))
    header = {**model.header, "bands": {"names": list(own.names), "pivot_angstrom": list(own.pivot_angstrom),
                                        "fwhm_angstrom": list(own.fwhm_angstrom), "filter_set": "jpas"}}  # fmt: skip
    jpas_model = replace(model, header=header)
    wave = np.arange(3500.0, 6500.0, 1.0)
    flux = (1 + 0.3 * np.sin(wave / 150)) * (wave / 5000)
    z = np.array([0.0, 0.03])
    seen = np.array([np.interp(wave / (1 + one), wave, flux) for one in z])
    spectra = Spectra(
        wave, seen, 0.01 * seen, np.zeros(seen.shape, bool), "vacuum", Rows.numbered(2), z,
        np.full(len(wave), 3.0), "1e-16 erg / (s cm2 Angstrom)", np.zeros(2, np.int32),
    )  # fmt: skip
    got = predict_spectra(jpas_model, spectra)
    assert np.isfinite(got.log_age_lw).all()
    assert got.log_age_lw[0] == pytest.approx(got.log_age_lw[1], abs=2e-3)
    assert got.mh_lw[0] == pytest.approx(got.mh_lw[1], abs=2e-3)
