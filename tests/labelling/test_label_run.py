"""Labelling cubes: bins and maps, many at once, failures set aside, and interruptions that leave no trace."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from cli_road import agez, done, refused
from label_cubes import cube_file, fitted_cube

import agez.labelling.label_galaxy as label_galaxy
from agez.labelling.cube_bins import fitted_rows, is_cube, label_name, same_rows
from agez.labelling.label_galaxy import LabelOptions
from agez.labelling.label_parts import has_fingerprint, parts_folder
from agez.labelling.label_run import run_labels
from agez.photometry.tables import read_photometry
from agez.samples.sample import read_sample
from agez.spectra.binning import BinSettings
from agez.spectra.fitting import fit_labels
from agez.spectra.label_files import read_labels
from agez.spectra.readers import read_spectra, write_rss
from agez.spectra.subtraction import subtract_lines
from agez.tables.maps import MapBit
from agez.tables.maps_files import read_maps

TOY = ("--templates", "made-up", "--workers", 1)
CHUNK = 8


@pytest.fixture(scope="module")
def cubes(tmp_path_factory):
    """Three small cubes."""
    folder = tmp_path_factory.mktemp("cubes")
    return [cube_file(folder, seed=seed) for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def whole(cubes, tmp_path_factory):
    """Labels of every spaxel of the first cube, made in one go in chunks of eight."""
    out = tmp_path_factory.mktemp("whole") / "labels.fits"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(label_galaxy.CHUNK, "agez", CHUNK)
        done("label", cubes[0], "-o", out, "--no-bin", *TOY)
    return out


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setitem(label_galaxy.CHUNK, "agez", CHUNK)


@pytest.fixture
def counted(monkeypatch):
    """Rows that were fitted, call by call."""
    calls = []

    def counting(spectra, *arguments, **options):
        calls.append(len(spectra))
        return fit_labels(spectra, *arguments, **options)

    monkeypatch.setattr("agez.spectra.fitting.fit_labels", counting)
    return calls


# ---------------------------------------------------------------- what comes out


def test_labels_of_spaxels_are_fit_labels_of_them(cubes, whole):
    labels, spectra = read_labels(whole), read_spectra(cubes[0])
    images, frame = read_maps(whole)
    assert len(labels) == len(spectra) == 42
    direct = fit_labels(spectra, "made-up")
    y, x = spectra.meta["pixel_y"], spectra.meta["pixel_x"]
    bins = frame.bin_id[y, x]
    assert sorted(bins) == list(range(42))
    for name in ("log_age_lw", "mh_lw", "chi2"):
        np.testing.assert_allclose(getattr(labels, name)[bins], getattr(direct, name), atol=2e-3, rtol=1e-3)
    # chunks of other sizes are summed in another order, in single precision
    off = np.abs(labels.velocity_kms[bins] - direct.velocity_kms) / direct.velocity_kms_err
    assert off.max() < 0.01
    np.testing.assert_allclose(images["LOG_AGE_LW"].values[y, x], labels.log_age_lw[bins], rtol=1e-6)
    np.testing.assert_allclose(labels.rows.x[bins], spectra.rows.x, atol=1e-9)
    assert labels.meta["source"] == cubes[0].name
    assert labels.lines is not None
    assert labels.weights is not None


def test_binned_cube(cubes, tmp_path):
    out = tmp_path / "l.fits"
    answer = done("label", cubes[0], "-o", out, "--bin-snr", 60, "--covariance", "none", *TOY, "--json").json
    labels, (images, frame) = read_labels(out), read_maps(out)
    n = answer["n_spectra"]
    assert 3 < n < 42
    assert (answer["n_fitted"], answer["n_new"], answer["n_files"], answer["problems"]) == (n, n, 1, {})
    assert len(labels) == n == frame.bin_id.max() + 1
    assert labels.meta["binning"]["target_snr"] == 60.0
    assert labels.meta["spatial_covariance"]["name"] == "none"
    table = Table.read(out, hdu="LABELS")
    assert table["n_spaxels"].sum() == (frame.bin_id >= 0).sum()
    velocity = images["STELLAR_VEL"].values
    good = frame.bin_id >= 0
    assert np.corrcoef(np.indices(velocity.shape)[1][good], velocity[good])[0, 1] > 0.8
    with fits.open(out) as hdus, fits.open(cubes[0]) as cube:
        for word in ("CTYPE1", "CRVAL1", "CRVAL2", "CRPIX1", "CD1_1"):
            assert hdus["STELLAR_VEL"].header[word] == pytest.approx(cube[0].header[word])


def test_radii_come_from_the_galaxy_table(cubes, tmp_path):
    Table({"galaxy_id": ["NGC0001"], "re_arcsec": [2.0], "inclination": [0.0], "pa": [0.0]}).write(tmp_path / "g.csv")
    done("label", cubes[0], "-o", tmp_path / "l.fits", "--galaxies", tmp_path / "g.csv", *TOY)
    frame = read_maps(tmp_path / "l.fits")[1]
    np.testing.assert_allclose(frame.ellcoo[0], np.hypot(*frame.offsets), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(frame.ellcoo[1], frame.ellcoo[0] / 2.0, rtol=1e-6)
    done("label", cubes[0], "-o", tmp_path / "l.fits", *TOY)
    assert np.isnan(read_maps(tmp_path / "l.fits")[1].ellcoo).all()


def test_a_star_mask_leaves_spaxels_out(cubes, tmp_path):
    star = np.zeros((6, 7), np.uint8)
    star[0, :3] = 1
    fits.PrimaryHDU(star).writeto(tmp_path / "star.fits")
    done("label", cubes[0], "-o", tmp_path / "l.fits", "--no-bin", "--star-mask", tmp_path / "star.fits", *TOY)
    frame = read_maps(tmp_path / "l.fits")[1]
    assert (frame.bin_id[0, :3] == -1).all()
    assert (frame.bin_id >= 0).sum() == 39
    np.testing.assert_array_equal(frame.stars, star.astype(bool))
    mask = fits.getdata(tmp_path / "l.fits", "STELLAR_VEL_MASK")
    np.testing.assert_array_equal(mask & int(MapBit.FOREGROUND_STAR) > 0, star.astype(bool))


def test_the_same_bins_are_weighted_alike(cubes, tmp_path):
    """Spectra for photometry are to the bit those that were fitted."""
    binning = BinSettings(target_snr=150.0)
    options = LabelOptions(templates="made-up", binning=binning)
    run_labels(cubes[:1], tmp_path / "l.fits", options)
    fitted, frame = fitted_rows(cubes[0], redshift=None, binning=binning)
    assert np.any(frame.spaxels_in_bins(len(fitted)) > 1)
    again, _ = same_rows(cubes[0], tmp_path / "l.fits")
    np.testing.assert_array_equal(again.flux, fitted.flux)
    np.testing.assert_array_equal(again.rows.x, fitted.rows.x)


def test_photometry_of_the_same_bins_joins_with_their_labels(cubes, tmp_path):
    folder = f"{tmp_path}/out/"
    done("label", *cubes[:2], "-o", folder, "--bin-snr", 60, *TOY)
    done("synth", *cubes[:2], "--bins", folder, "-o", tmp_path / "p.fits")
    done("sample", tmp_path / "p.fits", folder, "-o", tmp_path / "s.fits")
    sample, photometry = read_sample(tmp_path / "s.fits"), read_photometry(tmp_path / "p.fits")
    names = [name for cube in cubes[:2] for name in read_labels(Path(folder) / label_name(cube)).rows.spec_id.tolist()]
    assert photometry.rows.spec_id.tolist() == names
    assert len(sample) == len(names)
    first, *others = sorted(Path(folder).glob("*.labels.fits"))
    more = done(
        "sample", tmp_path / "p.fits", first, "--also-labels", *others, "-o", tmp_path / "t.fits", "--json"
    ).json
    assert more["n_spectra"] == len(sample)
    one = done("synth", cubes[0], "--bins", first, "-o", tmp_path / "one.fits", "--json").json
    assert one["n_spectra"] == len(read_labels(first))


def test_bins_of_another_cube_are_refused(cubes, tmp_path):
    done("label", cubes[0], "-o", tmp_path / "l.fits", *TOY)
    out = tmp_path / "p.fits"
    refused("synth", cubes[1], "--bins", tmp_path / "l.fits", "-o", out, says=("l.fits", "NGC0002"), output=out)
    refused("synth", *cubes, "--bins", tmp_path / "l.fits", "-o", out, says="folder", output=out)
    refused("synth", *cubes, "--bins", tmp_path, "-o", out, says="NGC0001.V500.labels.fits", output=out)
    other = cube_file(tmp_path / "other", seed=1, ny=5)
    refused("synth", other, "--bins", tmp_path / "l.fits", "-o", out, says="l.fits", output=out)
    rss = tmp_path / "a.RSS.fits"
    write_rss(rss, fitted_cube(ny=2, nx=2))
    refused("synth", rss, "--bins", tmp_path / "l.fits", "-o", out, says=("l.fits", "a.RSS.fits"), output=out)
    refused("sample", out, tmp_path, "-o", tmp_path / "s.fits", says="labels.fits")


def test_subtracted_spectra_and_figures(cubes, tmp_path):
    out, sub = tmp_path / "l.fits", tmp_path / "sub.RSS.fits"
    done("label", cubes[0], "-o", out, "--bin-snr", 60, "--subtracted", sub, *TOY)
    spectra, labels = read_spectra(sub), read_labels(out)
    assert spectra.rows.spec_id.tolist() == labels.rows.spec_id.tolist()
    bins, _ = same_rows(cubes[0], out)
    np.testing.assert_allclose(spectra.flux, subtract_lines(bins, labels).flux, rtol=1e-5, atol=1e-6)
    assert np.abs(spectra.flux - bins.flux).max() > 0
    # a second time from what is kept, with figures
    answer = done(
        "label", cubes[0], "-o", out, "--bin-snr", 60, "--plots", tmp_path / "p", "--n-plots", 2, *TOY, "--json"
    )
    assert answer.json["n_new"] == 0
    assert len(answer.json["plots"]) == 4
    assert all(Path(path).read_bytes().startswith(b"\x89PNG") for path in answer.json["plots"])


def test_fits_are_kept_when_asked_for(cubes, tmp_path):
    done("label", cubes[0], "-o", tmp_path / "l.fits", "--keep-fits", *TOY)
    labels = read_labels(tmp_path / "l.fits")
    assert labels.fitted is not None
    model = labels.fitted.stars + labels.fitted.gas
    used = labels.fitted.used
    assert np.abs(np.median((labels.fitted.flux - model)[used])) < 0.02


# ---------------------------------------------------------------- many at once


def test_workers_and_order_make_no_difference(cubes, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    done("label", *cubes[:2], "-o", f"{one}/", "--templates", "made-up", "--workers", 1)
    done("label", *reversed(cubes[:2]), "-o", f"{two}/", "--templates", "made-up", "--workers", 2)
    names = [label_name(path) for path in cubes[:2]]
    for folder in (one, two):
        assert sorted(path.name for path in folder.iterdir()) == sorted([*names, "summary.fits"])
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes()


def _hide_redshift(path):
    """Take the redshift out of a cube's header, and what could tell it out of its spectra."""
    with fits.open(path, mode="update") as hdus:
        del hdus[0].header["MED_VEL"]
        hdus[0].data[:] = np.median(hdus[0].data, axis=0)


