"""Files appear whole or not at all, and what cannot be read or written is refused."""

import json
import stat
from pathlib import Path

import pytest

from agez.errors import AgezError
from agez.report.answer_page import check_page
from agez.report.catalogue_picture import check_picture
from agez.runtime.files import check_input, check_not_input, check_output, make_folder, whole_file, write_json


def test_input_must_be_a_file_with_content(tmp_path):
    good = tmp_path / "good"
    good.write_text("x")
    assert check_input(str(good)) == good
    (tmp_path / "empty").touch()
    for path, words in (
        (tmp_path / "none", "no such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "empty", "0 bytes"),
    ):
        with pytest.raises(AgezError, match=words) as caught:
            check_input(path)
        assert str(path) in str(caught.value)


def test_an_output_that_is_an_input_is_refused_under_any_name(tmp_path):
    one, other = tmp_path / "one.fits", tmp_path / "other.fits"
    one.write_text("dear")
    other.symlink_to(one)
    for output in (one, other, tmp_path / "none" / ".." / "one.fits"):
        with pytest.raises(AgezError, match="is the input"):
            check_not_input(output, [tmp_path / "none.fits", one])
    check_not_input(tmp_path / "new.fits", [one, tmp_path])
    check_not_input("emiles", ["emiles"])  # a name of templates, and a folder to be made


def test_output_folders_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "c.fits"
    assert check_output(path) == path
    assert path.parent.is_dir()
    assert list(path.parent.iterdir()) == []
    with pytest.raises(AgezError, match="is a folder"):
        check_output(tmp_path)
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper", Path("/proc/agez")):
        with pytest.raises(AgezError, match="cannot be written"):
            make_folder(folder)


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "new.tar.gz"
    with whole_file(path) as part:
        assert part.parent == path.parent
        assert part.name.endswith("new.tar.gz")  # writers choose the format by the extension
        part.write_text("content")
        assert not path.exists()
    assert path.read_text() == "content"
    assert list(tmp_path.iterdir()) == [path]
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


@pytest.mark.parametrize("error", [ValueError("inside"), KeyboardInterrupt(), AgezError("mine")])
def test_an_exception_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("old")

    def write():
        with whole_file(path) as part:
            part.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_operating_system_error_is_one_clear_line(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(AgezError, match=r"file cannot be written: No space left"), whole_file(path):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_its_writer_removed_is_an_error(tmp_path):
    with pytest.raises(AgezError, match="cannot be written"), whole_file(tmp_path / "file") as part:
        part.unlink()
    assert list(tmp_path.iterdir()) == []


def test_json_is_strict(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"é": [1, None, 0.5]})
    assert json.loads(path.read_text()) == {"é": [1, None, 0.5]}
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            write_json(path, {"value": value})
    assert json.loads(path.read_text()) == {"é": [1, None, 0.5]}
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_one_and_what_it_leads_to_is_replaced(tmp_path):
    other = tmp_path / "disk"
    other.mkdir()
    (other / "old.json").write_text("old")
    links = {
        "there.json": other / "old.json",
        "not-yet.json": other / "new.json",
        "far.json": other / "deep" / "a.json",
        "of-link.json": tmp_path / "there.json",
        "relative.json": Path("disk/relative.json"),
    }
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
        write_json(tmp_path / name, {"name": name})
        assert (tmp_path / name).is_symlink()
        assert json.loads((tmp_path / name).read_text())["name"] == name
    assert json.loads((other / "old.json").read_text())["name"] == "of-link.json"
    assert not [one for one in tmp_path.rglob(".part-*")]
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    with pytest.raises(AgezError, match="leads to itself"):
        write_json(tmp_path / "loop.json", {})
    with pytest.raises(RuntimeError), whole_file(tmp_path / "there.json"):
        raise RuntimeError
    assert json.loads((other / "old.json").read_text())["name"] == "of-link.json"


def test_what_is_no_path_is_no_file():
    for one in ({"a": 1}, 3, None):
        with pytest.raises(AgezError, match=f"a {type(one).__name__} is no file"):
            check_input(one)


def test_an_output_error_names_the_option_that_was_given(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AgezError, match=r"choose another with --page$"):
        check_page(tmp_path / "file" / "page.html")
    with pytest.raises(AgezError, match=r"choose another with --picture$"):
        check_picture(tmp_path / "file" / "picture.png")
    with pytest.raises(AgezError, match=r"choose another with --pictures$"):
        make_folder(tmp_path / "file" / "pictures", option="--pictures")
    with pytest.raises(AgezError, match=r"choose another with -o/--out$"):
        check_output(tmp_path / "file" / "out.fits")
