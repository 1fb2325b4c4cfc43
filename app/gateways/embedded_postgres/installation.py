"""What all programs of one data directory have in common: programs, user, places and log."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.gateways.embedded_postgres.logfile import LogFile
from app.gateways.embedded_postgres.places import Places
from app.gateways.embedded_postgres.runner import Handover, Runner, spawn


@dataclass(frozen=True)
class Installation:
    """PostgreSQL's programs, the user who runs them, where, and the file that they write their messages to."""

    places: Places
    bindir: Path
    runner: Runner
    log_file: LogFile

    def run(
        self, program: str, arguments: Callable[[Handover], list[str]], lock: int, locale: str
    ) -> subprocess.Popen[bytes]:
        """Starts a program, which holds the lock as long as it or a child of it lives.

        Args:
            program: `postgres` or `initdb`.
            arguments: Makes the arguments, in which directories go by the names that the handover gives them.
            lock: The postmaster's lock; the caller closes it.
            locale: The C library's locale.
        """
        output = self.log_file.open()
        try:
            with Handover(self.runner) as handover:
                handover.adopt(os.dup(lock))
                command = [str(self.bindir / program), *arguments(handover)]
                return spawn(command, self.runner, handover, output=output, locale=locale)
        finally:
            os.close(output)
