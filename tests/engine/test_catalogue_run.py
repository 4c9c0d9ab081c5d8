"""Runs over catalogues: what is done stays done, what is bad is set aside, and who works makes no difference."""

import errno
import os
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from made_up_catalogue import MODEL, columns, opened, write_catalogue

from agez.engine import pieces, schedulers
from agez.engine.run import run_catalogue
from agez.engine.tally import Tally
from agez.errors import AgezError
from agez.models.asked import Asked
from agez.tables.prediction_files import read_prediction
from agez.tables.table_files import read_table

pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A catalogue, and the output of a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    catalogue, job = opened(write_catalogue(folder / "catalogue"))
    report = run_catalogue(catalogue, job, folder / "out.parquet", workers=1)
    assert list(folder.glob(".*")) == []
    return folder, report


@pytest.fixture
def again(whole, tmp_path):
    """A copy of the catalogue that may be spoiled, opened."""
    shutil.copytree(whole[0] / "catalogue", tmp_path / "catalogue")
    return tmp_path / "catalogue"


def same_as_whole(whole, output):
    return output.read_bytes() == (whole[0] / "out.parquet").read_bytes()


def kept(tmp_path):
    return sorted((tmp_path / ".out.parquet.parts").glob("*.parquet"))


def test_a_row_has_the_answer_that_it_has_alone(whole, tmp_path):
    folder, report = whole
    assert (report.n_rows, report.failed, report.resumed, report.n_partitions) == (1200, (), 0, 4)
    got = read_prediction(folder / "out.parquet")
    assert got.rows.spec_id.tolist() == [f"{k}-{i:05d}" for k in range(4) for i in range(300)]
    catalogue, job = opened(folder / "catalogue" / "tile2.parquet")
    alone = run_catalogue(catalogue, job, tmp_path / "alone.parquet")
    assert alone.n_rows == 300
    np.testing.assert_allclose(read_prediction(tmp_path / "alone.parquet").mh_lw, got.mh_lw[600:900], atol=1e-9)
    assert report.n_answered == np.isfinite(got.mh_lw).sum()
    assert report.tally.counts["log_age_mh"].sum() == report.n_answered
    assert report.flags == {name: n for name, n in report.flags.items() if n > 0}


def test_tallies_can_be_kept(whole):
    counted = whole[1].tally
    back = Tally.from_json(counted.to_json())
    assert all(np.array_equal(back.counts[name], counted.counts[name]) for name in counted.counts)
    assert back.counts["redshift_mh"].sum() == back.counts["mh_err"].sum() > 0


def interrupted_after(n, monkeypatch, error=KeyboardInterrupt):
    real, done = schedulers.answer_partition, []

    def answer(job, partition, piece):
        if len(done) == n:
            raise error
        done.append(partition.number)
        return real(job, partition, piece)

    monkeypatch.setattr(schedulers, "answer_partition", answer)


def test_an_interrupted_run_goes_on_and_ends_bitwise_the_same(whole, again, tmp_path, monkeypatch):
    catalogue, job = opened(whole[0] / "catalogue")
    with monkeypatch.context() as patch:
        interrupted_after(3, patch)
        with pytest.raises(KeyboardInterrupt):
            run_catalogue(catalogue, job, tmp_path / "out.parquet", workers=1)
    assert not (tmp_path / "out.parquet").exists()
    assert len(kept(tmp_path)) == 3
    (tmp_path / ".out.parquet.parts" / ".part-x.parquet").write_bytes(b"half")
    kept(tmp_path)[1].write_bytes(b"cut")  # a piece that is damaged is made again
    report = run_catalogue(catalogue, job, tmp_path / "out.parquet", workers=1)
    assert report.resumed == 2
    assert same_as_whole(whole, tmp_path / "out.parquet")
    assert kept(tmp_path) == []
    assert report.flags == whole[1].flags
    assert np.array_equal(report.tally.counts["ood"], whole[1].tally.counts["ood"])


def test_other_options_and_a_fresh_run_begin_anew(whole, tmp_path, monkeypatch):
    catalogue, job = opened(whole[0] / "catalogue")
    for options, fresh in (({"keep": ("ebv",)}, False), ({}, True)):
        with monkeypatch.context() as patch:
            interrupted_after(2, patch)
            with pytest.raises(KeyboardInterrupt):
                run_catalogue(catalogue, job, tmp_path / "out.parquet", workers=1)
        assert len(kept(tmp_path)) == 2
        other = opened(whole[0] / "catalogue", **options)[1]
        assert run_catalogue(catalogue, other, tmp_path / "out.parquet", workers=1, fresh=fresh).resumed == 0


def spoil(path):
    """Damage that the footer does not show."""
    content = bytearray(path.read_bytes())
    content[200:4000] = os.urandom(3800)
    path.write_bytes(bytes(content))


def cut(path):
    path.write_bytes(path.read_bytes()[:-300])