def test_a_bad_cube_is_set_aside_and_the_others_go_on(cubes, tmp_path):
    bad = tmp_path / "bad.V500.rscube.fits"
    bad.write_bytes(cubes[0].read_bytes()[:40000])
    unknown = tmp_path / "unknown.V500.rscube.fits"
    shutil.copy(cubes[1], unknown)
    _hide_redshift(unknown)
    out = tmp_path / "out"
    answer = agez("label", cubes[0], bad, unknown, cubes[2], "-o", f"{out}/", *TOY, "--json")
    assert answer.status == 1
    assert answer.err.count("\n") == 1
    assert "2 of 4 files were set aside" in answer.err
    assert all(words in answer.err for words in ("bad.V500", "unknown.V500", "--redshift"))
    assert sorted(answer.json["problems"]) == sorted(map(str, (bad, unknown)))
    there = [label_name(cubes[0]), label_name(cubes[2]), "summary.fits"]
    assert sorted(path.name for path in out.iterdir()) == there
    again = agez("label", cubes[0], bad, unknown, cubes[2], "-o", f"{out}/", *TOY, "--json").json
    assert again["n_new"] == 0
    alone = refused("label", unknown, "-o", tmp_path / "u.fits", *TOY, says="--redshift", output=tmp_path / "u.fits")
    assert "set aside" not in alone.err
    done("label", unknown, "-o", tmp_path / "u.fits", "--redshift", 0.01, *TOY)


