"""Training: optimisers against their equations, minibatches, early stopping, seeds and processes."""

from dataclasses import replace

import numpy as np
import pytest

from agez.errors import AgezError
from agez.paper_network import network_numpy
from agez.paper_network.architecture import Architecture
from agez.paper_network.fit_numpy import make_update, train_one
from agez.paper_network.jobs import TrainingJob, TrainingSettings
from agez.paper_network.pool import Trainer, train_many

SMALL = Architecture((8, 8), (6, 6), 4, 25)


@pytest.fixture(scope="module")
def job():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(900, 12)).astype(np.float32)
    y = (np.tanh(x[:, 3] - x[:, 4]) + 0.3 * x[:, 9] + 0.1 * rng.normal(size=900)).astype(np.float32)
    return TrainingJob(x, y, np.arange(600), np.arange(600, 800), SMALL, TrainingSettings(max_epochs=12), seed=4)


def test_network_learns(job):
    trained = train_one(replace(job, settings=TrainingSettings(max_epochs=80, optimizer="adam", learning_rate=3e-3)))
    prediction = network_numpy.forward(trained.parameters, job.inputs[800:], SMALL)
    assert np.mean((prediction - job.target[800:]) ** 2) < 0.15 * job.target.var()


def test_an_epoch_is_the_minibatches_one_after_another(job):
    """One epoch against the same steps taken one by one, last short minibatch included."""
    pytest.importorskip("jax")
    import jax_network

    job = replace(job, settings=TrainingSettings(max_epochs=1, batch_size=128))
    one, ((parameters,), *_) = train_one(job), jax_network.train(job)
    for name in parameters:
        np.testing.assert_allclose(one.parameters[name], parameters[name], atol=2e-5)
    prediction = network_numpy.forward(parameters, job.inputs[job.validation], SMALL)
    assert one.validation_mse[0] == pytest.approx(np.mean((prediction - job.target[job.validation]) ** 2), rel=1e-4)


@pytest.mark.parametrize("name", ["rmsprop", "adam"])
def test_first_steps_of_the_optimisers(name):
    """Two steps with gradients 2 and -1, against the equations."""
    p, update, got = np.ones(1, np.float32), make_update(name, 1), []
    for g in (2.0, -1.0):
        update(p, np.array([g], np.float32), 0.1)
        got.append(float(p[0]))
    if name == "rmsprop":
        v1 = 0.1 * 4
        first = 1 - 0.1 * 2 / np.sqrt(v1)
        second = first + 0.1 / np.sqrt(0.9 * v1 + 0.1)
    else:
        first = 1 - 0.1  # bias-corrected: the first step has the length of the rate
        m, v = 0.9 * 0.2 - 0.1, 0.999 * 0.004 + 0.001
        second = first - 0.1 * (m / (1 - 0.81)) / np.sqrt(v / (1 - 0.999**2))
    np.testing.assert_allclose(got, [first, second], rtol=1e-4)


def test_early_stopping_gives_back_the_best_weights(job):
    noise = replace(  # nothing to learn: the validation error soon rises
        job,
        target=np.random.default_rng(0).normal(size=900).astype(np.float32),
        settings=TrainingSettings(max_epochs=400, patience=5, optimizer="adam", learning_rate=1e-2),
    )
    trained = train_one(noise)
    assert trained.stopped_early
    assert len(trained.validation_mse) == trained.best_epoch + 1 + 5
    assert trained.best_epoch == np.argmin(trained.validation_mse)
    prediction = network_numpy.forward(trained.parameters, noise.inputs[noise.validation], SMALL)
    mse = np.mean((prediction - noise.target[noise.validation]) ** 2)
    assert mse == pytest.approx(trained.validation_mse.min(), rel=1e-4)
    assert mse < 0.999 * trained.validation_mse[-1]


def test_same_seed_same_weights_other_seed_others(job):
    a, b, c = train_one(job), train_one(job), train_one(replace(job, seed=5))
    for name in a.parameters:
        np.testing.assert_array_equal(a.parameters[name], b.parameters[name])
    assert np.abs(a.parameters["conv1_kernel"] - c.parameters["conv1_kernel"]).max() > 0.01


def test_rows_that_are_neither_train_nor_validation_do_not_matter(job):
    inputs, target = job.inputs.copy(), job.target.copy()
    inputs[800:], target[800:] = np.nan, np.nan
    a, b = train_one(job), train_one(replace(job, inputs=inputs, target=target))
    np.testing.assert_array_equal(a.parameters["dense_kernel"], b.parameters["dense_kernel"])


