"""The name of a user's device, in a few words that they recognize."""

from collections.abc import Iterable

from fastapi import Request

BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
"""Parts of a User-Agent with the names that people use: each browser claims to be those below it."""

SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def device_name(request: Request) -> str:
    """Return browser and system, such as ``Firefox, Windows``; unknown parts are left out."""
    user_agent = request.headers.get("User-Agent", "")
    return ", ".join(filter(None, (_first(user_agent, BROWSERS), _first(user_agent, SYSTEMS))))


def _first(user_agent: str, names: Iterable[tuple[str, str]]) -> str:
    return next((name for mark, name in names if mark in user_agent), "")
