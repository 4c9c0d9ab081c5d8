"""Whether a file is what it should be: checksums as the tools write them, and gzip's own."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from agez.errors import AgezError

#: By the number of hexadecimal digits.
_HASH_BY_LENGTH = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}


@dataclass(frozen=True)
class Checksum:
    """What a file must hash to: ``kind`` (md5, sha1, sha256, sha512) and its hexadecimal ``digest``."""

    kind: str
    digest: str

    def of(self, path: Path) -> bool:
        """Whether a file has it."""
        with path.open("rb") as file:
            return hashlib.file_digest(file, self.kind).hexdigest() == self.digest


def read_checksums(text: str, *, source: str) -> dict[str, Checksum]:
    """Checksums by file name, from the output of md5sum, sha256sum and the like (GNU's and BSD's forms).

    AgezError for a line that is neither that, nor empty, nor a comment.
    """
    found: dict[str, Checksum] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        gnu = re.fullmatch(r"\\?([0-9a-fA-F]{32,128})\s+\*?(.+)", words)
        bsd = re.fullmatch(r"\w+ \((.+)\) = ([0-9a-fA-F]{32,128})", words)
        digest, name = (gnu[1], gnu[2]) if gnu else (bsd[2], bsd[1]) if bsd else ("", "")
        if len(digest) not in _HASH_BY_LENGTH:
            raise AgezError(
                f"{source}: line {number} is {words[:60]!r}; expected a checksum and a file name, as sha256sum and "
                "md5sum write them"
            )
        found[name.rsplit("/", 1)[-1]] = Checksum(_HASH_BY_LENGTH[len(digest)], digest.lower())
    return found


def check_gzip(path: Path) -> None:
    """ValueError unless the file is a whole gzip file, with the length and CRC that it says."""
    try:
        with gzip.open(path) as file:
            while file.read(1 << 20):
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"it is not a whole gzip file ({error})") from error
