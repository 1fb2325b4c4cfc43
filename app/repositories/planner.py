"""What statements of the engine tell PostgreSQL's planner."""

import asyncpg

# A condition of the transaction, not of the connection: searches over people need the plans that are ruled out here.
# Before PostgreSQL 18 what is ruled out and has to be done all the same costs ten thousand millions, for which a server
# behind a pooler, where connections may not switch it off, would compile the statement.
_BY_INDEX = """
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
           set_config('jit', 'off', true)
"""


async def read_by_index(connection: asyncpg.Connection) -> None:
    """Let the statements of this transaction walk indexes row by row, whatever the statistics say.

    Few calls are under way among all that ever were, and each that ends leaves a dead entry in the indexes of those
    that are. A plain index scan removes such entries for whoever comes next; a bitmap scan reads them all every time,
    and with statistics from when the table was small the planner reads the table itself. Measured at 2,000 calls a
    second: 20 ms to count 200 calls after a minute, instead of 0.3.
    """
    await connection.execute(_BY_INDEX)
