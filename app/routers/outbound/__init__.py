"""The outbound family: calls, what became of them, and the cases, nodes and lines behind them."""

from fastapi import APIRouter

routers: tuple[APIRouter, ...] = ()

__all__ = ["routers"]
