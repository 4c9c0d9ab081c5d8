"""Pages of the documentation that people write, and what stands in them; those that Sphinx writes are left out."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "joss/*.md", ".github/**/*.md")
    for page in ROOT.glob(pattern)
    if not {"reference", "jupyter_execute", "_build"} & set(page.relative_to(ROOT).parts)
)


def name_of(page: Path) -> str:
    """A page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def without_code(text: str) -> str:
    """A page without its blocks of code, and without code in its lines."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def anchors(page: Path) -> set[str]:
    """What ``page.md#...`` may name: its headings, spelled as GitHub and myst-parser do."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE):
        plain = re.sub(r"\]\([^)]*\)", "]", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {slug if not n else f"{slug}-{n}" for slug, last in found.items() for n in range(last + 1)}