def test_outputs_that_do_not_fit_the_inputs(cubes, tmp_path):
    out = tmp_path / "l.fits"
    refused("label", *cubes, "-o", out, *TOY, says=("3 of 3 inputs are cubes", f"{tmp_path}/l/"), output=out)
    twin = tmp_path / cubes[0].name
    shutil.copy(cubes[0], twin)
    refused("label", cubes[0], twin, "-o", f"{tmp_path}/o/", *TOY, says="would both be labelled")
    rss = tmp_path / "a.RSS.fits"
    write_rss(rss, fitted_cube(ny=2, nx=2))
    for options in (("--bin-snr", 20), ("--no-bin",), ("--covariance", "none")):
        refused("label", rss, "-o", out, *options, *TOY, says=(options[0], "is for cubes"), output=out)
    for options in (
        ("--no-bin", "--bin-snr", 30),
        ("--covariance", "lots"),
        ("--no-bin", "--covariance", "none"),
        ("--bin-snr", 0, "--covariance", "none"),
        ("--n-plots", 3),
        ("--sky-mask", "x"),
    ):
        refused("label", cubes[0], "-o", out, *options, *TOY, says=options[-2].strip("-").split("-")[0], output=out)
    refused("label", *cubes, "-o", f"{tmp_path}/o/", "--subtracted", tmp_path / "s.fits", *TOY, says="--subtracted")
    refused("label", rss, "-o", out, "--subtracted", rss, *TOY, says="--subtracted", output=out)