@pytest.mark.parametrize("damage", [spoil, cut, lambda path: path.write_bytes(b"PAR1 nothing PAR1")])
def test_a_corrupt_file_is_set_aside_and_answered_once_it_is_mended(whole, again, tmp_path, damage):
    bad = again / "tile1.parquet"
    good, times = bad.read_bytes(), bad.stat()
    damage(bad)
    catalogue, job = opened(again)
    report = run_catalogue(catalogue, job, tmp_path / "out.parquet", workers=1)
    assert [name.split()[0] for name, _ in report.failed] == ["tile1.parquet"]
    assert "tile1.parquet" in report.failed[0][1]
    assert report.n_rows == 900
    assert report.kept
    assert len(read_table(tmp_path / "out.parquet")) == 900
    bad.write_bytes(good)
    os.utime(bad, ns=(times.st_atime_ns, times.st_mtime_ns + 10**9))
    catalogue, job = opened(again)
    report = run_catalogue(catalogue, job, tmp_path / "out.parquet", workers=1)
    assert (report.resumed, report.failed, report.kept) == (3, (), "")
    assert same_as_whole(whole, tmp_path / "out.parquet")


def test_a_file_that_goes_away(again, tmp_path):
    catalogue, job = opened(again)
    (again / "tile3.parquet").unlink()
    report = run_catalogue(catalogue, job, tmp_path / "out.parquet", workers=1)
    assert report.n_rows == 900
    assert "tile3.parquet is not there for" in report.failed[0][1]


def test_if_none_can_be_answered_the_reason_is_said_and_nothing_left(again, tmp_path):
    catalogue, _ = opened(again)
    from agez.engine.answer import make_job

    job = make_job(catalogue, MODEL, filters="splus", redshift=0.1)
    with pytest.raises(AgezError, match="has a column redshift"):
        run_catalogue(catalogue, job, tmp_path / "out.parquet", workers=1)
    assert [one.name for one in tmp_path.iterdir()] == ["catalogue"]


def test_a_full_disk_stops_the_run_and_keeps_what_is_done(whole, tmp_path, monkeypatch):
    catalogue, job = opened(whole[0] / "catalogue")
    import agez.catalogues.write_pieces as writer

    real, done = writer.write_piece, []

    def full(path, table, **options):
        done.append(path)
        if len(done) == 3:
            from agez.runtime.files import whole_file

            with whole_file(path) as part:
                part.write_bytes(b"half")
                raise OSError(errno.ENOSPC, "No space left on device")
        real(path, table, **options)

    monkeypatch.setattr(writer, "write_piece", full)
    with pytest.raises(AgezError, match=r"No space left.*2 partitions that are done are kept"):
        run_catalogue(catalogue, job, tmp_path / "out.parquet", workers=1)
    assert len(kept(tmp_path)) == 2
    assert list((tmp_path / ".out.parquet.parts").glob(".part-*")) == []
    report = run_catalogue(catalogue, job, tmp_path / "out.parquet", workers=1)
    assert report.resumed == 2
    assert same_as_whole(whole, tmp_path / "out.parquet")


def test_a_disk_that_is_really_full(whole, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=280k", "tmpfs", str(small)]
    if shutil.which("mount") is None or subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("no small file system can be mounted here")
    try:
        catalogue, job = opened(whole[0] / "catalogue")
        with pytest.raises(AgezError, match="No space left") as told:
            run_catalogue(catalogue, job, small / "out.parquet", workers=1)
        assert not (small / "out.parquet").exists()
        assert list(small.rglob(".part-*")) == []
        n = len(kept(small))
        assert n >= 1, told.value
        subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)
        assert run_catalogue(catalogue, job, small / "out.parquet", workers=1).resumed == n
        assert same_as_whole(whole, small / "out.parquet")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_workers_of_another_version_refuse(whole, tmp_path, monkeypatch):
    monkeypatch.setattr("agez.engine.answer.__version__", "0.0.0")
    catalogue, job = opened(whole[0] / "catalogue")
    with pytest.raises(AgezError, match="install the same on both"):
        run_catalogue(catalogue, job, tmp_path / "out.parquet", workers=1)


def test_pieces_are_named_by_what_they_depend_on(again):
    catalogue, job = opened(again)

    def names(job):
        return [one.path for one in pieces.pieces_of(job, catalogue.partitions, again, ".fits").values()]

    first = names(job)
    assert len(set(first)) == len(first)
    assert set(first).isdisjoint(names(opened(again, distribution=True)[1]))
    for asked in (Asked(("mh_lw",)), Asked(cosmology="WMAP9"), Asked(library="emiles")):
        assert set(first).isdisjoint(names(replace(job, asked=asked)))
    os.utime(again / "tile2.parquet", (1, 1))
    assert [a == b for a, b in zip(first, names(job), strict=True)] == [True, True, False, True]


def test_one_table_in_memory_is_one_in_pieces(tmp_path):
    """Also where a CSV or FITS file is cut: the bits are those of the whole."""
    from astropy.table import Table

    table = Table(columns(900))
    for end in ("fits", "csv"):
        table.write(tmp_path / f"in.{end}")
        from agez.catalogues.open_catalogue import open_catalogue
        from agez.engine.answer import make_job

        for rows, name in ((1000, "one"), (250, "many")):
            catalogue = open_catalogue(tmp_path / f"in.{end}", rows_per_partition=rows)
            run_catalogue(catalogue, make_job(catalogue, MODEL, filters="splus"), tmp_path / f"{name}.{end}", workers=1)
        one, many = (read_prediction(tmp_path / f"{name}.{end}") for name in ("one", "many"))
        assert one.rows.spec_id.tolist() == many.rows.spec_id.tolist()
        np.testing.assert_allclose(one.log_age_lw, many.log_age_lw, atol=1e-6)
        assert np.array_equal(one.flags, many.flags)
