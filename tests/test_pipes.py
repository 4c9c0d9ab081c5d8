"""What comes through a pipe is read as the file that it would be."""

import gzip
import os
import threading
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from agez.errors import AgezError
from agez.runtime.files import check_input, check_output
from agez.runtime.pipes import pipes_as_files
from agez.tables.table_files import read_table


def piped(path: Path, content: bytes) -> str:
    """A named pipe into which somebody writes that."""
    os.mkfifo(path)
    threading.Thread(target=path.write_bytes, args=(content,), daemon=True).start()
    return str(path)


@pytest.mark.parametrize("kind", ["csv", "ecsv", "fits", "fits.gz", "csv.gz", "parquet", "vot"])
def test_the_kind_is_found_by_the_content(tmp_path, kind):
    table = Table({"flux_J0378": [1.0, 2.0]})
    plain = tmp_path / f"in.{kind.removesuffix('.gz')}"
    table.write(plain, format="votable" if kind == "vot" else None)
    content = gzip.compress(plain.read_bytes()) if kind.endswith("gz") else plain.read_bytes()
    options = Namespace(input=piped(tmp_path / "pipe", content), model="jplus", redshift=0.1)
    with pipes_as_files(options, ("input", "model", "redshift", "none")):
        path = Path(options.input)
        assert path.name.endswith(kind)
        np.testing.assert_array_equal(read_table(path)["flux_J0378"], [1.0, 2.0])
    assert not path.exists()
    assert options.model == "jplus"


def test_pipes_among_files(tmp_path):
    (tmp_path / "a.csv").write_text("flux_J0378\n1\n")
    options = Namespace(input=[str(tmp_path / "a.csv"), *(piped(tmp_path / n, b"flux_J0378\n2\n") for n in "bc")])
    with pipes_as_files(options, ("input",)):
        assert options.input[0] == str(tmp_path / "a.csv")
        assert [read_table(one)["flux_J0378"][0] for one in options.input] == [1, 2, 2]


def test_what_cannot_be_read_or_written_is_refused(tmp_path):
    empty = Namespace(input=piped(tmp_path / "pipe", b""))
    with pytest.raises(AgezError, match="nothing came through this pipe"), pipes_as_files(empty, ("input",)):
        pass
    for check, words in ((check_input, "is a pipe or a device"), (check_output, "is a pipe or a device")):
        for path in (tmp_path / "pipe", Path("/dev/null")):
            with pytest.raises(AgezError, match=words):
                check(path)
