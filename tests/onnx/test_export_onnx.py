"""Exported ONNX files against agez's own answers, as onnxruntime computes them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_up_posterior import small_model, small_photometry
from made_up_sample import made_up_model, made_up_sample
from typical_photometry import typical_photometry

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from agez.errors import AgezError  # noqa: E402
from agez.mixture_network.mixture_model import leading, network_of  # noqa: E402
from agez.models.features import normalised  # noqa: E402
from agez.models.model_file import load_model  # noqa: E402
from agez.models.predict import predict  # noqa: E402
from agez.models.weak_bands import band_weights  # noqa: E402
from agez.onnx.export_onnx import export_onnx  # noqa: E402
from agez.targets import PAPER_TARGETS as TARGETS  # noqa: E402
from agez.types import Photometry, Rows  # noqa: E402

AT_MOST = 1e-5


def run(path, feed):
    """Outputs by name, on one thread."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def posterior_feed(photometry):
    """What a posterior file is given."""
    redshift_err = photometry.redshift_err
    unknown = np.full(len(photometry), np.nan)
    return {
        "flux": photometry.flux, "flux_err": photometry.flux_err, "covered": photometry.covered,
        "redshift": photometry.redshift, "redshift_err": unknown if redshift_err is None else redshift_err,
    }  # fmt: skip


def test_a_model_of_the_papers_kind(tmp_path):
    model, photometry = made_up_model(), made_up_sample(200, n_galaxies=20, seed=11).photometry
    path = export_onnx(tmp_path / "paper.onnx", model)
    flux = photometry.flux.copy()
    flux[3] *= -1
    got = run(path, {"flux": flux})
    want = predict(model, replace(photometry, flux=flux))
    for target in TARGETS:
        np.testing.assert_allclose(got[target], getattr(want, target), atol=AT_MOST, rtol=0)
        assert np.isnan(got[target][3])
    scaled = run(path, {"flux": flux * 1e-20})
    np.testing.assert_allclose(scaled["mh_lw"], got["mh_lw"], atol=AT_MOST, rtol=0)
    assert len(run(path, {"flux": flux[:0]})["mh_lw"]) == 0


def odd_rows(photometry):
    """The same with unknown redshifts, errors and wild numbers; all can still be answered."""
    redshift, redshift_err = photometry.redshift.copy(), photometry.redshift_err.copy()
    flux_err, flux = photometry.flux_err.copy(), photometry.flux.copy()
    redshift[:5] = np.nan
    redshift_err[5:10] = 0.002
    redshift_err[10:15] = np.nan
    flux_err[15:20] = np.nan
    flux_err[20:23, 2] = 1e30
    flux[23:26, 4] *= -3
    return replace(photometry, redshift=redshift, redshift_err=redshift_err, flux=flux, flux_err=flux_err)


def check_posterior(path, model, photometry):
    # agez goes over smoothly from bands that count to those that do not; the file has one limit
    weights = band_weights(photometry.flux, photometry.flux_err, photometry.covered)
    if weights is not None:
        photometry = photometry.take(((weights == 0) | (weights == 1)).all(axis=1))
    got, want = run(path, posterior_feed(photometry)), predict(model, photometry)
    # nor does the file leave out a band that the others contradict, or cut redshifts near 0
    near_zero = photometry.redshift < 4 * np.nan_to_num(photometry.redshift_err) + 0.001
    answered = np.isfinite(want.log_age_lw) & (want.worst_band == "") & ~near_zero
    assert answered.sum() > 80
    for target in TARGETS:
        np.testing.assert_allclose(got[target][answered], getattr(want, target)[answered], atol=AT_MOST, rtol=0)
    for name, kept in (("weights", slice(None)), ("mean", slice(2)), ("covariance", slice(3))):
        # of age and [M/H]: other targets are there as networks learn them
        mine, theirs = (one[answered][..., kept] for one in (getattr(want.mixture, name), got[name]))
        np.testing.assert_allclose(theirs, mine, atol=AT_MOST, rtol=1e-4, err_msg=name)
    return got


def test_a_posterior_model_with_odd_rows(tmp_path):
    photometry, _ = small_photometry(200)
    path = export_onnx(tmp_path / "small.onnx", small_model())
    check_posterior(path, small_model(), odd_rows(photometry))
    few = run(path, posterior_feed(odd_rows(photometry).take(slice(0, 3))))
    all_of_them = run(path, posterior_feed(odd_rows(photometry)))
    np.testing.assert_allclose(few["mh_lw"], all_of_them["mh_lw"][:3], atol=AT_MOST)


