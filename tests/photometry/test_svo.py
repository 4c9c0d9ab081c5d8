"""The SVO service, mimicked at astroquery's own entry points: right, wrong, truncated and absent answers."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

import agez
from agez.errors import AgezError
from agez.photometry import svo

SvoFps = pytest.importorskip("astroquery.svo_fps").SvoFps


class FakeService:
    """Answers as the service does: a list of filters of an instrument, and a table of two columns for each."""

    def __init__(self) -> None:
        shipped = agez.load_filters("jplus")
        self.curves = dict(zip(shipped.names, shipped.curves, strict=True))
        self.calls = 0
        self.error: Exception | None = None

    def get_filter_list(self, facility: str, *, instrument: str) -> Table:
        self.calls += 1
        if self.error:
            raise self.error
        assert (facility, instrument) == ("OAJ", "JPLUS")
        return Table({"filterID": [f"OAJ/JPLUS.{name}" for name in self.curves]})

    def get_transmission_data(self, filter_id: str) -> Table:
        self.calls += 1
        wave, response = self.curves[filter_id.rsplit(".", 1)[-1]]
        # the service gives single precision
        return Table({"Wavelength": wave.astype(np.float32) * u.AA, "Transmission": 0.7 * response.astype(np.float32)})


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeService:
    fake = FakeService()
    monkeypatch.setattr(SvoFps, "get_filter_list", fake.get_filter_list)
    monkeypatch.setattr(SvoFps, "get_transmission_data", fake.get_transmission_data)
    monkeypatch.setenv("AGEZ_CACHE", str(tmp_path / "cache"))
    return fake


def test_fetched_once_and_cached(service: FakeService) -> None:
    first = agez.load_filters("jplus", measured=True)
    assert service.calls == 13
    assert first.source.startswith("SVO Filter Profile Service")
    assert first.names == agez.load_filters("jplus").names
    second = agez.load_filters("jplus", measured=True)
    assert service.calls == 13
    assert "cached" in second.source
    assert np.allclose(second.curves[first.names.index("J0515")][1], first.curves[first.names.index("J0515")][1])


def test_the_default_never_looks(service: FakeService) -> None:
    agez.load_filters("jplus", measured=True)
    assert agez.load_filters("jplus").source == agez.load_filters("jplus", measured=False).source
    assert "SVO" not in agez.load_filters("jplus").source


def test_a_damaged_cache_is_fetched_again(service: FakeService) -> None:
    agez.load_filters("jplus", measured=True)
    path = svo.cache_folder() / "filters" / "svo-jplus.json"
    content = json.loads(path.read_text())
    content["bands"]["J0515"][1][40] *= 2
    for spoilt in (json.dumps(content), json.dumps(content)[:1000]):
        path.write_text(spoilt)
        calls = service.calls
        assert "SVO" in agez.load_filters("jplus", measured=True).source
        assert service.calls > calls


def falls_back(caplog: pytest.LogCaptureFixture, reason: str) -> None:
    with caplog.at_level(logging.WARNING, logger="agez"):
        filters = agez.load_filters("jplus", measured=True)
    assert filters.source == agez.load_filters("jplus").source
    assert len(caplog.messages) == 1
    assert reason in caplog.messages[0]
    assert "going on with the shipped 'jplus' profiles" in caplog.messages[0]
    assert "\n" not in caplog.messages[0]
    assert not (svo.cache_folder() / "filters" / "svo-jplus.json").exists()


def test_no_network(service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
    import requests

    service.error = requests.ConnectionError("Max retries exceeded\nwith url")
    falls_back(caplog, "no answer for OAJ/JPLUS (ConnectionError: Max retries exceeded)")


def test_empty_answer(service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
    service.error = IndexError("No filter found for requested Facilty (and Instrument)")
    falls_back(caplog, "No filter found")


def test_wrong_data(service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
    service.curves["J0515"] = service.curves["J0660"]
    falls_back(caplog, "the curve of J0515 has its pivot at 6604 A")


def test_truncated_data(service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
    wave, response = service.curves["J0515"]
    service.curves["J0515"] = wave[: len(wave) // 2], response[: len(wave) // 2]
    falls_back(caplog, "OAJ/JPLUS.J0515: the curve is cut off")


def test_negative_data(service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
    wave, response = service.curves["J0515"]
    service.curves["J0515"] = wave, response - 0.2
    falls_back(caplog, "OAJ/JPLUS.J0515: the response is negative in row 1")


def test_missing_band(service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
    del service.curves["J0660"]
    falls_back(caplog, "OAJ/JPLUS lacks J0660")


def test_astroquery_missing(
    service: FakeService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "astroquery.svo_fps", None)
    falls_back(caplog, "'agez[svo]'")


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AGEZ_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert svo.cache_folder() == tmp_path / "agez"
    monkeypatch.setenv("AGEZ_CACHE", str(tmp_path / "own"))
    assert svo.cache_folder() == tmp_path / "own"


def test_unknown_set() -> None:
    with pytest.raises(AgezError, match="is not at the SVO service"):
        svo.fetch_svo(replace(agez.load_filters("jplus"), name="sdss"))
