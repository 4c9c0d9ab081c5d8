"""Figure 13: its numbers are those of trainings done by hand, and its claims follow from them."""

import numpy as np
import pytest
from made_up_sample import made_up_sample

from agez.errors import AgezError
from agez.experiments.training_size import LARGEST, TrainingGrid, claims, training_size
from agez.paper_network.architecture import PAPER_ARCHITECTURES
from agez.paper_network.fit_numpy import train_one
from agez.paper_network.jobs import TrainingSettings
from agez.paper_network.kept import KeptNetworks
from agez.paper_network.network_numpy import forward
from agez.paper_network.normalisation import learn_normalisation, normalise
from agez.paper_network.pool import Trainer
from agez.paper_network.prepared import training_data
from agez.samples.splits import make_splits, row_morphology, thin_split, thinning_order
from agez.targets import PAPER_TARGETS

GRID = TrainingGrid((0.3, 0.75), 2, TrainingSettings(optimizer="adam", learning_rate=5e-3, max_epochs=4))


@pytest.fixture(scope="module")
def sample():
    return made_up_sample(600, n_galaxies=16, missing=0.01)


@pytest.fixture(scope="module")
def run(sample, tmp_path_factory):
    kept = KeptNetworks(tmp_path_factory.mktemp("networks"))
    with Trainer(1, kept=kept) as trainer:
        return training_size(sample, trainer, grid=GRID, seed=3), kept


def test_a_cell_is_a_training_by_hand(sample, run):
    """Set B, the second repeat, 30 per cent, metallicity: every step written out."""
    data = training_data(sample)
    rng = np.random.default_rng([3, 13, 1, 1])
    split = make_splits(sample, kind="by-galaxy", rng=rng)[0]
    kinds = row_morphology(sample)
    order = thinning_order(split, galaxy_id=sample.rows.galaxy_id, kinds=kinds, by_galaxy=True, rng=rng)
    seeds = [int(rng.integers(2**32)) for _ in range(4)]  # 75 % age, metallicity; 30 % age, metallicity
    thin = thin_split(split, order, 0.3 / LARGEST)
    normalisation = learn_normalisation(data.flux[thin.train], data.present[thin.train])
    rows = normalise(normalisation, data.flux, data.present, max_missing=data.max_missing)
    train, validation, test = (part[rows.usable[part]] for part in (thin.train, thin.validation, thin.test))
    label = data.labels[:, 1]
    center, scale = label[train].mean(), label[train].std()
    from agez.paper_network.jobs import TrainingJob

    job = TrainingJob(
        np.where(rows.usable[:, None], rows.inputs, 0), ((label - center) / scale).astype(np.float32),
        train, validation, PAPER_ARCHITECTURES["mh_lw"], GRID.settings_at(0.3), seeds[3],
    )  # fmt: skip
    network = train_one(job)
    predicted = forward(network.parameters, rows.inputs[test], network.architecture) * scale + center
    squares = [(p - t) ** 2 for p, t in zip(predicted, label[test], strict=True)]
    block, _ = run
    assert block["points"]["set_b"]["metallicity"]["mse"][0][1] == pytest.approx(sum(squares) / len(squares), rel=1e-4)


def test_means_and_spreads_are_those_of_the_repeats(run):
    block, _ = run
    for name in ("set_a", "set_b"):
        for word in ("age", "metallicity"):
            for f in range(2):
                a, b = block["points"][name][word]["mse"][f]
                cell = block["measured"][name][word]
                assert cell["mse_mean"][f] == pytest.approx((a + b) / 2)
                assert cell["mse_std"][f] == pytest.approx(abs(a - b) / 2**0.5)
    labels = training_data(made_up_sample(600, n_galaxies=16, missing=0.01)).labels
    assert block["measured"]["random_mse"]["age"] == pytest.approx(2 * labels[:, 0].var(), rel=0.02)
    n_train = block["measured"]["set_a"]["age"]["n_train"]
    assert n_train == pytest.approx([0.3 * 600, 0.75 * 600], rel=0.1)


def test_an_interrupted_run_goes_on_and_gives_the_same(sample, run, tmp_path, monkeypatch):
    block, kept = run
    names = sorted(path.name for path in kept.folder.iterdir())
    assert len(names) == 2 * 2 * 2 * len(PAPER_TARGETS)
    half = KeptNetworks(tmp_path / "half")
    for name in names[::2]:
        (half.folder / name).write_bytes((kept.folder / name).read_bytes())
    with Trainer(2, kept=half) as trainer:
        again = training_size(sample, trainer, grid=GRID, seed=3)
    assert again == block
    assert sorted(path.name for path in half.folder.iterdir()) == names
    monkeypatch.setattr("agez.runtime.worker_pool.sys.executable", "/bin/false")  # nothing is left to train
    with Trainer(2, kept=half) as trainer:
        assert training_size(sample, trainer, grid=GRID, seed=3) == block


