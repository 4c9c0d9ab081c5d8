"""The figures of a prediction say the numbers of its table; densities are those of draws."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import agez
from agez.report.posterior_density import RowPosterior, levels
from agez.report.row_figures import row_number


@pytest.fixture(scope="module")
def prediction() -> agez.Prediction:
    rng = np.random.default_rng(2)
    bands = agez.load_filters("splus").bands
    flux = 30.0 * (np.array(bands.pivot_angstrom) / 5500) ** 1.5 * rng.normal(1, 0.03, (4, 12))
    flux[2, 5] *= 3.0
    table = {f"flux_{name}": flux[:, k] for k, name in enumerate(bands.names)}
    table |= {f"flux_{name}_err": 0.03 * flux[:, k] for k, name in enumerate(bands.names)}
    table["flux_J0378"][1] = np.nan
    for name in bands.names:
        table[f"flux_{name}"][3] = np.nan
    return agez.predict(table | {"id": ["a", "b", "c", "none"]}, "splus", redshift=0.02, columns="all")


def words(page: Figure) -> str:
    texts = [one.get_text() for one in page.texts]
    for axes in page.axes:
        texts += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel(), *(one.get_text() for one in axes.texts)]
    return "\n".join([page.get_suptitle(), *texts])


def test_the_row_has_the_numbers_of_the_table(prediction, tmp_path):
    page = prediction.show("b", tmp_path / "b.png")
    assert (tmp_path / "b.png").read_bytes()[:4] == b"\x89PNG"
    row = prediction.to_table()[1]
    told = words(page)
    for name in ("log_age_lw", "mh_lw"):
        assert f"{row[name]:.2f} $\\pm$ {row[f'{name}_err']:.2f}" in told
        assert f"68 %: {row[f'{name}_p16']:.2f} to {row[f'{name}_p84']:.2f}" in told
    assert "b, z = 0.0200, model splus, reduced chi2" in told
    assert "J0378 (none)" in told
    assert all(name in told for name in prediction.input.photometry.bands.names)


def test_what_is_drawn_is_the_photometry_and_what_the_model_expects(prediction):
    page = prediction.show(0)
    sed, below = page.axes[:2]
    expected, measured = (container.lines[0] for container in sed.containers)
    flux, error = (one[0] for one in prediction.expected())
    order = np.argsort(prediction.input.photometry.bands.pivot_angstrom)
    assert expected.get_ydata() == pytest.approx(flux[order], rel=1e-6)
    assert measured.get_ydata().tolist() == prediction.input.photometry.flux[0].tolist()
    residual = (prediction.input.photometry.flux[0] - flux) / np.hypot(prediction.input.photometry.flux_err[0], error)
    dots = np.concatenate([line.get_ydata() for line in below.lines if line.get_marker() == "o"])
    assert sorted(dots) == pytest.approx(sorted(residual[np.abs(residual) <= 5]))


def test_a_contradicted_band_is_named(prediction):
    if str(prediction.worst_band[2]):
        assert f"worst band: {prediction.worst_band[2]}" in words(prediction.show(2))
        assert "left out of the answer" in words(prediction.show(2))
    else:
        pytest.fail("the made-up band does not contradict the others: make it brighter")


def test_a_row_without_an_answer_is_drawn(prediction):
    told = words(prediction.show("none"))
    assert "this row has no answer" in told
    assert "NO_DATA" in told


def test_models_of_the_paper_expect_no_fluxes():
    bands = agez.load_model("paper").bands
    photometry = agez.Photometry(
        bands, np.full((1, 34), 10.0), np.full((1, 34), 0.1), np.ones((1, 34), bool), agez.Rows.numbered(1),
        np.zeros(1), np.zeros(1, np.int32),
    )  # fmt: skip
    assert "log age" in words(agez.predict(photometry, "paper").show())


def test_rows_are_found_by_number_and_by_name(prediction):
    assert [row_number(prediction, one) for one in (0, -1, "b", np.int64(2))] == [0, 3, 1, 2]
    for wrong, told in (
        (4, "4 rows"),
        ("x", "there are a, b, c, none"),
        (1.5, "expected the number of a row"),
        (True, "row is"),
    ):
        with pytest.raises(agez.AgezError, match=told):
            row_number(prediction, wrong)
    twice = agez.Prediction.concatenate([prediction[:1], prediction[:1]])
    with pytest.raises(agez.AgezError, match="2 rows are called 'a'; give the number of one: 0, 1"):
        row_number(twice, "a")


def test_a_corner_of_chosen_targets(prediction, tmp_path):
    page = prediction.corner(0, tmp_path / "c.png", targets=["log_age_lw", "log_sfr_100", "ew_ha"])
    assert len(page.axes) == 6
    row = prediction.to_table()[0]
    assert f"{row['log_sfr_100']:.2f} $\\pm$ {row['log_sfr_100_err']:.2f}" in words(page)
    with pytest.raises(agez.AgezError, match="target 'age' is not in this prediction; it has log_age_lw"):
        prediction.corner(0, targets=["age"])


def test_densities_are_those_of_draws(prediction):
    """Mean, width and correlation on the grid are those of many draws, of plain, arcsinh and summed targets."""
    names = ("log_age_lw", "log_sfr_100", "ew_ha")
    posterior = RowPosterior(prediction, 0, names)
    draws = prediction[:1].sample(200_000, np.random.default_rng(3))
    for i, name in enumerate(names):
        x, density = posterior.marginal(i)
        drawn = draws[name][0]
        if name == "ew_ha":
            x, drawn = np.arcsinh(x), np.arcsinh(drawn)
        assert np.trapezoid(density, x) == pytest.approx(1, abs=2e-3)
        mean = np.trapezoid(x * density, x)
        assert mean == pytest.approx(drawn.mean(), abs=5 * drawn.std() / 400)
        assert np.sqrt(np.trapezoid((x - mean) ** 2 * density, x)) == pytest.approx(drawn.std(), rel=0.02)
    x, y, probability = posterior.joint(0, 1)
    mean = (probability.sum(axis=0) @ x, probability.sum(axis=1) @ y)
    covariance = (x - mean[0]) @ probability.T @ (y - mean[1])
    assert covariance == pytest.approx(np.cov(draws[names[0]][0], draws[names[1]][0])[0, 1], abs=0.01)


def test_contours_hold_what_they_say():
    x = np.linspace(-6, 6, 601)
    gauss = np.exp(-0.5 * (x[:, None] ** 2 + x**2))
    gauss /= gauss.sum()
    outer, inner = levels(gauss)
    assert gauss[gauss >= inner].sum() == pytest.approx(0.393, abs=2e-3)
    assert gauss[gauss >= outer].sum() == pytest.approx(0.865, abs=2e-3)


def test_many_rows_are_counted_and_few_are_points(prediction, tmp_path):
    few = prediction.plot(tmp_path / "few.png")
    assert "good" in few.axes[0].get_legend().texts[0].get_text()
    assert few._repr_png_()[:4] == b"\x89PNG"
    many = agez.Prediction.concatenate([prediction] * 100)
    assert "300 of 400 rows answered" in words(many.plot()).replace("\u2009", "")


def test_pictures_are_png_and_a_row_of_nothing_is_drawn(prediction, tmp_path):
    with pytest.raises(agez.AgezError, match=r"a\.jpg: pictures are PNG"):
        prediction.show(0, tmp_path / "a.jpg")
    prediction.show("none", tmp_path / "none.png")
    assert (tmp_path / "none.png").read_bytes()[:4] == b"\x89PNG"


def test_worst_band_and_its_number_belong_together(prediction):
    """The number of another band, which no column names, stood beside the band with the largest residual."""
    for row in (0, 1):
        page = prediction.show(row)
        photometry = prediction.input.photometry
        flux, error = (one[row] for one in prediction.expected())
        residual = (photometry.flux[row] - flux) / np.hypot(photometry.flux_err[row], error)
        b = int(np.nanargmax(np.abs(residual)))
        assert f"worst band: {photometry.bands.names[b]} {residual[b]:+.1f} " in words(page)


def test_what_cannot_be_drawn_or_drawn_from_is_said(prediction):
    table = {f"flux_{name}": [10.0] for name in agez.load_filters("splus").bands.names}
    dust = agez.predict(table, "splus", redshift=0.02, columns="av")
    with pytest.raises(
        agez.AgezError, match="draws two quantities, and this prediction has av: name another in columns"
    ):
        dust.plot()
    other = agez.predict(table, "splus", redshift=0.02, columns=["av", "log_mass"])
    (axes,) = other.plot().axes
    symbols = {target.name: target.symbol for target in other.targets}
    assert (axes.get_xlabel(), axes.get_ylabel()) == (symbols["av"], symbols["log_mass"])
    assert "log_mass" in str(other.to_table().colnames)
    assert len(other.show(0).axes) == 5  # SED, residuals, two marginals and their joint distribution
    with pytest.raises(agez.AgezError, match="give a generator"):
        dust.sample(2, 5)
