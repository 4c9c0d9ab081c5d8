"""Finished trainings are found again, only for the very same job, and damage counts as absence."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from agez.paper_network.architecture import Architecture
from agez.paper_network.jobs import TrainingJob, TrainingSettings
from agez.paper_network.kept import KeptNetworks, job_digest
from agez.paper_network.pool import Trainer
from agez.runtime import worker_pool


@pytest.fixture(scope="module")
def job():
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(200, 12)).astype(np.float32)
    return TrainingJob(
        inputs, inputs[:, 0], np.arange(150), np.arange(150, 200), Architecture((8, 8), (6, 6), 4, 25),
        TrainingSettings(max_epochs=2), seed=4, tags={"target": "mh_lw"},
    )  # fmt: skip


def test_what_is_kept_comes_back_the_same_and_is_not_trained_again(job, tmp_path, monkeypatch):
    kept = KeptNetworks(tmp_path / "networks")
    with Trainer(1, kept=kept) as trainer:
        first = trainer.train([job])[0]
    monkeypatch.setattr(worker_pool.sys, "executable", "/bin/false")  # no worker could train
    with Trainer(2, kept=kept) as trainer:
        other_tags = replace(job, tags={"fold": 7})
        again, tagged = trainer.train([job, other_tags])
    for name in first.parameters:
        np.testing.assert_array_equal(again.parameters[name], first.parameters[name])
    np.testing.assert_array_equal(again.validation_mse, first.validation_mse)
    assert (again.best_epoch, again.stopped_early, again.gave_up) == (first.best_epoch, first.stopped_early, False)
    assert again.seconds == first.seconds
    assert (again.tags, tagged.tags) == ({"target": "mh_lw"}, {"fold": 7})
    assert len(list(kept.folder.iterdir())) == 1


def test_any_difference_is_another_job(job):
    inputs, target = job.inputs.copy(), job.target.copy()
    inputs[3, 3] = np.nextafter(inputs[3, 3], 9)
    target[199] += 1e-6
    others = [
        replace(job, inputs=inputs),
        replace(job, target=target),
        replace(job, train=np.arange(149)),
        replace(job, validation=np.arange(151, 200)),
        replace(job, train=np.arange(151), validation=np.arange(151, 200)),
        replace(job, architecture=Architecture((8, 8), (6, 6), 4, 30)),
        replace(job, settings=TrainingSettings(max_epochs=3)),
        replace(job, seed=5),
        replace(job, give_up_above=np.ones(2)),
        replace(job, give_up_above=np.ones(1)),
    ]
    digests = {job_digest(one) for one in [job, *others]}
    assert len(digests) == len(others) + 1
    assert job_digest(replace(job, tags={"any": "thing"})) == job_digest(job)


@pytest.mark.parametrize("damage", ["cut", "empty", "noise"])
def test_a_damaged_file_counts_as_absent(job, tmp_path, damage):
    kept = KeptNetworks(tmp_path)
    with Trainer(1, kept=kept) as trainer:
        network = trainer.train([job])[0]
        path = next(tmp_path.iterdir())
        whole = path.read_bytes()
        path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "noise": b"x" * 500}[damage])
        assert kept.find(job) is None
        again = trainer.train([job])[0]
    np.testing.assert_array_equal(again.parameters["dense_kernel"], network.parameters["dense_kernel"])
    assert kept.find(job) is not None


def test_training_on_a_cpu_needs_no_jax(job):
    """In a fresh interpreter, from a job to a network: nothing imports JAX, and nothing misses it."""
    code = (
        "import sys; sys.modules['jax'] = None\n"
        "import numpy as np\n"
        "from agez.paper_network.architecture import Architecture\n"
        "from agez.paper_network.jobs import TrainingJob, TrainingSettings\n"
        "from agez.paper_network.pool import train_many\n"
        "from agez.paper_network.ensemble import train_paper_networks\n"
        "x = np.random.default_rng(1).normal(size=(60, 12)).astype(np.float32)\n"
        "job = TrainingJob(x, x[:, 0], np.arange(40), np.arange(40, 60), settings=TrainingSettings(max_epochs=1),\n"
        "                  architecture=Architecture((8, 8), (6, 6), 4, 25))\n"
        "print(*(len(one.validation_mse) for one in train_many([job, job], workers=2)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout.strip(), done.stderr) == ("1 1", "")
