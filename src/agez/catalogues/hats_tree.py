"""What makes a folder of pixels a HATS catalogue: its properties and its list of pixels."""

from __future__ import annotations

import re
from pathlib import Path

from agez import __version__
from agez.catalogues.catalogue import Catalogue

#: Properties of the input that hold for answers to its rows as well.
_INHERITED = (
    "dataproduct_type", "hats_col_ra", "hats_col_dec", "hats_col_healpix", "hats_col_healpix_order", "hats_version",
    "hats_max_rows", "moc_sky_fraction", "obs_regime",
)  # fmt: skip
_PART = re.compile(r"\.\d{3,}$")


def pixel_name(partition_name: str) -> str:
    """The pixel of a partition that may be a part of one."""
    return _PART.sub("", partition_name) if partition_name.startswith("Norder=") else partition_name


def write_properties(root: Path, name: str, catalogue: Catalogue, n_rows: int) -> None:
    """``hats.properties`` (and ``properties``, its older name) and ``partition_info.csv``."""
    given = catalogue.meta.get("hats", {})
    said = {"obs_collection": name, "dataproduct_type": "object"}
    said |= {key: given[key] for key in _INHERITED if key in given}
    said |= {"hats_nrows": str(n_rows), "hats_npix_suffix": ".parquet", "hats_builder": f"agez v{__version__}"}
    if "obs_collection" in given:
        said["hats_derived_from"] = given["obs_collection"]
    text = "#HATS catalog\n" + "".join(f"{key}={value}\n" for key, value in said.items())
    for file in ("hats.properties", "properties"):
        (root / file).write_text(text, encoding="utf-8")
    found = set()
    for path in (root / "dataset").glob("Norder=*/Dir=*/Npix=*.parquet"):
        order = int(path.parent.parent.name.partition("=")[2])
        found.add((order, int(path.stem.partition("=")[2])))
    ordered = sorted(found, key=lambda one: (one[1] << 2 * (29 - one[0]), one[0]))
    lines = "".join(f"{order},{pixel}\n" for order, pixel in ordered)
    (root / "partition_info.csv").write_text("Norder,Npix\n" + lines, encoding="utf-8")