def _block(scatter, random_mse=0.36):
    """A block with ``scatter[set][fraction]``, sigma_mad of the age, a list over repeats."""
    words = ("age", "metallicity")
    return {
        "measured": {"n_galaxies": 190, "fractions": [0.05, 0.75], "random_mse": dict.fromkeys(words, random_mse)},
        "points": {name: {word: {"sigma_mad": values} for word in words} for name, values in scatter.items()},
    }


def _verdicts(scatter, **options):
    return [claim.verdict for claim in claims(_block(scatter, **options))]


def test_claims():
    """In order: better than random, Set B grows, its spread shrinks, Set A about one sigma, Set A at 5 % ahead."""
    paper = {
        "set_a": [[0.05, 0.06, 0.055, 0.052], [0.048, 0.053, 0.05, 0.051]],
        "set_b": [[0.30, 0.24, 0.36, 0.27], [0.13, 0.131, 0.129, 0.13]],
    }
    assert _verdicts(paper) == ["supported"] * 5
    found = claims(_block(paper))
    assert all(claim.figure == "figure 13" and claim.section.startswith("4.5") for claim in found)
    assert "0.07 dex" in found[-1].published
    worse = {name: values[::-1] for name, values in paper.items()}
    assert _verdicts(worse)[1:3] == ["not supported", "not supported"]
    grown = {**paper, "set_a": [[0.09, 0.091, 0.089, 0.09], [0.05, 0.051, 0.05, 0.05]]}
    assert _verdicts(grown)[3] == "not supported"
    swapped = {"set_a": paper["set_b"][::-1], "set_b": paper["set_a"]}
    assert _verdicts(swapped)[4] == "not supported"
    assert _verdicts(paper, random_mse=0.0001)[0] == "not supported"
    noisy = {**paper, "set_b": [[0.30, 0.10, 0.36, 0.07], [0.13, 0.3, 0.05, 0.13]]}
    assert _verdicts(noisy)[1] == "cannot tell"
    few = _block(paper)
    few["measured"]["n_galaxies"] = 12
    assert [claim.verdict for claim in claims(few)] == ["cannot tell"]
    single = {name: [[None] * 4, values[1]] for name, values in paper.items()}
    assert _verdicts(single) == ["cannot tell"]
    one = {name: [[f[0]] for f in values] for name, values in paper.items()}
    assert set(_verdicts(one)) == {"cannot tell"}


def test_a_hundred_repeats_of_one_sample_are_not_a_hundred_surveys():
    """Five plain standard errors of the mean, and less than one of what another survey would give."""
    rng = np.random.default_rng(1)
    small = 0.05 + 0.002 + 0.004 * rng.normal(size=100)
    scatter = {name: [small.tolist(), [0.05] * 100] for name in ("set_a", "set_b")}
    assert _verdicts(scatter)[1] == "cannot tell"


def test_a_training_set_that_is_too_small_leaves_its_cell_empty():
    few = made_up_sample(160, n_galaxies=8, missing=0.05)
    grid = TrainingGrid((0.01, 0.75), 1, TrainingSettings(max_epochs=1))
    with Trainer(1) as trainer:
        block = training_size(few, trainer, grid=grid, seed=1)
    age = block["measured"]["set_a"]["age"]
    assert age["mse_mean"][0] is None
    assert age["mse_mean"][1] > 0
    assert age["n_train"][0] is None
    assert {claim.verdict for claim in claims(block)} == {"cannot tell"}
    nothing = {**block, "points": _block({"set_a": [[None], [None]], "set_b": [[None], [None]]})["points"]}
    assert [claim.verdict for claim in claims(nothing)] == ["cannot tell"]


def test_bad_grids_are_refused():
    settings = GRID.settings
    for fractions, repeats in (
        ((), 1),
        ((0.0, 0.5), 1),
        ((0.5, 0.8), 1),
        ((0.5, 0.2), 1),
        ((0.2, 0.2), 1),
        ((0.5,), 0),
    ):
        with pytest.raises(AgezError, match="fractions"):
            TrainingGrid(fractions, repeats, settings)
    assert [GRID.settings_at(f).max_epochs for f in (0.75, 0.3, 0.05)] == [4, 6, 8]
