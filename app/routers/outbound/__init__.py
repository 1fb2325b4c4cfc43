"""The outbound family: calls, what became of them, and the cases, nodes and lines behind them."""

from app.routers.outbound import cases, nodes, recordings

routers = (cases.router, nodes.router, recordings.router)

__all__ = ["routers"]