def test_processes_give_results_in_order_and_tell_of_progress(job):
    jobs = [replace(job, seed=seed, tags={"fold": seed}, settings=TrainingSettings(max_epochs=3)) for seed in (1, 2, 3)]
    calls = []
    two = train_many(jobs, workers=2, progress=lambda *what: calls.append(what))
    assert [t.tags["fold"] for t in two] == [1, 2, 3]
    assert sorted(call[:2] for call in calls) == [(n, e) for n in range(3) for e in range(3)]
    one = train_many(jobs[1:2], workers=1)[0]
    for name in one.parameters:
        np.testing.assert_array_equal(one.parameters[name], two[1].parameters[name])


def test_giving_up_keeps_the_best_so_far(job):
    settings = TrainingSettings(max_epochs=8)
    whole = train_one(replace(job, settings=settings))
    limits = np.full(8, np.inf)
    limits[4] = 0.5 * whole.validation_mse[:5].min()
    stopped = train_one(replace(job, settings=settings, give_up_above=limits))
    assert stopped.gave_up
    assert not whole.gave_up
    np.testing.assert_array_equal(stopped.validation_mse, whole.validation_mse[:5])
    assert stopped.best_epoch == np.argmin(whole.validation_mse[:5])
    limits[4] = 2 * whole.validation_mse[:5].min()
    np.testing.assert_array_equal(
        train_one(replace(job, settings=settings, give_up_above=limits)).validation_mse, whole.validation_mse
    )


def pids(trainer):
    """Of the processes of a trainer."""
    return {process.pid for process in trainer.workers._processes.values()}


def test_a_trainer_asks_for_jobs_as_it_needs_them_and_keeps_its_processes(job):
    made = []

    def jobs(n):
        for seed in range(n):
            made.append(seed)
            yield replace(job, seed=seed, settings=TrainingSettings(max_epochs=1))

    with Trainer(1) as trainer:
        for number, _ in trainer.train_each(jobs(3)):
            assert len(made) == number + 1
    made.clear()
    with Trainer(2) as trainer:
        for count, (_, network) in enumerate(trainer.train_each(jobs(6))):
            assert len(made) <= count + 4
            assert len(network.validation_mse) == 1
        first = pids(trainer)
        assert len(first) == 2
        assert sorted(number for number, _ in trainer.train_each(jobs(4))) == [0, 1, 2, 3]
        assert pids(trainer) == first
        for _ in trainer.train_each(jobs(50)):
            break  # nobody wants the rest
        assert len(trainer.train(list(jobs(2)))) == 2


def test_a_job_that_cannot_be_made_is_the_makers_error(job):
    def jobs():
        yield replace(job, settings=TrainingSettings(max_epochs=1))
        raise AgezError("no such galaxy")

    with Trainer(1) as trainer, pytest.raises(AgezError, match="no such galaxy"):
        list(trainer.train_each(jobs()))


def test_a_training_that_fails_in_a_process_is_one_clear_line(job):
    bad = replace(job, settings=TrainingSettings(max_epochs=3, learning_rate=1e30))
    with pytest.raises(AgezError, match="diverged"):
        train_many([bad], workers=1)


def test_a_worker_that_dies_is_one_clear_line(job, monkeypatch):
    monkeypatch.setattr("agez.runtime.worker_pool.sys.executable", "/bin/true")
    with pytest.raises(AgezError, match="worker process ended"):
        train_many([job, job], workers=2)


def test_bad_jobs_are_refused(job):
    with pytest.raises(AgezError, match="no train rows"):
        replace(job, train=np.arange(0))
    inputs = job.inputs.copy()
    inputs[0, 0] = np.nan
    with pytest.raises(AgezError, match="not finite"):
        replace(job, inputs=inputs)
    with pytest.raises(AgezError, match="optimizer"):
        TrainingSettings(optimizer="sgd")
    with pytest.raises(AgezError, match="workers"):
        train_many([job], workers=0)


def test_cosine_schedule_ends_low():
    settings = TrainingSettings(schedule="cosine", max_epochs=100, learning_rate=1.0)
    rates = [settings.learning_rate_at(e) for e in range(100)]
    assert rates[0] == 1.0
    assert np.all(np.diff(rates) < 0)
    assert 0.01 <= rates[-1] < 0.012
    assert TrainingSettings().learning_rate_at(4000) == 1e-3
