"""The commands and code of the README and of docs/ work, and the pages keep step with the code."""

import argparse
import re
import shlex
import subprocess
import sys
import tomllib

import numpy as np
import pytest
import yaml
from astropy.table import Table
from cli_road import Road
from doc_pages import PAGES, ROOT, name_of

import agez
from agez.cli import _parser
from agez.mocks.survey import iterate_survey, survey_plan
from agez.models.model_file import load_model
from agez.photometry.filters import load_filters
from agez.photometry.synthesis import synthesize
from agez.report.citations import citations

README = (ROOT / "README.md").read_text(encoding="utf-8")
#: Two screens.
MOST_LINES, WIDEST = 100, 120


def block(mark: str, page: str = "README.md") -> str:
    """The code block after a mark of a page."""
    found = re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    assert found is not None, f"{page} has no code block after <!-- {mark} -->"
    return found[1]


def commands(text: str) -> list[list[str]]:
    """Words after ``agez`` of each command of a text."""
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip().startswith("agez ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def test_readme_is_two_screens_with_a_picture_first():
    lines = README.splitlines()
    assert len(lines) <= MOST_LINES
    assert [line for line in lines if len(re.sub(r"\]\([^)]*\)", "", line)) > WIDEST] == []
    assert README.index("![") < README.index("## ")


def test_two_commands_install_and_run():
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    installs = [one.strip() for one in blocks if "pip install" in one and one != block("try")]
    assert len(installs) == 2
    assert all("\n" not in one and one.startswith("python3 -m venv ") for one in installs)
    run, test = installs
    assert "'.[reproduce]'" in run
    assert run.endswith("agez reproduce")
    assert "'.[test]'" in test
    assert test.endswith("python -m pytest -n auto")
    assert block("test-command").strip() == test


def test_readme_and_start_say_the_same():
    """What a new user types first, and the first lines of Python; start.md has another name of the table."""
    assert block("try") == block("try", "docs/start.md")
    assert block("python").replace("catalogue.csv", "mine.csv").split() == block("python", "docs/start.md").split()


def test_every_extra_is_on_the_install_page():
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = re.findall(r"^\| (`.*?`) \|", page, flags=re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(project["optional-dependencies"])
    asked = {name for text in (README, page) for one in re.findall(r"\.\[([\w,]+)\]", text) for name in one.split(",")}
    assert asked - {"NAME"} <= set(project["optional-dependencies"])
    packages = {re.split(r"[>=]", one)[0] for one in project["dependencies"]}
    assert all(re.search(rf"\b{name}\b", page) for name in packages)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_of_every_page_are_understood(page):
    blocks = re.findall(r"```(?:sh|text)?\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for words in (words for one in blocks for words in commands(one)):
        assert _parser().parse_args(words).command == words[0]


def test_continuous_integration_runs_that_command(tmp_path):
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    extraction = re.search(r"^command=\$\((.*)\)$", script, flags=re.MULTILINE)
    assert extraction is not None
    done = subprocess.run(["bash", "-c", extraction[1]], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == block("test-command")
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)


def test_the_chain_of_own_spectra_is_whole():
    words = commands(block("usage", "docs/own_spectra.md"))
    assert [one[0] for one in words] == ["mock", "synth", "label", "sample", "train", "predict", "gradient"]
    assert [one[0] for one in commands(block("cubes", "docs/own_spectra.md"))] == ["label", "synth", "sample"]


#: The galaxy of the chain's examples: all of its rows are good by the model that its commands train.
EXAMPLE = "MOCK0013"


def test_the_examples_geometry_is_that_of_its_galaxy():
    """Numbers of the gradient's command are those that the first command writes into survey/galaxies.fits."""
    lines = commands(block("usage", "docs/own_spectra.md"))
    mock, gradient = (_parser().parse_args(words) for words in (lines[0], lines[-1]))
    assert gradient.galaxy == EXAMPLE
    assert f"survey/{EXAMPLE}.V500" in block("chain", "docs/own_spectra.md")
    galaxies = survey_plan(mock.galaxies, mock.spectra, seed=mock.seed).galaxies
    (at,) = galaxies.rows_of(np.array([EXAMPLE]))
    told = (gradient.re, gradient.inclination, gradient.pa)
    own = (galaxies.re_arcsec[at], galaxies.inclination[at], galaxies.pa[at])
    assert told == pytest.approx(own, abs=0.06)


def test_the_examples_rows_are_good(emiles):
    """The spectra of that galaxy, answered by a model that ships, after the same steps."""
    mock = _parser().parse_args(commands(block("usage", "docs/own_spectra.md"))[0])
    plan = survey_plan(mock.galaxies, mock.spectra, seed=mock.seed)
    (made,) = iterate_survey(plan, emiles, indices=[int(EXAMPLE.removeprefix("MOCK")) - 1])
    assert made.galaxies.galaxy_id.tolist() == [EXAMPLE]
    prediction = load_model("paper").predict(synthesize(made.spectra, load_filters("jpas")))
    assert prediction.good[0]
    assert prediction.good.mean() > 0.9


def test_commands_for_catalogues_and_images_are_there():
    assert [words[0] for words in commands(block("catalogue"))] == [*["predict"] * 3, "map", "map"]


def test_the_chain_in_python_runs(road: Road, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    # so that the test needs no template files, and of a survey of a few galaxies
    code = block("chain", "docs/own_spectra.md").replace('"emiles"', '"made-up"').replace(EXAMPLE, "MOCK0001")
    monkeypatch.chdir(road.folder)
    exec(compile(code, "own_spectra.md", "exec"), {})
    numbers = capsys.readouterr().out.split()
    assert len(numbers) == 6
    assert 5 < float(numbers[0]) < 11


def test_python_snippet_runs(tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """On a table as the README describes it."""
    bands = load_filters("splus").bands.names
    magnitudes = [18.4, 18.1, 17.8, 17.5, 17.3, 17.1, 16.9, 16.6, 16.5, 16.3, 16.2, 16.2]
    table = Table({"redshift": [0.02, 0.03]})
    for band, magnitude in zip(bands, magnitudes, strict=True):
        table[f"mag_{band}"], table[f"mag_{band}_err"] = [magnitude, magnitude + 0.3], [0.02, 0.02]
    table.write(tmp_path / "catalogue.csv")
    monkeypatch.chdir(tmp_path)
    exec(compile(block("python"), "README.md", "exec"), {})
    assert capsys.readouterr().out.endswith("[ True  True]\n")
    assert (tmp_path / "row.png").stat().st_size > 0


def test_the_page_on_python_runs(tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"<!-- table -->\n```python\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "python.md", "exec"), {})
    assert capsys.readouterr().out.startswith("<Prediction: 2 rows; answered: 2; model: splus")
    assert (tmp_path / "ngc2.png").exists()
    methods = re.findall(r"^\| `(\w+)\(", page, flags=re.MULTILINE)
    assert methods
    assert all(callable(getattr(agez.Prediction, name)) for name in methods)


def test_every_page_and_benchmark_is_listed():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert [p.name for p in ROOT.glob("docs/*.md") if p.name != "index.md" and f"({p.name})" not in index] == []
    listed = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert [p.name for p in ROOT.glob("benchmarks/*.py") if f"`{p.name}" not in listed] == []


def test_flags_page_is_that_of_the_code(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from write_docs import flags_page

    page = (ROOT / "docs" / "flags.md").read_text(encoding="utf-8")
    assert page == flags_page(), "run: python tools/write_docs.py"
    sys.modules.pop("write_docs")


def cited() -> tuple[set[tuple[str, str]], str]:
    """(volume, page) of every article in CITATION.cff, and its whole text."""
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    assert content["cff-version"] == "1.2.0"
    for one in content["references"]:
        assert {"type", "title", "authors"} <= one.keys(), one
    return {(str(one.get("volume")), str(one.get("start"))) for one in content["references"]}, text


def test_every_citation_of_a_report_is_in_the_citation_file():
    articles, text = cited()
    libraries = dict.fromkeys(("numpy", "scipy", "astropy", "jax", "matplotlib"), "1")
    found = citations(source="mock", templates="E-MILES and PopStar", versions=libraries)
    assert len(found) > len(libraries)
    for what, reference in found:
        parts = re.findall(r"(\d+), ([A-Z]?\d+)\b", reference)
        journal = [(volume, page) for volume, page in parts if not re.fullmatch(r"(19|20)\d\d", volume)]
        assert all(one in articles for one in journal), f"{what}: {reference}"
        if not journal:
            author = re.search(r"[A-ZÀ-Ý][\w-]+(?= et al\.|,| )", reference)
            assert author is not None
            assert author[0] in text, f"{what}: {reference}"


def test_every_library_is_in_the_citation_file():
    _, text = cited()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(one for extra in extras.values() for one in extra)]
    names = {re.split(r"[\[<>=~! ]", one)[0] for one in wanted}
    names -= {
        "agez",
        "jedi",
        "mypy",
        "playwright",
        "polars",
        "pytest",
        "pytest-xdist",
        "ruff",
    }  # tools of the developers
    names -= {"myst-nb", "pydata-sphinx-theme", "sphinx", "sphinx-copybutton"}
    assert [name for name in sorted(names) if f'notes: "{name}' not in text] == []


def test_version_is_the_same_everywhere():
    """In the package, CITATION.cff and the conda recipe; the newest release of the changelog has its date."""
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(content["version"]) == agez.__version__
    recipe = (ROOT / "conda" / "meta.yaml").read_text(encoding="utf-8")
    assert re.findall(r'set version = "(.*)"', recipe) == [agez.__version__]
    releases = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", changelog(), flags=re.MULTILINE)
    assert releases[0] == ("Unreleased", "")
    assert releases[1] == (agez.__version__, str(content["date-released"]))
    assert all(date for _, date in releases[1:])
    versions = [tuple(map(int, version.split("."))) for version, _ in releases[1:]]
    assert versions == sorted(set(versions), reverse=True)


def changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_changelog_is_in_the_common_form():
    """https://keepachangelog.com/en/1.1.0: known headings, each once a release and in their order."""
    kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    assert changelog().startswith("# Changelog\n")
    assert len(re.findall(r"^## ", changelog(), flags=re.MULTILINE)) == len(
        re.findall(r"^## \[", changelog(), flags=re.MULTILINE)
    )
    for release in changelog().split("\n## ")[1:]:
        found = re.findall(r"^### (.*)$", release, flags=re.MULTILINE)
        assert found == [kind for kind in kinds if kind in found]


def test_what_the_changelog_names_is_there():
    """Public names, and options of the new release, as it spells them."""
    text = changelog().partition("## [0.2.0]")[2].partition("### Removed")[0]
    names = set(re.findall(r"`agez\.(\w+)", text)) - {"learn", "posterior", "sky", "maps_files"}
    assert [name for name in names if not hasattr(agez, name)] == []
    (subparsers,) = [one for one in _parser()._actions if isinstance(one, argparse._SubParsersAction)]
    options = {option for one in subparsers.choices.values() for option in one._option_string_actions}
    assert set(re.findall(r"(?<!-)--[a-z][a-z-]+", text)) <= options
    assert set(re.findall(r"`agez ([a-z]+)", text)) <= set(subparsers.choices)


def test_the_minimum_versions_are_those_that_are_tested():
    """Every requirement with a lower bound that .ci/minimum.txt pins has that version as its bound, and none lacks."""
    pinned = dict(
        line.split("==") for line in (ROOT / ".ci" / "minimum.txt").read_text().splitlines() if not line.startswith("#")
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    bounds = dict(re.findall(r"([\w-]+)>=([\d.]+)", " ".join(wanted)))

    def plain(version):
        return re.sub(r"(\.0)+$", "", version)

    needed = {re.split(r"[<>=~!]", one)[0] for one in project["dependencies"]}
    assert needed <= set(pinned)
    assert {name: plain(version) for name, version in pinned.items()} == {n: plain(bounds[n]) for n in pinned}
    assert ".ci/minimum.txt" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
