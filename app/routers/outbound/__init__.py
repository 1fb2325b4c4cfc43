"""The outbound family: calls, what became of them, and the cases, nodes and lines behind them."""

from app.routers.outbound import cases, nodes

routers = (cases.router, nodes.router)

__all__ = ["routers"]
