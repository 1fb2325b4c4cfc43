"""The outbound family: calls, what became of them, and the cases, nodes and lines behind them."""

from app.routers.outbound import cases

routers = (cases.router,)

__all__ = ["routers"]
