"""Records, summaries and notices as the family tells them."""

from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from app.domain.calls import NUMBER_STATUS_TEXTS, NumberStatus
from app.domain.intention import LEVEL_TEXTS, TAG_TEXTS, Level
from app.domain.tasks.comparison import OUTCOME_TEXTS, Rate, wilson
from app.schemas.agent.base import local, local_or_none
from app.services.agent.summary import Answered, Script, Summary

Told = dict[str, Any]
_DIGITS = 4


def record(row: asyncpg.Record, zone: ZoneInfo) -> Told:
    """Tell a record; of an erased person without number and name."""
    is_erased = row["phone"].startswith("erased-")
    answered = row["answered_at"]
    return {
        "id": row["id"],
        "task_id": row["task_id"],
        "number_id": row["number_id"],
        "phone": "" if is_erased else row["phone"],
        "name": None if is_erased else row["name"],
        "number_status": row["number_status"],
        "number_status_str": NUMBER_STATUS_TEXTS[NumberStatus(row["number_status"])],
        **_level(row["intention"]),
        "tags": row["tags"],
        "begin_time": local(row["created_at"], zone),
        "answer_time": local_or_none(answered, zone),
        "end_time": local(row["ended_at"], zone),
        "duration": 0 if answered is None else max(0, int((row["ended_at"] - answered).total_seconds())),
        "attempt": row["attempt"],
        "line": _named(row, "line"),
        "group": _named(row, "group"),
        "customer_service": _named(row, "seat"),
    }


def whole(row: asyncpg.Record, link: str, zone: ZoneInfo) -> Told:
    """Tell a record with its talk."""
    analysis = None
    if row["intention_state"] is not None:
        analysis = {
            "state": row["intention_state"],
            "level": None if row["intention"] is None else LEVEL_TEXTS[Level(row["intention"])],
            "tags": [f"{tag} {TAG_TEXTS[tag]}" for tag in row["tags"]],
            "evidence": row["evidence"],
            "model": row["model"],
            "problem": row["problem"],
            "analysed_at": local_or_none(row["analysed_at"], zone),
        }
    return {
        **record(row, zone),
        "result": row["result"],
        "remark": row["remark"],
        "conversations": row["conversations"] or [],
        "recording": link,
        "analysis": analysis,
    }


def summary(found: Summary) -> Told:
    """Tell the counts of a task; every status and level that can be stands there, with 0 too."""
    answered = found.by_status.get(NumberStatus.ANSWERED, 0)
    levels: list[int | None] = [*map(int, Level), None]
    return {
        "total": found.total,
        "number_status": [
            {
                "number_status": int(status),
                "number_status_str": NUMBER_STATUS_TEXTS[status],
                "calls": found.by_status.get(status, 0),
            }
            for status in NumberStatus
        ],
        "intention": [
            {
                **_level(level),
                "text": "未分析" if level is None else LEVEL_TEXTS[Level(level)],
                "calls": found.by_intention.get(level, 0),
            }
            for level in levels
        ],
        "answer_rate": _rate(wilson(answered, found.total)),
        "hours": [{"hour": hour, **_answered(calls)} for hour, calls in found.by_hour.items()],
        "lines": [
            {"line_id": line_id, "name": name, **_answered(calls)} for line_id, (name, calls) in found.by_line.items()
        ],
        "scripts": [_script(script) for script in found.scripts],
        "verdict": {
            "outcome": str(found.verdict.outcome),
            "text": OUTCOME_TEXTS[found.verdict.outcome],
            "winner": found.verdict.winner,
        },
    }


def notice(row: asyncpg.Record, zone: ZoneInfo) -> Told:
    """Tell a notice."""
    is_pending = row["status"] == "pending"
    return {
        "id": row["id"],
        "record_id": row["call_id"],
        "number_id": row["number_id"],
        "number_status": row["number_status"],
        "webhook_id": str(row["key"]),
        "status": row["status"],
        "attempts": row["attempts"],
        "next_try_at": local(row["due_at"], zone) if is_pending else None,
        "last_error": row["last_error"],
        "created_at": local(row["created_at"], zone),
        "delivered_at": local_or_none(row["delivered_at"], zone),
    }


def _level(level: int | None) -> Told:
    return {"intention": level, "intention_str": None if level is None else Level(level).name}


def _named(row: asyncpg.Record, what: str) -> Told | None:
    found = row[f"{what}_id"]
    return None if found is None else {"id": found, "name": row[f"{what}_name"]}


def _answered(calls: Answered) -> Told:
    rate = round(calls.answered / calls.calls, _DIGITS)
    return {"calls": calls.calls, "answered": calls.answered, "answer_rate": rate}


def _script(script: Script) -> Told:
    arm = script.arm
    return {
        "group_id": arm.group_id,
        "name": script.name,
        "numbers": script.numbers,
        "calls": arm.calls,
        "answered": arm.answered,
        "reached": arm.reached,
        "interested": arm.interested,
        "answer_rate": _rate(wilson(arm.answered, arm.calls)),
        "reach_rate": _rate(wilson(arm.reached, arm.calls)),
        "interest_rate": _rate(wilson(arm.interested, arm.calls)),
    }


def _rate(rate: Rate) -> Told:
    found = {"value": rate.value, "low": rate.low, "high": rate.high}
    return {name: None if value is None else round(value, _DIGITS) for name, value in found.items()}
