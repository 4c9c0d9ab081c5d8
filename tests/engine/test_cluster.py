"""A real Dask cluster of two worker processes: the same bits as one process, and what a killed worker does."""

import os
import signal
import threading
import time

import pytest
from made_up_catalogue import opened, write_catalogue

from agez.engine import schedulers
from agez.engine.run import run_catalogue
from agez.errors import AgezError

pytest.importorskip("pyarrow")
distributed = pytest.importorskip("distributed")
# distributed's own sockets and loops, closed a little late
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A catalogue, and the output of one process."""
    folder = tmp_path_factory.mktemp("cluster")
    catalogue, job = opened(write_catalogue(folder / "catalogue", files=8, rows=2000))
    run_catalogue(catalogue, job, folder / "out.parquet", workers=1)
    return folder


@pytest.fixture(scope="module")
def workers():
    """Two single-threaded workers that a nanny starts again."""
    with schedulers.local_client(2) as client:
        yield client


@pytest.fixture
def cluster(workers):
    """The two, both there again, whatever the test before did to them."""
    workers.wait_for_workers(2, timeout=180)
    return workers


def workers_pids(client):
    return sorted(client.run(os.getpid).values())


def test_a_cluster_that_runs_and_a_worker_that_is_killed_in_the_middle(whole, cluster, tmp_path):
    catalogue, job = opened(whole / "catalogue")
    before, killed = workers_pids(cluster), []

    def kill():
        folder = tmp_path / ".out.parquet.parts"
        while not list(folder.glob("*.json")):
            time.sleep(0.01)
        os.kill(before[0], signal.SIGKILL)
        killed.append(before[0])

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    report = run_catalogue(
        catalogue, job, tmp_path / "out.parquet", scheduler=cluster.scheduler.address
    )  # fmt: skip
    killer.join(timeout=5)
    assert killed == before[:1]
    assert report.failed == ()
    assert (tmp_path / "out.parquet").read_bytes() == (whole / "out.parquet").read_bytes()


def test_a_partition_over_which_workers_die_is_set_aside(whole, tmp_path, monkeypatch):
    """As one does that is out of memory.  The others are answered, though all wait in the same worker and die with it.

    It dies eight times, and is started again each time.
    """
    catalogue, job = opened(whole / "catalogue")
    monkeypatch.setattr(schedulers, "answer_partition", _die_over_tile2)
    with schedulers.local_client(1) as client:
        report = run_catalogue(catalogue, job, tmp_path / "out.parquet", scheduler=client.scheduler.address)
    assert [name.split()[0] for name, _ in report.failed] == ["tile2.parquet"]
    assert "killed" in report.failed[0][1]
    assert report.n_rows == 7 * 2000
    monkeypatch.undo()
    report = run_catalogue(catalogue, job, tmp_path / "out.parquet", workers=1)
    assert report.resumed == 7
    assert (tmp_path / "out.parquet").read_bytes() == (whole / "out.parquet").read_bytes()


def _die_over_tile2(job, partition, piece):
    if "tile2" in partition.path:
        time.sleep(0.3)  # until others wait behind it
        os.kill(os.getpid(), signal.SIGKILL)
    from agez.engine.answer import answer_partition

    return answer_partition(job, partition, piece)


def test_workers_that_do_not_see_the_files_are_named(whole, cluster, tmp_path, monkeypatch):
    catalogue, job = opened(whole / "catalogue")
    address = cluster.scheduler.address
    monkeypatch.setattr(schedulers, "fitness", _nothing_is_there)
    with pytest.raises(AgezError, match=r"worker tcp://.* does not see"):
        run_catalogue(catalogue, job, tmp_path / "out.parquet", scheduler=address)
    assert list(tmp_path.iterdir()) == []
    assert schedulers.fitness is not None
    monkeypatch.undo()
    assert "install the same" in schedulers.fitness("0.0.0", "", "")
    assert "does not see" in schedulers.fitness(job.version, str(tmp_path / "none"), "")
    assert "does not see" in schedulers.fitness(job.version, str(tmp_path), str(tmp_path / "token"))


def _nothing_is_there(version, catalogue, token):
    from agez.engine.schedulers import fitness

    return fitness(version, catalogue + "/elsewhere", token)


def test_nobody_at_the_address(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(schedulers, "CONNECT_SECONDS", 1)
    catalogue, job = opened(whole / "catalogue")
    for address in ("tcp://127.0.0.1:1", "nonsense"):
        with pytest.raises(AgezError, match="no Dask scheduler answers there"):
            run_catalogue(catalogue, job, tmp_path / "out.parquet", scheduler=address)


def test_where_it_pays_workers_are_started(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(schedulers, "START_SECONDS", 0.0)
    monkeypatch.setattr("agez.engine.run.usable_cores", lambda: 2)
    catalogue, job = opened(whole / "catalogue")
    report = run_catalogue(catalogue, job, tmp_path / "out.parquet")
    assert report.n_workers == 2
    assert [one.name for one in tmp_path.iterdir()] == ["out.parquet"]
    assert (tmp_path / "out.parquet").read_bytes() == (whole / "out.parquet").read_bytes()
