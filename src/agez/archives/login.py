"""Logging in to an archive: the password is from the environment or ~/.netrc, never from the command line."""

from __future__ import annotations

import http.client
import json
import netrc
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import CookieJar

from agez.errors import AgezError
from agez.runtime.retries import PASSING, AgainError, Downloads, RefusedError, retry_after, with_retries
from agez.surveys.archive import Archive

#: Variables of the environment begin so, by the kind of archive: one's password is not sent to the other.
_PREFIX = {"cefca": "AGEZ_CEFCA", "splus.cloud": "AGEZ_SPLUS"}
_LOCAL = ("localhost", "127.0.0.1", "::1")


def login_headers(archive: Archive, url: str, how: Downloads, *, needed: str) -> Mapping[str, str]:
    """What requests carry after a login; nothing without a password, if none is needed.

    CEFCA answers with cookies, splus.cloud with a token, as their own scripts and packages use them.

    Parameters
    ----------
    url : str
        Of the archive.
    needed : str
        What needs a login, for the message; '' if nothing does.

    Raises
    ------
    AgezError
        If a login is needed and there is no password, or it would be sent in the clear, or it is refused.
    """
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    known = _user_and_password(archive, host)
    if known is None:
        if not needed:
            return {}
        raise AgezError(f"{needed} needs a login to {host}: {_how_to_log_in(archive, url)}")
    if parts.scheme != "https" and host not in _LOCAL:
        raise AgezError(f"{url} is not https: the password would be sent in the clear; give an https --base-url")
    user, password = known
    if archive.kind == "cefca":
        answer, cookies = _post(f"{url}/login", {"login": user, "password": password, "submit": "Sign In"}, how)
        if not cookies:
            raise AgezError(f"{url}/login gives no session to {user}; check the password of {host}")
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    answer, _ = _post(f"{url}/adss/v1/auth/login", {"username": user, "password": password}, how)
    try:
        token = json.loads(answer)["access_token"]
    except (ValueError, KeyError, TypeError) as error:
        raise AgezError(f"{url}/adss/v1/auth/login answers without a token; is it splus.cloud?") from error
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def refusals_explained(archive: Archive, url: str) -> Iterator[None]:
    """An archive's refusal with what to do about it."""
    try:
        yield
    except RefusedError as error:
        raise RefusedError(f"{error}; {_how_to_log_in(archive, url)}") from error


def _how_to_log_in(archive: Archive, url: str) -> str:
    prefix, host = _PREFIX[archive.kind], urllib.parse.urlsplit(url).hostname
    return (
        f"set {prefix}_USER and {prefix}_PASSWORD in the environment, or write a line 'machine {host} login USER "
        "password PASSWORD' into ~/.netrc"
    )


def _user_and_password(archive: Archive, host: str) -> tuple[str, str] | None:
    names = [f"{_PREFIX[archive.kind]}_{word}" for word in ("USER", "PASSWORD")]
    user, password = (os.environ.get(name, "") for name in names)
    if user and password:
        return user, password
    if user or password:
        raise AgezError(f"{names[bool(password)]} is set, and {names[bool(user)]} is not; set both")
    try:
        found = netrc.netrc().hosts.get(host)  # not the default of all hosts
    except FileNotFoundError:
        return None
    except (netrc.NetrcParseError, OSError) as error:
        raise AgezError(f"~/.netrc cannot be used: {error}") from error
    return (found[0], found[2]) if found and found[0] and found[2] else None


def _post(url: str, fields: Mapping[str, str], how: Downloads) -> tuple[bytes, dict[str, str]]:
    """Answer and cookies of a form; its content is in no message."""
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    body = urllib.parse.urlencode(fields).encode()

    def attempt() -> tuple[bytes, dict[str, str]]:
        try:
            with opener.open(urllib.request.Request(url, data=body), timeout=how.timeout) as answer:
                return answer.read(1 << 20), {cookie.name: cookie.value or "" for cookie in jar}
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in PASSING:
                wait = retry_after(error.headers.get("Retry-After"))
                raise AgainError(f"the server answers HTTP {error.code} {error.reason}", wait=wait) from error
            raise AgezError(
                f"{url}: the login is refused, HTTP {error.code} {error.reason}; check user and password"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise AgainError(f"no answer ({getattr(error, 'reason', error)})", answered=False) from error

    found: tuple[bytes, dict[str, str]] = with_retries(attempt, url, how, size=lambda: 0)
    return found
