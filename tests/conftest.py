"""What all tests share: reference data where there is any, template grids, and a seeded generator."""

import os
from pathlib import Path

import numpy as np
import pytest
from cli_road import Road, make_road
from hypothesis import settings

from agez.errors import AgezError
from agez.spectra.templates import SSPGrid, load_templates, made_up_grid

# A test's time depends on the machine and on what else runs there: hypothesis must not fail one for being slow.
settings.register_profile("agez", settings(deadline=None))
settings.load_profile("agez")

# A slow machine must not put lines of progress on the stderr of commands whose messages are tested.
os.environ["AGEZ_PROGRESS"] = "off"

REFERENCE_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data beside the checkout; the test is skipped where there is none."""
    if not REFERENCE_DATA.is_dir():
        pytest.skip(f"no reference data at {REFERENCE_DATA}")
    return REFERENCE_DATA


@pytest.fixture(scope="session")
def emiles() -> SSPGrid:
    """The E-MILES grid of ppxf 8; the test is skipped where it is not installed."""
    try:
        return load_templates("emiles")
    except AgezError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def toy_grid() -> SSPGrid:
    """The small invented grid."""
    return made_up_grid()


@pytest.fixture(scope="session")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """The files of a small survey that went through all commands of the command line."""
    return make_road(tmp_path_factory.mktemp("road"))


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator."""
    return np.random.default_rng(20210301)
