"""Regular expressions that are compiled when they are first used.

Those of the domain read what people write. There are a hundred of them, long ones; compiling all takes 0.2 seconds and
4 MB, and a start needs none.
"""

import re
from typing import Any, AnyStr, cast


class _Later:
    """Stands in for a compiled pattern.

    Each method is looked up once: what `__getattr__` finds is kept in the instance, where it is found from then on.
    """

    def __init__(self, source: Any, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(self._source, self._flags), name)
        setattr(self, name, found)
        return found


def compile_later(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what ``re.compile`` would, at once; what is wrong with the source shows when it is first used.

    Args:
        source: A regular expression for texts or bytes.
        flags: As in ``re.compile``.
    """
    return cast("re.Pattern[AnyStr]", _Later(source, flags))
