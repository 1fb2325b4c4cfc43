"""The outbound family: calls, what became of them, and the cases, nodes and lines behind them."""

from app.routers.outbound import calling, cases, nodes

routers = (calling.router, cases.router, nodes.router)

__all__ = ["routers"]
