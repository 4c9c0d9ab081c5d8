"""Configuration of the documentation site: ``sphinx-build -W docs site``."""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))

from site_pages import write_reference  # noqa: E402

import agez  # noqa: E402

project, author, version = "agez", "The agez developers", agez.__version__
release = version
copyright = f"2026, {author}"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["figures/README*"]

myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath", "deflist"]

# Tutorials are executed at every build, and stop it where they fail; how far they are is no part of a page.
os.environ["AGEZ_PROGRESS"] = "off"
nb_execution_mode = "cache"
nb_execution_timeout = 300
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_merge_streams = True

# Types in docstrings are words, such as "path or name", which some attribute may have, too.
suppress_warnings = ["ref.python"]
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "inherited-members": False}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
templates_path = ["templates"]

html_theme = "pydata_sphinx_theme"
html_title = "agez"
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": False,
}
html_static_path = ["static"]
html_css_files = ["site.css"]

write_reference(DOCS / "reference")
