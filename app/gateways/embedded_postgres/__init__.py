"""PostgreSQL as a child of the service: no set-up, no port, no password, gone when the service is gone.

The rules, each of which a test breaks on purpose:

- One service per data directory. Two locks say so: `service.lock` is held by the service, `postmaster.lock` only by
  PostgreSQL and its children. The first is taken: somebody else runs, refuse. The second is still taken: the rest of
  an earlier server is on its way out, wait for it, then help it out.
- PostgreSQL never outlives the service (Linux: parent-death signal), and the service never outlives PostgreSQL: a
  postmaster that died is started again.
- A process is signalled only if it demonstrably is PostgreSQL on this data directory; a number in a file proves
  nothing, since process ids are reused.
- A cluster appears under its name only when it is complete.
- Permissions of directories that are not ours are never touched. A service run by root hands the server, which runs
  as an unprivileged user, open descriptors of its directories instead of paths.
- The locale of the environment decides nothing: text is UTF-8 and Chinese characters are letters everywhere.

In the data directory: `cluster/` (PostgreSQL's own), `run/` (the socket), `postgres.log` (and one older,
`postgres.log.1`), and the two locks.
"""

from app.gateways.embedded_postgres.errors import EmbeddedPostgresError
from app.gateways.embedded_postgres.neighbour import running_url
from app.gateways.embedded_postgres.supervisor import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "running_url"]
