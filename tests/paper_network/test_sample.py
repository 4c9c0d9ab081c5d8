"""Joining and the sample's file."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from made_up_sample import made_up_sample

from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.label_types import Galaxies, Labels, Truth
from agez.samples.sample import make_sample, read_galaxies, read_sample, write_galaxies, write_sample


@pytest.fixture(scope="module")
def sample():
    return made_up_sample(60, n_galaxies=6)


def test_join_is_by_name_and_keeps_the_order_of_the_photometry(sample, rng):
    shuffle = rng.permutation(60)
    got = make_sample(sample.photometry.take(slice(0, 50)), sample.labels.take(shuffle), sample.galaxies)
    assert got.rows.spec_id.tolist() == sample.rows.spec_id[:50].tolist()
    np.testing.assert_array_equal(got.labels.log_age_lw, sample.labels.log_age_lw[:50])
    assert got.meta["unmatched_labels"] == 10
    assert got.meta["unmatched_photometry"] == 0


def test_same_spec_id_in_two_galaxies_is_two_rows(sample):
    rows = replace(sample.rows, spec_id=np.array([str(i % 10) for i in range(60)]))
    got = make_sample(replace(sample.photometry, rows=rows), replace(sample.labels, rows=rows), sample.galaxies)
    np.testing.assert_array_equal(got.labels.mh_lw, sample.labels.mh_lw)


def test_bad_rows_are_rejected_and_counted(sample):
    chi2, age, flux = sample.labels.chi2.copy(), sample.labels.log_age_lw.copy(), sample.photometry.flux.copy()
    chi2[:3], age[3:5], flux[5] = 2.1, np.nan, np.nan
    photometry = replace(sample.photometry, flux=flux, covered=np.isfinite(flux))
    got = make_sample(
        photometry, replace(sample.labels, chi2=chi2, log_age_lw=age), sample.galaxies, truth=sample.truth
    )
    assert got.rows.spec_id.tolist() == sample.rows.spec_id[6:].tolist()
    np.testing.assert_array_equal(got.truth.mh_mw, sample.truth.mh_mw[6:])
    assert [got.meta[f"rejected_{k}"] for k in ("chi2", "no_label", "no_band")] == [3, 2, 1]


def test_radius_is_face_on(sample):
    galaxies = replace(sample.galaxies, inclination=np.full(6, 60.0), pa=np.zeros(6), re_arcsec=np.full(6, 2.0))
    got = make_sample(sample.photometry, sample.labels, galaxies)
    np.testing.assert_allclose(got.r_re, np.hypot(got.rows.y, got.rows.x / 0.5) / 2.0)


def test_without_geometry_rows_are_flagged(sample):
    got = make_sample(sample.photometry, sample.labels)
    assert np.isnan(got.r_re).all()
    assert has_flag(got.photometry.flags, Flag.NO_GEOMETRY).all()
    some = make_sample(sample.photometry, sample.labels, sample.galaxies.take(slice(1, 6)))
    np.testing.assert_array_equal(np.isnan(some.r_re), sample.rows.galaxy_id == sample.galaxies.galaxy_id[0])
    edge_on = replace(sample.galaxies, inclination=np.full(6, 90.0), re_arcsec=np.zeros(6))
    assert np.isnan(make_sample(sample.photometry, sample.labels, edge_on).r_re).all()


def test_what_cannot_be_joined_is_refused(sample):
    other = replace(sample.labels, rows=replace(sample.rows, galaxy_id=np.full(60, "elsewhere")))
    with pytest.raises(AgezError, match=r"no \(galaxy_id, spec_id\) is in both"):
        make_sample(sample.photometry, other)
    with pytest.raises(AgezError, match="occurs twice"):
        make_sample(sample.photometry.take([0, 0]), sample.labels)
    with pytest.raises(AgezError, match="none is left"):
        make_sample(sample.photometry, replace(sample.labels, chi2=np.full(60, 9.0)))
    with pytest.raises(AgezError, match="row by row"):
        make_sample(sample.photometry, sample.labels, truth=sample.truth.take(slice(0, 3)))


def test_file_gives_back_the_same_sample(sample, tmp_path):
    path = tmp_path / "sample.fits"
    write_sample(path, sample)
    back = read_sample(path)
    assert back.photometry.bands == sample.photometry.bands
    for name in ("flux", "flux_err", "covered", "redshift", "flags"):
        np.testing.assert_array_equal(getattr(back.photometry, name), getattr(sample.photometry, name))
    for name in Labels.column_names():
        np.testing.assert_array_equal(getattr(back.labels, name), getattr(sample.labels, name))
    for name in Truth._row_fields:
        np.testing.assert_array_equal(getattr(back.truth, name), getattr(sample.truth, name))
    for name in Galaxies._row_fields:
        np.testing.assert_array_equal(getattr(back.galaxies, name), getattr(sample.galaxies, name))
    np.testing.assert_array_equal(back.r_re, sample.r_re)
    assert back.meta == sample.meta
    assert back.labels.meta == sample.labels.meta
    with fits.open(path) as hdus:
        spectra = hdus["SPECTRA"]
        assert {"galaxy_id", "spec_id", "x", "y", "r_re", "flux", "chi2", "true_log_age_lw", "flags"} <= set(
            spectra.data.names
        )
        assert spectra.columns["flux"].unit == "uJy"
        assert spectra.columns["x"].unit == "arcsec"
        assert spectra.data["flux"].shape == (60, len(sample.photometry.bands))
        assert hdus["BANDS"].data.names == ["name", "pivot", "fwhm"]


def test_damaged_and_foreign_files_are_refused(sample, tmp_path):
    path = tmp_path / "sample.fits"
    write_sample(path, sample)
    content = path.read_bytes()
    (tmp_path / "short.fits").write_bytes(content[: len(content) // 3])
    (tmp_path / "text.fits").write_text("hello")
    Table({"a": [1]}).write(tmp_path / "other.fits")
    newer = content.replace(b"agez.sample/1", b"agez.sample/9")
    (tmp_path / "newer.fits").write_bytes(newer)
    for name, words in (("short", "cut short|no table"), ("text", "FITS"), ("other", "no table SPECTRA"),
                        ("newer", "newer agez"), ("none", "no such file")):  # fmt: skip
        with pytest.raises(AgezError, match=words):
            read_sample(tmp_path / f"{name}.fits")


@pytest.mark.parametrize("extension", ["fits", "ecsv", "csv", "parquet"])
def test_galaxy_table_round_trip(sample, tmp_path, extension):
    galaxies = replace(sample.galaxies, log_mass=np.array([np.nan, 10, 11, 9, 10, 10.5]),
                       galaxy_id=np.array(["007", "b", "c", "d", "e", "f"]))  # fmt: skip
    path = tmp_path / f"galaxies.{extension}"
    write_galaxies(path, galaxies)
    back = read_galaxies(path)
    for name in Galaxies._row_fields:
        np.testing.assert_array_equal(getattr(back, name), getattr(galaxies, name), err_msg=name)


def test_galaxy_table_with_few_columns(tmp_path):
    (tmp_path / "g.csv").write_text("galaxy_id,re_arcsec,pa\n012,3.5,\nB,,10\n")
    got = read_galaxies(tmp_path / "g.csv")
    assert got.galaxy_id.tolist() == ["012", "B"]
    np.testing.assert_array_equal(got.re_arcsec, [3.5, np.nan])
    assert np.isnan(got.log_mass).all()
    assert got.morphology.tolist() == ["", ""]
    (tmp_path / "bad.csv").write_text("title,re_arcsec\nA,3\n")
    with pytest.raises(AgezError, match="no column galaxy_id"):
        read_galaxies(tmp_path / "bad.csv")
    (tmp_path / "text.csv").write_text("galaxy_id,re_arcsec\nA,wide\n")
    with pytest.raises(AgezError, match="column re_arcsec, row 1 is 'wide'; expected a number"):
        read_galaxies(tmp_path / "text.csv")


def test_morphologies_are_early_late_or_unknown(tmp_path):
    (tmp_path / "g.csv").write_text("galaxy_id,morphology\nA,Early\nB,LATE\nC,\nD,unknown\n")
    assert read_galaxies(tmp_path / "g.csv").morphology.tolist() == ["early", "late", "", ""]
    (tmp_path / "bad.csv").write_text("galaxy_id,morphology\nA,early\nB,Sbc\n")
    with pytest.raises(AgezError, match="column morphology, row 2 is 'Sbc'; expected early, late"):
        read_galaxies(tmp_path / "bad.csv")


def test_errors_of_redshifts_stay_with_the_sample(tmp_path):
    plain = made_up_sample(4)
    errors = np.where(np.arange(len(plain)) % 2, 0.01, np.nan)
    sample = replace(plain, photometry=replace(plain.photometry, redshift_err=errors))
    write_sample(tmp_path / "sample.fits", sample)
    assert np.array_equal(read_sample(tmp_path / "sample.fits").photometry.redshift_err, errors, equal_nan=True)
    write_sample(tmp_path / "plain.fits", plain)
    assert np.isnan(read_sample(tmp_path / "plain.fits").photometry.redshift_err).all()
    again = make_sample(sample.photometry, sample.labels, sample.galaxies)
    assert np.array_equal(again.photometry.redshift_err, errors, equal_nan=True)


def test_survey_codes_are_no_labels_and_no_galaxies(tmp_path):
    """-99 as an age, an inclination or a position angle is none; 99 degrees and 99 arcsec are what they say."""
    from agez.spectra.label_files import read_labels, write_labels

    sample = made_up_sample(12, n_galaxies=4)
    age, mh = sample.labels.log_age_lw.copy(), sample.labels.mh_lw.copy()
    age[0], mh[1], age[2], age[3] = -99.0, 99.0, 9999.0, -999.0
    write_labels(tmp_path / "l.fits", replace(sample.labels, log_age_lw=age, mh_lw=mh))
    labels = read_labels(tmp_path / "l.fits")
    assert np.isnan(labels.log_age_lw).tolist() == [True, False, True, True] + [False] * 8
    assert np.isnan(labels.mh_lw).tolist() == [False, True] + [False] * 10
    galaxies = Table({"galaxy_id": ["A", "B", "C"], "inclination": [-99.0, 40.0, 99.0], "pa": [99.0, -999.0, 9999.0],
                      "re_arcsec": [99.0, 10.0, -99.0], "redshift": [-99.0, 0.01, 99.0]})  # fmt: skip
    galaxies.write(tmp_path / "g.ecsv")
    read = read_galaxies(tmp_path / "g.ecsv")
    assert np.isnan(read.inclination).tolist() == [True, False, True]
    assert np.isnan(read.pa).tolist() == [False, True, True]
    assert np.isnan(read.redshift).tolist() == [True, False, True]
    assert read.re_arcsec[:2].tolist() == [99.0, 10.0]
