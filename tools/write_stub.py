"""Write ``src/agez/__init__.pyi``: the public names of agez, for mypy, pyright and editors, which do not run its code.

    python tools/write_stub.py

A test holds the file against the module.
"""

from __future__ import annotations

from pathlib import Path

import agez

PATH = Path(agez.__file__).with_name("__init__.pyi")


def stub() -> str:
    """The text of the file."""
    lines = [f'"""{(agez.__doc__ or "").splitlines()[0]}"""', "", "# Written by tools/write_stub.py.", ""]
    lines += [f"from agez import {name} as {name}" for name in sorted(agez._SUBPACKAGES)]
    places = {name: where.partition(":")[::2] for name, where in agez._PUBLIC.items()}
    imports = sorted((module, other or name, name) for name, (module, other) in places.items())
    lines += [f"from {module} import {other} as {name}" for module, other, name in imports]
    names = "".join(f'    "{name}",\n' for name in agez.__all__)
    lines += ["", "__version__: str", f"__all__ = [\n{names}]", "", "def __dir__() -> list[str]: ...", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    PATH.write_text(stub(), encoding="utf-8")
