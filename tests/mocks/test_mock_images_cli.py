"""``agez mock --images``: folders that agez reads as images, and options that do not fit."""

import json
from pathlib import Path

import pytest
from columns_said import check_columns

from agez.cli import main
from agez.images.read_images import read_images


def test_images_from_the_command_line(emiles, tmp_path: Path, capsys):
    out = tmp_path / "mock"
    options = ["mock", "-o", str(out), "--images", "--galaxies", "1", "--spectra", "60", "--filters", "splus", "--json"]
    assert main([*options, "--snr", "15"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["n_galaxies"], content["n_bands"]) == (1, 12)
    images = read_images(content["folders"][0])
    assert images.bands.filter_set == "splus"
    assert len(images.bands) == 12
    for path in (out / "galaxies.fits", out / "truth" / "MOCK0001.fits"):
        check_columns(path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--filters", "jpas"], "--images"),
        (["--snr", "10"], "--images"),
        (["--images", "--snr", "-1"], "--snr is -1"),
        (["--images", "--templates", "made-up"], "covers 3200"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, capsys, options, words):
    assert main(["mock", "-o", str(tmp_path / "mock"), "--galaxies", "1", *options]) == 1
    assert words in capsys.readouterr().err
