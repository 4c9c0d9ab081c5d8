"""Links of the documentation: those inside it lead to a page and a heading, those to elsewhere are whole and real.

No network is asked: what a server answers is not tested.
"""

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from doc_pages import PAGES, ROOT, anchors, name_of, without_code

#: Files with addresses beside the pages.
OTHERS = ("CITATION.cff", "pyproject.toml", "conda/meta.yaml", "joss/paper.bib", ".github/ISSUE_TEMPLATE/config.yml")
#: Names that stand for none (RFC 2606 and 6761), and words of templates.
PLACEHOLDER = re.compile(
    r"(^|\.)(example(\.\w+)?|invalid|test|localhost|local)$|todo|your|placeholder|xxx", re.IGNORECASE
)
#: Services that have no https.
WITHOUT_HTTPS = {"ftp.caha.es"}


def problem(url: str) -> str | None:
    """What is wrong with the form of an address; None if nothing."""
    if re.search(r"[\s<>\"'`{}|\\^\[\]]", url):
        return "has a character that no address has"
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and host not in WITHOUT_HTTPS:
        return "is not https"
    if not re.fullmatch(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", host):
        return "has no host name"
    if PLACEHOLDER.search(host) or PLACEHOLDER.search(parts.path):
        return "is a placeholder"
    if url[-1] in ".,;:)" or ".." in url:
        return "ends in the sentence's punctuation, or holds dots for something"
    words = [word for word in parts.path.split("/") if word]
    if host == "github.com" and len(words) < 2:
        return "names no repository"
    if host == "doi.org" and not re.fullmatch(r"/10\.\d{4,9}/\S+", parts.path):
        return "is no DOI"
    if host.endswith("adsabs.harvard.edu") and not re.fullmatch(r"/abs/\d{4}[\w.&%]{15,}(/abstract)?", parts.path):
        return "is no bibliographic code of ADS"
    return None


def addresses(path: Path) -> list[str]:
    """Every address in a file; in pages the targets of links too, whatever they begin with."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".md":
        return [url.rstrip(".,;:)}") for url in re.findall(r"\b(?:https?|ftp)://[^\s\"'<>{}]+", text)]
    text = without_code(text)
    linked = [target for target in re.findall(r"\]\(([^)]*)\)", text) if re.match(r"\w+:|//|www\.", target)]
    bare = re.findall(r"\b(?:https?|ftp)://[^\s)>\]]+", re.sub(r"\]\([^)]*\)", "]", text))
    return [*linked, *(url.rstrip(".,;:") for url in bare)]


FILES = [*PAGES, *(ROOT / name for name in OTHERS if (ROOT / name).exists())]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://pypi.org/project/ppxf/", "https"),
        ("ftp://ftp.example.com", "https"),
        ("https://example.org/agez", "placeholder"),
        ("https://agez.test", "placeholder"),
        ("https://github.com/YOUR-NAME/agez", "placeholder"),
        ("https://splus cloud", "character"),
        ("https://splus", "host"),
        ("https://splus.cloud.", "host"),
        ("https://localhost:80/", "host"),
        ("https://splus.cloud/...", "punctuation"),
        ("https://github.com/agez", "repository"),
        ("https://doi.org/agez", "DOI"),
        ("https://ui.adsabs.harvard.edu/abs/Liew-Cain2021", "bibliographic"),
    ],
)
def test_what_is_no_address_is_told(url, said):
    assert said in str(problem(url))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_addresses_are_whole_and_real(path):
    assert [(url, problem(url)) for url in addresses(path) if problem(url)] == []


def test_addresses_are_found():
    """In each kind of file; the list is not empty for want of a pattern."""
    found = {name_of(path): len(addresses(path)) for path in FILES}
    assert found["README.md"] >= 1
    assert found["CITATION.cff"] >= 15
    assert found["joss/paper.bib"] >= 1


def test_packages_on_pypi_are_those_that_agez_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.split(r"[\[<>=~! ]", one)[0] for one in wanted}
    linked = {urlsplit(url).path.split("/")[2] for path in FILES for url in addresses(path) if "//pypi.org/" in url}
    assert linked
    assert linked <= names


def test_the_repository_has_one_address():
    """Wherever it is given; as long as it is nowhere, nothing may pretend to know it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    urls = {key.lower(): url for key, url in project.get("urls", {}).items()}
    given = {url.removesuffix(".git").rstrip("/") for key, url in urls.items() if key in ("repository", "source")}
    given |= {str(citation[key]).rstrip("/") for key in ("repository-code",) if key in citation}
    for path in FILES:
        given |= {
            match[0]
            for url in addresses(path)
            if (match := re.match(r"https://git(?:hub|lab)\.com/[\w.-]+/agez\b", url))
        }
    assert len(given) <= 1, given


def test_one_page_of_a_site_is_linked_under_one_address():
    """With or without a slash at its end, with or without www: not both."""
    forms: dict[str, set[str]] = {}
    for url in (url for path in FILES for url in addresses(path)):
        parts = urlsplit(url)
        forms.setdefault(f"{str(parts.hostname).removeprefix('www.')}{parts.path.rstrip('/')}", set()).add(url)
    assert {key: urls for key, urls in forms.items() if len(urls) > 1} == {}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_a_page_and_a_heading(page):
    for target in re.findall(r"\]\(([^)]*)\)", without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"https?:|mailto:", target):
            continue
        name, _, heading = target.partition("#")
        if Path(name).parent.name == "reference":  # the site writes those
            continue
        there = (page.parent / name) if name else page
        assert there.exists(), f"{name_of(page)} points to {target}"
        assert not heading or heading in anchors(there), f"{name_of(page)} points to {target}"