def test_row_stacked_spectra_join_in_one_table(tmp_path):
    for seed in (1, 2):
        write_rss(tmp_path / f"{seed}.RSS.fits", fitted_cube(seed=seed, ny=2, nx=3))
    files = sorted(tmp_path.glob("*.RSS.fits"))
    done("label", *files, "-o", tmp_path / "all.fits", *TOY)
    done("label", *files, "-o", f"{tmp_path}/each/", *TOY)
    joined = read_labels(tmp_path / "all.fits")
    parts = [read_labels(tmp_path / "each" / label_name(path)) for path in files]
    np.testing.assert_array_equal(joined.log_age_lw, np.concatenate([part.log_age_lw for part in parts]))
    np.testing.assert_array_equal(joined.lines.flux, np.concatenate([part.lines.flux for part in parts]))
    assert joined.rows.galaxy_id.tolist() == ["NGC0001"] * 6 + ["NGC0002"] * 6
    again = done("label", *files, "-o", tmp_path / "all.fits", *TOY, "--json").json
    assert (again["n_new"], again["n_spectra"]) == (0, 12)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("NGC1.V500.rscube.fits.gz", "NGC1.V500"), ("manga-7443-12703-LOGCUBE.fits.gz", "manga-7443-12703-LOGCUBE"),
        ("M1.V500.RSS.fits", "M1.V500"), ("a.ecsv", "a"), (".fits", ".fits"), ("x", "x"), ("a.b", "a.b"),
    ],
)  # fmt: skip
def test_names_of_label_files(name, stem):
    assert label_name(Path("/some/where") / name) == f"{stem}.labels.fits"


def test_cubes_are_known_by_their_first_headers(cubes, tmp_path):
    assert is_cube(cubes[0])
    assert not is_cube(tmp_path)
    (tmp_path / "words.fits").write_text("words")
    assert not is_cube(tmp_path / "words.fits")
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((2, 2, 2)), name="FLUX")]).writeto(tmp_path / "m.fits")
    assert is_cube(tmp_path / "m.fits")


# ---------------------------------------------------------------- restart


def test_what_is_done_is_not_done_again(cubes, tmp_path, counted):
    out = tmp_path / "l.fits"
    command = ("label", cubes[0], "-o", out, *TOY)
    first, content = done(*command, "--json").json, out.read_bytes()
    assert sum(counted) == first["n_new"] > 0
    counted.clear()
    again = done(*command, "--json").json
    assert (counted, again["n_new"], again["n_spectra"]) == ([], 0, first["n_spectra"])
    assert {k: v for k, v in again.items() if "sec" not in k and k != "n_new"} == {
        k: v for k, v in first.items() if "sec" not in k and k != "n_new"
    }
    assert "earlier run" in done(*command).out
    os.utime(cubes[0])  # touched, but the same
    assert done(*command, "--json").json["n_new"] == 0
    assert done(*command, "--overwrite", "--json").json["n_new"] == first["n_new"]
    assert out.read_bytes() == content


