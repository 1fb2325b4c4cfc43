"""The outbound family: calls, what became of them, and the cases, nodes and lines behind them."""

from app.routers.outbound import calling, cases, jobs, log, nodes, recordings, records, stream

# The more particular paths first: "stream" looks like a job's id.
routers = (
    log.router,
    calling.router,
    stream.router,
    jobs.router,
    recordings.router,
    records.router,
    nodes.router,
    cases.router,
)

__all__ = ["routers"]
