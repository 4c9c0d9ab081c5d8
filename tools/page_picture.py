"""Take the picture of the page of maps that README.md and the site show: needs playwright and Chromium.

agez demo -o demo && python tools/page_picture.py demo/maps.html [docs/figures/page_maps.png]
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).resolve().parents[1] / "docs/figures/page_maps.png"


def main() -> None:
    """Open the page, choose a region, take the part above the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", nargs="?", type=Path, default=PICTURE)
    parser.add_argument("--region", type=int, default=20)
    options = parser.parse_args()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1250, "height": 860}, color_scheme="light")
        page.goto(options.page.resolve().as_uri())
        page.click(f"tr[data-row='{options.region}']")
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=options.picture)
        browser.close()


if __name__ == "__main__":
    main()
