"""Whoever reads talks for us beyond our own rules."""

from app.gateways.analyst.openai import OpenAiAnalyst, make_analyst
from app.gateways.analyst.protocol import Analyst, AnalystError

__all__ = ["Analyst", "AnalystError", "OpenAiAnalyst", "make_analyst"]