@pytest.mark.slow
def test_other_settings_or_another_input_are_fitted_again(cubes, tmp_path, counted):
    out, cube = tmp_path / "l.fits", tmp_path / cubes[0].name
    shutil.copy(cubes[0], cube)
    done("label", cube, "-o", out, *TOY)
    for options in (("--continuum", "attenuation"), ("--bin-snr", 50), ("--redshift", 0.0101), ("--no-lines",), ()):
        counted.clear()
        done("label", cube, "-o", out, *options, *TOY)
        assert sum(counted) > 0, options
    counted.clear()
    shutil.copy(cubes[1], cube)
    done("label", cube, "-o", out, *TOY)
    assert sum(counted) > 0
    content = bytearray(out.read_bytes())
    counted.clear()
    out.write_bytes(content[: len(content) // 2])
    done("label", cube, "-o", out, *TOY)
    assert sum(counted) > 0
    assert out.read_bytes() == content


_RUN = """
import sys
import agez.labelling.label_galaxy as g
g.CHUNK["agez"] = {chunk}
from agez.cli import main
sys.exit(main(sys.argv[1:]))
"""


def _start(*arguments: object) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", _RUN.format(chunk=CHUNK), *map(str, arguments)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _kill_after(program: subprocess.Popen[bytes], folder: Path, parts: int) -> None:
    """Kill -9 once so many parts are there."""
    until = time.monotonic() + 120
    try:
        while len(list(folder.glob("[!.]*.npz"))) < parts:
            assert program.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < until
            time.sleep(0.002)
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()


@pytest.mark.parametrize("parts", [3])
def test_a_killed_run_goes_on_where_it_was(cubes, whole, tmp_path, counted, small_chunks, parts):
    """kill -9: the same bytes as the run that was never interrupted, and no chunk is fitted twice."""
    out = tmp_path / "labels.fits"
    command = ("label", cubes[0], "-o", out, "--no-bin", *TOY)
    _kill_after(_start(*command), parts_folder(out), parts)
    assert not out.exists()
    kept = len(list(parts_folder(out).glob("[!.]*.npz")))
    assert kept >= parts
    done(*command)
    assert len(counted) == 6 - kept
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.fits"]


@pytest.mark.slow
def test_workers_that_share_a_cube_make_the_same_file(cubes, whole, tmp_path, small_chunks):
    """Killed in their middle, too."""
    out = tmp_path / "labels.fits"
    command = ("label", cubes[0], "-o", out, "--no-bin", "--templates", "made-up", "--workers", 2)
    _kill_after(_start(*command), parts_folder(out), 2)
    done(*command)
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.fits"]


def test_a_damaged_part_is_fitted_again(cubes, whole, tmp_path, counted, small_chunks):
    out = tmp_path / "labels.fits"
    command = ("label", cubes[0], "-o", out, "--no-bin", *TOY)
    _kill_after(_start(*command), parts_folder(out), 4)
    cut, flipped, empty, *_ = sorted(parts_folder(out).glob("[!.]*.npz"))
    kept = len(list(parts_folder(out).glob("[!.]*.npz")))
    cut.write_bytes(cut.read_bytes()[:-500])
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 0x55
    flipped.write_bytes(content)
    empty.write_bytes(b"")
    done(*command)
    assert len(counted) == 6 - kept + 3
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.slow
def test_a_killed_run_of_many_cubes_goes_on(cubes, tmp_path, small_chunks):
    """Two workers, killed with their parent; what is finished stays as it is."""
    straight, out = tmp_path / "straight", tmp_path / "out"
    options = ("--no-bin", "--templates", "made-up", "--workers", 2)
    done("label", *cubes[:2], "-o", f"{straight}/", "--no-bin", *TOY)
    program = _start("label", *cubes[:2], "-o", f"{out}/", *options)
    until = time.monotonic() + 120
    try:
        while not list(out.glob("[!.]*.labels.fits")):
            assert program.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
    finished = {path: path.stat().st_mtime_ns for path in out.glob("[!.]*.labels.fits")}
    done("label", *cubes[:2], "-o", f"{out}/", "--no-bin", *TOY)
    for path in straight.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in straight.iterdir())
    assert all(path.stat().st_mtime_ns == when for path, when in finished.items())


def test_fingerprints_of_what_is_no_file_of_ours(tmp_path):
    assert not has_fingerprint(tmp_path / "none.fits", "word")
    (tmp_path / "words.fits").write_text("words")
    assert not has_fingerprint(tmp_path / "words.fits", "word")
