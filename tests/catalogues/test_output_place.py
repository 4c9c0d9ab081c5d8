"""No run takes away what is not agez's: not its input, not another's folder, not a file put among the answers."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from agez.catalogues import assemble as assemble_module
from agez.catalogues.assemble import assemble
from agez.catalogues.catalogue import Catalogue, Partition
from agez.catalogues.output_place import MARK, check_place, output_place
from agez.catalogues.write_pieces import write_piece
from agez.errors import AgezError


def dataset(folder: Path) -> Path:
    """A folder of Parquet with the summary files that Spark, Dask and agez write."""
    folder.mkdir()
    table = pa.table({"a": np.arange(3)})
    pq.write_table(table, folder / "part.0.parquet")
    pq.write_metadata(table.schema, folder / "_common_metadata")
    return folder


def answered(folder: Path, output: Path, source: Path) -> None:
    piece = folder / "piece.parquet"
    write_piece(piece, Table({"id": ["1"]}))
    partition = Partition(0, "part-00000", str(piece), "parquet", 0, 1)
    assemble(output, [(partition, piece)], catalogue=Catalogue(str(source), "parquet", (), ()))


def contents(folder: Path) -> dict[str, bytes]:
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_a_dataset_of_somebody_else_stays(tmp_path: Path) -> None:
    theirs = dataset(tmp_path / "theirs")
    before = contents(theirs)
    with pytest.raises(AgezError, match=r"holds other things.*part\.0\.parquet|holds other things.*_common_metadata"):
        answered(tmp_path, theirs, tmp_path / "source")
    assert contents(theirs) == before


def test_the_input_under_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = dataset(tmp_path / "source")
    (tmp_path / "link").symlink_to(source)
    (source / "deeper").mkdir()
    catalogue = Catalogue(str(source), "parquet", (), ())
    for output in (source, tmp_path / "link", source / "deeper" / "..", tmp_path / "x" / ".." / "source"):
        with pytest.raises(AgezError, match="would be lost"):
            check_place(output_place(output), catalogue)
    with pytest.raises(AgezError, match="would be lost"):
        check_place(tmp_path, catalogue)
    for inside in (source / "new", tmp_path / "link" / "answers.parquet"):
        with pytest.raises(AgezError, match="in the folder that is read"):
            check_place(inside, catalogue)
    monkeypatch.chdir(source)
    with pytest.raises(AgezError, match="would be lost"):
        check_place(output_place("."), catalogue)
    check_place(tmp_path / "new", catalogue)
    check_place(tmp_path / "source.parquet", catalogue)
    # beside a single file is fine
    check_place(source / "answers.parquet", Catalogue(str(source / "part.0.parquet"), "parquet", (), ()))


def test_a_file_put_among_the_answers_stays(tmp_path: Path) -> None:
    output = tmp_path / "out"
    for _ in range(2):
        answered(tmp_path, output, tmp_path / "source")
    assert (output / MARK).is_file()
    (output / "thesis.tex").write_text("x")
    with pytest.raises(AgezError, match=r"thesis\.tex"):
        answered(tmp_path, output, tmp_path / "source")
    assert (output / "thesis.tex").read_text() == "x"


def test_a_file_where_a_folder_is_meant(tmp_path: Path) -> None:
    (tmp_path / "afile").write_text("mine")
    with pytest.raises(AgezError, match="is a file"):
        check_place(tmp_path / "afile", Catalogue(str(tmp_path / "source"), "parquet", (), ()))


def test_what_had_the_name_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "out"
    answered(tmp_path, output, tmp_path / "source")
    before = contents(output)
    replace = Path.replace

    def fails(self: Path, target: Path) -> Path:
        if self.name.startswith(".part-") and not self.name.endswith("-old"):
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(assemble_module.Path, "replace", fails)
    with pytest.raises(AgezError, match="cannot be written"):
        answered(tmp_path, output, tmp_path / "source")
    assert contents(output) == before
    assert not list(tmp_path.glob(".part-*"))


def test_through_a_link(tmp_path: Path) -> None:
    """A link to a folder of answers stays one."""
    real = tmp_path / "disk2"
    answered(tmp_path, real, tmp_path / "source")
    (tmp_path / "out").symlink_to(real)
    answered(tmp_path, tmp_path / "out", tmp_path / "source")
    assert (tmp_path / "out").is_symlink()
    assert pq.read_table(tmp_path / "out").num_rows == 1
