"""The picture of a run over a catalogue: what it is made of adds up, and it is drawn whatever there is to draw."""

from dataclasses import fields, replace

import numpy as np
import pytest
from matplotlib.image import imread

from agez.engine.tally import AXES, EDGES, Tally, tally
from agez.errors import AgezError
from agez.report.catalogue_picture import catalogue_picture, check_picture
from agez.targets import SHIPPED_TARGETS
from agez.types import Prediction, Rows


def answers(n, rng):
    """A prediction of ``n`` rows, a tenth of them without an answer, some beyond all bins; and redshifts."""
    age, metallicity = rng.normal(9.5, 0.6, n), rng.normal(-0.4, 0.9, n)
    age[::10] = metallicity[::10] = np.nan
    nothing = np.full(n, np.nan)
    err = rng.uniform(0, 1.2, (2, n))
    mean = np.stack([age, metallicity], axis=1)
    made = Prediction(
        Rows(np.arange(n).astype(str), np.full(n, ""), nothing, nothing), SHIPPED_TARGETS, mean,
        mean[:, :, None] + err.T[:, :, None] * np.array([-1.0, 0.0, 1.0]), rng.uniform(0, 6, n),
        np.zeros(n, dtype=np.int32), {"ood_threshold": 1.5},
    )  # fmt: skip
    return made, np.where(rng.random(n) < 0.3, 0.0, rng.uniform(0, 2, n))


def some(prediction, rows):
    columns = {
        field.name: getattr(prediction, field.name)[rows]
        for field in fields(prediction)
        if isinstance(getattr(prediction, field.name), np.ndarray)
    }
    return replace(prediction, rows=prediction.rows.take(rows), **columns)


def test_the_sum_of_partitions_is_the_whole(rng):
    n = 500
    prediction, redshift = answers(n, rng)
    whole = tally(prediction, redshift)
    parts = Tally()
    for rows in np.array_split(np.arange(n), [3, 3, 200]):
        parts += tally(some(prediction, rows), redshift[rows])
    for name in AXES:
        np.testing.assert_array_equal(parts.counts[name], whole.counts[name], err_msg=name)
    answered = np.isfinite(prediction.log_age_lw)
    assert whole.counts["log_age_mh"].sum() == answered.sum()
    assert whole.counts["redshift_mh"].sum() == (answered & (redshift > 0)).sum()
    beyond = whole.counts["ood"][EDGES["ood"][:-1] >= 1].sum()
    assert beyond == (prediction.ood >= 1.5).sum()  # in units of the threshold, none lost at the edges


@pytest.mark.parametrize("case", ["redshifts", "no redshifts", "no answers"])
def test_a_picture_is_drawn(rng, tmp_path, case):
    prediction, redshift = answers(400, rng)
    counted = Tally() if case == "no answers" else tally(prediction, redshift * (case == "redshifts"))
    flags = {} if case == "no answers" else {"BAND_FILLED": 100, "OUT_OF_DISTRIBUTION": 3}
    path = check_picture(tmp_path / "run.png")
    catalogue_picture(path, counted, flags, n_rows=400, title="tile.fits")
    pixels = imread(path)
    assert min(pixels.shape[:2]) > 400
    assert np.ptp(pixels[..., :3]) > 0.5


def test_a_picture_of_another_kind_is_refused_before_work(tmp_path):
    with pytest.raises(AgezError, match=r"ends in \.png"):
        check_picture(tmp_path / "run.pdf")
