"""The settings as somebody gave them: read, told what is wrong with them, and shown.

Apart from the command line because what reads them is slow to import: see ``app.__main__``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError

from app.config import Settings
from app.errors import StartupError

_PASSWORD = re.compile(r"(?P<before>://[^:@/]*:).*(?=@)|(?P<name>[?&](?:ssl)?password=)[^&]*")
"""Up to the last @, as a password may hold one: rather too much is hidden than too little."""


def read(given: Mapping[str, Any]) -> Settings:
    """Read the settings from the environment; what is given by the names of the fields wins.

    Raises:
        StartupError: some cannot be used; the message names them and keeps their values, which may be secrets.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [f"  {_place(problem['loc'])}: {problem['msg']}" for problem in error.errors()]
        raise StartupError("settings that cannot be used:\n" + "\n".join(lines)) from None
    except SettingsError as error:
        raise StartupError(f"settings that cannot be used: {error}") from None


def shown(settings: Settings) -> Iterator[str]:
    """Give a line for each setting under the name of its environment variable, secrets masked."""
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        text = _shown(value.get_secret_value() if name == "database_url" and value else value)
        yield f"{_variable(name, field)}={text}"


def _place(location: tuple[int | str, ...]) -> str:
    if not location:
        return "together"
    first, *rest = (str(part) for part in location)
    field = Settings.model_fields.get(first)
    return ".".join([first if field is None else _variable(first, field), *rest])


def _variable(name: str, field: Any) -> str:
    return str(field.validation_alias or f"{Settings.model_config['env_prefix']}{name}".upper())


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_shown, value))
    if isinstance(value, SecretStr):
        return "****"
    # Whatever it is, it may be an address with a password.
    text = "" if value is None else str(value)
    return _PASSWORD.sub(lambda found: f"{found['before'] or found['name']}****", text)
