"""Wire shapes of configs, scripts and records."""

from app.schemas.followup.checks import FindingOut, LintOut, PlannedSendOut, PreviewOut, PreviewQuery
from app.schemas.followup.configs import (
    ConfigCreate,
    ConfigFilter,
    ConfigOut,
    ConfigUpdate,
    ScriptCreate,
    ScriptFilter,
    ScriptInConfig,
    ScriptOut,
    ScriptUpdate,
)
from app.schemas.followup.records import RecordConditions, RecordOut, RecordPage, RecordQuery
from app.schemas.followup.stats import StatsOut

__all__ = [
    "ConfigCreate",
    "ConfigFilter",
    "ConfigOut",
    "ConfigUpdate",
    "FindingOut",
    "LintOut",
    "PlannedSendOut",
    "PreviewOut",
    "PreviewQuery",
    "RecordConditions",
    "RecordOut",
    "RecordPage",
    "RecordQuery",
    "ScriptCreate",
    "ScriptFilter",
    "ScriptInConfig",
    "ScriptOut",
    "ScriptUpdate",
    "StatsOut",
]
