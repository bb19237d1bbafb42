"""The log of a command, as LOG_FORMAT and LOG_LEVEL say."""

from contextlib import suppress

from config.logging import configure
from config.settings import LogSettings, WrongSettingsError, read_settings


def configure_log() -> None:
    with suppress(WrongSettingsError):  # a command that needs settings reports the wrong ones itself
        settings = read_settings(LogSettings)
        configure(settings.log_format, level=settings.log_level)