def test_a_band_that_says_nothing_is_not_there(tmp_path):
    photometry, _ = small_photometry(20)
    photometry = replace(photometry, flux_err=np.full_like(photometry.flux, 0.1 * np.nanmedian(photometry.flux)))
    path = export_onnx(tmp_path / "small.onnx", small_model())
    flux_err, covered = photometry.flux_err.copy(), photometry.covered.copy()
    covered[:, 2] = False
    without = run(path, posterior_feed(photometry) | {"covered": covered})
    for factor, gone in ((3.0, False), (40.0, True), (1e30, True)):
        flux_err[:, 2] = factor * photometry.flux_err[:, 2]
        got = run(path, posterior_feed(photometry) | {"flux_err": flux_err})
        assert np.array_equal(got["mh_lw"], without["mh_lw"]) == gone


def smooth_rows(model, n, rng):
    """Rows in a model's own bands at all its redshifts, with SEDs that are smooth with noise."""
    b = len(model.bands)
    low, high = model.header["redshift_range"]
    pivot = np.array(model.bands.pivot_angstrom)
    sed = (pivot / 5500) ** rng.uniform(0, 3, (n, 1))
    flux = sed * np.exp(rng.normal(0, 2, (n, 1))) * (1 + 0.05 * rng.normal(size=(n, b)))
    error = np.broadcast_to(0.05 * np.median(flux, axis=1, keepdims=True), flux.shape)
    covered = rng.random((n, b)) < 0.9
    covered[:, :6] = True
    return Photometry(
        model.bands, np.where(covered, flux, np.nan), np.where(covered, error, np.nan), covered, Rows.numbered(n),
        rng.uniform(low, high, n), np.zeros(n, np.int32), {}, redshift_err=np.full(n, 0.003),
    )  # fmt: skip


def check_unknown(path, model, rows, rng):
    """Unknown and broad redshifts, before agez cuts them near 0."""
    n, network = len(rows), network_of(model)
    z, z_err = rows.redshift.copy(), rng.choice([0.0, 0.02, 0.04, 0.3, 3.0, np.inf], n)
    z[::5] = np.nan
    assert network.of_unknown is not None
    assert (z_err > network.most_redshift_err).sum() > 0.4 * n
    want = leading(network, network.members[0].shape.first_targets).answer(
        normalised(rows.flux, rows.flux_err, rows.covered), z, z_err
    )
    got = run(path, posterior_feed(replace(rows, redshift=z, redshift_err=z_err)))
    for name in ("weights", "mean", "covariance"):
        np.testing.assert_allclose(got[name], getattr(want, name), atol=2 * AT_MOST, rtol=2e-4, err_msg=name)


def test_a_shipped_model(tmp_path, rng):
    model = load_model("splus")
    rows = smooth_rows(model, 100, rng)
    path = export_onnx(tmp_path / "splus.onnx", model)
    check_posterior(path, model, rows)
    check_unknown(path, model, rows, rng)


def test_a_shipped_model_that_answers_at_redshifts_that_it_finds(tmp_path, rng):
    model = load_model("jpas")
    rows = typical_photometry(model, 600, snr=50)
    rows = rows.take(np.argsort(rows.redshift, kind="stable")[:150])
    assert (rows.redshift < 0.1).mean() > 0.3
    path = export_onnx(tmp_path / "jpas.onnx", model)
    check_unknown(path, model, rows, rng)


def test_the_file_says_what_it_is(tmp_path):
    model = small_model()
    content = onnx.load(export_onnx(tmp_path / "small.onnx", model))
    onnx.checker.check_model(content, full_check=True)
    said = {one.key: one.value for one in content.metadata_props}
    assert json.loads(said["bands"]) == list(model.bands.names)
    assert said["kind"] == "posterior"
    assert said["frame"] == model.header["frame"]
    assert json.loads(said["redshift_range"]) == list(model.header["redshift_range"])
    assert json.loads(said["labels"]) == model.header["labels"]
    assert content.producer_name == "agez"
    for name in [*(one.name for one in content.graph.input), *(one.name for one in content.graph.output)]:
        assert name in content.doc_string


def test_bad_output_names(tmp_path):
    with pytest.raises(AgezError, match=r"ends in \.onnx; give model\.onnx"):
        export_onnx(tmp_path / "model.bin", small_model())
    assert not list(tmp_path.iterdir())
