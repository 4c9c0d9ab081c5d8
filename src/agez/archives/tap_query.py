"""One query of a TAP service, by pyvo: tried again where that may help, and its answer looked at.

TAP: Dowler, Rixon & Tody 2019, IVOA Recommendation (version 1.1).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from astropy.table import Table

from agez.errors import AgezError
from agez.runtime.optional_packages import need
from agez.runtime.retries import (
    PASSING,
    AgainError,
    DamagedError,
    Downloads,
    NotThereError,
    RefusedError,
    retry_after,
    with_retries,
)

#: Longest silence of an archive that is waited for [s]: a query is silent until it is done.
SILENCE = 300.0


class QueryRefusedError(AgezError):
    """The service understood the request and refuses the query: no such table or column, too long, and the like."""


def need_pyvo() -> Any:
    """pyvo's module of queries; AgezError that says how to install it."""
    return need("pyvo.dal", extra="archives", purpose="agez fetch of a survey's archive")


def ask_tap(url: str, query: str, how: Downloads, *, most: int) -> tuple[Table, bool]:
    """The rows of a synchronous query (ADQL), and whether they are all.

    Names of columns come without a table's name in front, strings as strings, numbers that are missing as NaN.

    Parameters
    ----------
    url : str
        Of the TAP service, without ``/sync``.
    most : int
        Rows that the answer may have (MAXREC).  An answer with as many is not taken for all, even if the service does
        not say that it has more.

    Raises
    ------
    QueryRefusedError
        If the service refuses the query.
    AgezError
        If it wants a login, is not there, or sends nothing that is whole within the retries.
    """
    dal = need_pyvo()
    import requests
    import urllib3

    session = requests.Session()
    session.headers.update({"User-Agent": "agez", **how.headers})
    cookies = str(session.headers.pop("Cookie", ""))
    for one in cookies.split("; ") if cookies else ():  # as the session's own they outlast a redirection
        name, _, value = one.partition("=")
        session.cookies.set(name, value, domain=urlsplit(url).hostname)
    # none of ~/.netrc's passwords, which requests would send by itself, also to where it is led
    session.auth = lambda request: request
    session.rebuild_auth = lambda request, _: request.headers.pop("Authorization", None)  # type: ignore[method-assign, assignment]
    answers: list[Any] = []
    session.hooks["response"].append(partial(_look_at_status, url, answers))
    session.request = partial(session.request, timeout=how.timeout)  # type: ignore[method-assign]

    def attempt() -> tuple[Table, bool]:
        try:
            with warnings.catch_warnings(action="ignore"):  # of VOTables that are not by the book, and of overflows
                result = dal.tap.TAPQuery(url, query, maxrec=most, session=session).execute()
                table = result.to_table()
        except dal.DALQueryError as error:
            raise QueryRefusedError(f"{url}: the archive refuses the query: {_one_line(error)}") from error
        except (dal.DALProtocolError, requests.RequestException, AgainError, AgezError) as error:
            cause = getattr(error, "cause", None) or error
            if isinstance(cause, AgainError | AgezError):
                raise cause from error
            broken = isinstance(cause, requests.RequestException | urllib3.exceptions.HTTPError | OSError)
            if broken and isinstance(cause, requests.ConnectionError | requests.Timeout):
                raise AgainError(f"no answer ({_one_line(cause)})", answered=False) from error
            if broken:
                raise AgainError(f"the connection broke ({_one_line(cause)})") from error
            raise DamagedError(f"the answer is no whole VOTable ({_one_line(cause)})") from error
        finally:
            while answers:
                answers.pop().close()
        is_all = str(result.query_status or "OK").upper() != "OVERFLOW" and len(table) < most
        return _plain_table(table), is_all

    with session:
        found: tuple[Table, bool] = with_retries(attempt, url, how, size=lambda: 0)
        return found


def columns_there(url: str, table: str, wanted: Sequence[str], how: Downloads) -> dict[str, str]:
    """Which of some columns a table has: the name there, by the name that is wanted (see :class:`JoinedTable`)."""
    found, _ = ask_tap(url, f"SELECT TOP 1 * FROM {table}", how, most=2)
    there = {name.lower(): name for name in found.colnames}
    pairs = ((names[0], names) for names in (one.split("|") for one in wanted))
    return {
        first: next(there[name.lower()] for name in names if name.lower() in there)
        for first, names in pairs
        if any(name.lower() in there for name in names)
    }


def _look_at_status(url: str, answers: list[Any], response: Any, *_: Any, **__: Any) -> None:
    """HTTP's own errors, before anything is parsed; 400 has a VOTable that says why.  ``answers`` are to be closed."""
    answers.append(response)
    status = response.status_code
    if status in PASSING:
        wait = retry_after(response.headers.get("Retry-After"))
        raise AgainError(f"the server answers HTTP {status} {response.reason}", wait=wait)
    if status in (401, 403):
        raise RefusedError(f"{url}: the server refuses, HTTP {status} {response.reason}")
    if status in (404, 410):
        raise NotThereError(f"{url} is not there (HTTP {status})")


def _one_line(error: object, most: int = 300) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else text[:most] + " ..."


def _plain_table(table: Table) -> Table:
    plain = Table()
    for name in table.colnames:
        column = table[name]
        if column.ndim == 2 and column.shape[1] == 1:  # scalars that the service calls arrays of one
            column = column[:, 0]
        values, missing = np.asarray(column), np.ma.getmaskarray(np.ma.asarray(column))
        if values.dtype == object:
            values = _of_objects(values, missing)
        elif values.dtype.kind == "f":
            values = np.where(missing, np.nan, values)
        elif values.dtype.kind in "iu" and missing.any():
            values = np.ma.array(values, mask=missing)
        plain[name.rpartition(".")[2]] = values
    return plain


def _of_objects(values: Any, missing: Any) -> Any:
    """Strings, or numbers with None among them."""
    there = [None if gone else value for value, gone in zip(values, missing, strict=True)]
    if all(isinstance(value, str | bytes | None) for value in there):
        return np.array([value.decode() if isinstance(value, bytes) else value or "" for value in there], dtype=str)
    try:
        return np.array([np.nan if value is None else value for value in there], dtype=float)
    except (TypeError, ValueError):
        return np.array(["" if value is None else str(value) for value in there], dtype=str)
