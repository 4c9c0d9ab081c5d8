"""Maps of a galaxy of any shape, with values that a test chooses."""

import numpy as np

from agez.flags import Flag
from agez.mapping.map_galaxy import Geometry, MapSettings, with_gradients
from agez.tables.maps import MapFrame
from agez.targets import SHIPPED_TARGETS
from agez.types import Bands, Photometry, Prediction, Rows


def made_up_prediction(age, age_err, *, mh=0.0, mh_err=0.3, flagged=()):
    """Rows of those ages and metallicities; those of the numbers ``flagged`` are."""
    n = len(age)
    names = [
        *Prediction.required_columns(SHIPPED_TARGETS),
        *Prediction.wide_columns(SHIPPED_TARGETS),
        *Prediction.OPTIONAL,
    ]
    values = {name: np.zeros(n) for name in names if name not in ("flags", "mixture")}
    for name, value, err in (("log_age_lw", age, age_err), ("mh_lw", mh, mh_err)):
        value = np.broadcast_to(value, n).astype(float)
        values |= {name: value, f"{name}_err": np.broadcast_to(err, n).astype(float)}
        values |= {f"{name}_p16": value - err, f"{name}_p84": value + err}
    flags = np.zeros(n, np.int32)
    flags[list(flagged)] = Flag.LOW_SNR | Flag.OUT_OF_DISTRIBUTION
    return Prediction.of_columns(Rows.numbered(n), SHIPPED_TARGETS, {**values, "flags": flags})


def made_up_maps(
    bin_id, prediction, *, step=((-1.0, 0.0), (0.0, 1.0)), geometry=None, colour=False, psf=None, name="g", centre=None
):  # fmt: skip
    """Maps of regions ``bin_id``; ``step`` [arcsec]: to the east and to the north, of a pixel along x and along y."""
    n, (ny, nx) = len(prediction), bin_id.shape
    x0, y0 = centre or ((nx - 1) / 2, (ny - 1) / 2)
    x, y = np.meshgrid(np.arange(nx) - x0, np.arange(ny) - y0)
    (east_x, east_y), (north_x, north_y) = step
    offsets = np.stack([-(east_x * x + east_y * y), north_x * x + north_y * y])
    picture = np.full((3, ny, nx), 120, np.uint8) if colour else None
    frame = MapFrame(
        bin_id, {}, offsets, None, np.ones((ny, nx)), colour=picture, colour_of=("i", "r", "g") if colour else ()
    )
    photometry = Photometry(
        Bands(("a",), (5000.0,), (100.0,), "own"), np.ones((n, 1)), np.ones((n, 1)), np.ones((n, 1), bool),
        prediction.rows, np.zeros(n), np.zeros(n, np.int32),
    )  # fmt: skip
    meta = {"seds_of": "images", "galaxy": name, "model": "m", "redshift": 0.01, "snr_band": "a"}
    meta |= {} if psf is None else {"psf_fwhm_arcsec": psf}
    settings = MapSettings(geometry=geometry or Geometry(2.0))
    return with_gradients(frame, photometry, prediction, settings, meta, light=None, whole=prediction.take([0]))
