"""The walk of docs/real_survey.md, from an archive of cubes to a sample, on small mock cubes."""

import gzip
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from broken_server import serving
from cli_road import done

from agez.cli import _parser
from agez.mocks import cubes, survey_files
from agez.photometry.tables import read_photometry
from agez.samples.sample import read_sample
from agez.samples.splits import make_splits
from agez.spectra.label_files import read_labels
from agez.spectra.voronoi import need_powerbin

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "real_survey.md").read_text(encoding="utf-8")


def block(mark: str) -> list[list[str]]:
    """The commands of the page's block after a mark, as words."""
    found = re.search(rf"<!-- {mark} -->\n```sh\n(.*?)```", PAGE, flags=re.DOTALL)
    assert found is not None, mark
    return [shlex.split(line, comments=True) for line in found[1].splitlines() if line.strip()]


def test_the_pages_commands_are_understood():
    walk = [_parser().parse_args(words[1:]) for words in block("walk")]
    assert [one.command for one in walk] == ["fetch", "label", "synth", "sample", "reproduce"]
    mock = [_parser().parse_args(words[1:]) for words in block("mock walk")]
    assert [one.command for one in mock] == ["mock", "label", "synth", "sample", "reproduce"]
    # what one makes, the next reads
    for fetch, label, synth, sample, reproduce in (walk, mock):
        assert label.input == [fetch.out] == synth.input
        assert (synth.bins, sample.labels) == (label.out, label.out)
        assert (sample.photometry, reproduce.sample) == (synth.out, sample.out)


def test_from_an_archive_to_a_sample(tmp_path: Path, toy_grid, monkeypatch: pytest.MonkeyPatch):
    need_powerbin()
    small = cubes.make_cube
    monkeypatch.setattr(survey_files, "make_cube", lambda *of: small(*of, shape=(13, 15)))
    mock, got = tmp_path / "mock", tmp_path / "cubes"
    done("mock", "-o", mock, "--cubes", "--galaxies", 5, "--spectra", 100, "--templates", "made-up")
    files = {f"/V500/reduced_v2.2/{path.name}": path.read_bytes() for path in mock.glob("*.gz")}
    name = "/V500/reduced_v2.2/MOCK0001.V500.rscube.fits.gz"
    with fits.open(mock / name.rsplit("/", 1)[-1]) as hdus:
        assert hdus[0].header.pop("MED_VEL") > 0
        hdus.writeto(tmp_path / "silent.fits")  # a cube that does not say its redshift
    files[name] = gzip.compress((tmp_path / "silent.fits").read_bytes(), 1)
    galaxies = Table.read(mock / "galaxies.fits")
    redshift = float(galaxies["redshift"][0])
    galaxies["galaxy_id"] = [f"mock {i + 1}" for i in range(5)]  # as people write names
    table = tmp_path / "galaxies.csv"
    galaxies.write(table)
    with serving(files) as site:
        site.faults[name] = ["drop:20000"]
        refused_names = [f"MOCK{i + 1:04d}" for i in range(5)]
        done("fetch", "califa", *refused_names, "-o", got, "--base-url", site.url)
    assert len(list(got.iterdir())) == 5

    common = ("--templates", "made-up", "--bin-snr", 20)
    alone = done("label", got / name.rsplit("/", 1)[-1], "-o", tmp_path / "l.fits", *common, "--json").json
    assert any("found from the spectra" in remark for remark in alone["remarks"])
    assert abs(read_labels(tmp_path / "l.fits").redshift - redshift).max() < 1e-3
    labels = tmp_path / "labels"
    answer = done("label", got, "-o", f"{labels}/", *common, "--galaxies", table, "--workers", 2, "--json").json
    assert (answer["n_files"], answer["problems"]) == (5, {})
    done("synth", got, "--bins", labels, "-o", tmp_path / "p.fits")
    photometry = read_photometry(tmp_path / "p.fits")
    alone = tmp_path / "alone.fits"
    done("synth", mock / "MOCK0001.V500.rscube.fits.gz", "--bins", labels / "MOCK0001.V500.labels.fits", "-o", alone)
    said = read_photometry(alone)  # of the cube whose header has the redshift
    mine = photometry.take(photometry.rows.galaxy_id == "MOCK0001")
    assert redshift > 0.003
    assert np.allclose(mine.flux, said.flux, rtol=1e-4, equal_nan=True)

    answer = done(
        "sample", tmp_path / "p.fits", labels, table, "--truth", mock / "truth.fits", "-o", tmp_path / "s.fits",
        "--json",
    ).json  # fmt: skip
    assert answer["n_galaxies"] == 5
    assert "galaxies_without_a_row" not in answer
    sample = read_sample(tmp_path / "s.fits")
    assert sample.truth is not None
    assert np.isfinite(sample.truth.log_age_lw).all()
    assert np.isfinite(sample.r_re).all()
    assert set(sample.galaxies.morphology) <= {"early", "late"}
    difference = sample.labels.log_age_lw - sample.truth.log_age_lw
    assert abs(np.median(difference)) < 0.15
    for kind in ("within", "by-galaxy"):
        make_splits(sample, kind=kind, rng=np.random.default_rng(1))
    other = tmp_path / "other.csv"
    galaxies[1:].write(other)
    told = done("sample", tmp_path / "p.fits", labels, other, "-o", tmp_path / "s2.fits")
    assert "without radii and properties: MOCK0001" in told.out
