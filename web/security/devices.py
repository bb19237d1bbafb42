"""The device that somebody uses, in the few words by which they know it."""

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
"""What stands in a User-Agent, and what people call it: each claims to be those below it."""

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
    """Return the browser and what it runs on, such as ``Firefox, Windows``; nothing of what is not known here."""
    told = request.headers.get("User-Agent", "")
    return ", ".join(filter(None, (_first(told, BROWSERS), _first(told, SYSTEMS))))


def _first(told: str, names: Iterable[tuple[str, str]]) -> str:
    return next((name for mark, name in names if mark in told), "")
