"""Rows as the family tells them: its own names, local times, words beside codes."""

from typing import Any
from zoneinfo import ZoneInfo

from app.domain.calls import NUMBER_STATUS_TEXTS, NumberStatus
from app.domain.intention import DEFAULT_PHRASES, LEVEL_TEXTS, TAG_TEXTS
from app.domain.tasks import END_ACTION_TEXTS, MAX_RECYCLES, STRATEGY_TEXTS, Strategy
from app.models import AutoRecycleRule, BridgeGroup, CustomerService, DialTimeGroup, LlmIntentionConfig
from app.schemas.agent.base import local, local_or_none
from app.services.agent.accounts import AccountView
from app.services.agent.bridge_groups import BridgeGroupView
from app.services.agent.initialisation import Choices
from app.services.agent.lines import LineView
from app.services.agent.outbound_groups import OutboundGroupView

Told = dict[str, Any]


def account(view: AccountView) -> Told:
    """Tell an account with its sub accounts."""
    subs = [{"user_id": sub.id, "name": sub.name} for sub in view.sub_accounts]
    return {"user_id": view.account.id, "name": view.account.name, "sub_users": subs}


def dial_time_group(row: DialTimeGroup, _zone: ZoneInfo) -> Told:
    """Tell hours, their times as they were given."""
    return {
        "id": row.id,
        "name": row.name,
        "content": row.content,
        "skip_holiday": row.skip_holiday,
        "is_default": row.is_default,
    }


def line(view: LineView, zone: ZoneInfo) -> Told:
    """Tell a line and how much of it is taken."""
    row = view.line
    return {
        "id": row.id,
        "user_id": row.account_id,
        "name": row.name,
        "description": row.description,
        "call_number": row.call_number,
        "begin_at": local_or_none(row.begin_at, zone),
        "deadline_at": local_or_none(row.deadline_at, zone),
        "call_line": row.call_line,
        "call_line_used": view.used,
        "residue": view.residue,
        "created_at": local(row.created_at, zone),
        "updated_at": local(row.updated_at, zone),
    }


def outbound_group(view: OutboundGroupView, zone: ZoneInfo) -> Told:
    """Tell a group of scripts with its lines."""
    row = view.group
    return {
        "id": row.id,
        "name": row.name,
        "user_id": row.account_id,
        "debug": row.debug,
        "deleted_at": local_or_none(row.deleted_at, zone),
        "created_at": local(row.created_at, zone),
        "updated_at": local(row.updated_at, zone),
        "link_word_group_id": row.link_word_group_id,
        "tag_scene_id": row.tag_scene_id,
        "default": row.is_default,
        "caller_lines": [
            line(each, zone) | {"pivot": {"label_group_id": row.id, "caller_line_id": each.line.id}}
            for each in view.lines
        ],
        "instance_id": row.instance_id,
        "script_id": row.script_id,
    }


def seat(row: CustomerService, _zone: ZoneInfo) -> Told:
    """Tell a seat."""
    return {"id": row.id, "name": row.name, "extension": row.extension}


def bridge_group_alone(row: BridgeGroup) -> Told:
    """Tell a bridge group without its seats."""
    return {
        "id": row.id,
        "name": row.name,
        "strategy": row.strategy,
        "strategy_str": STRATEGY_TEXTS[Strategy(row.strategy)],
    }


def bridge_group(view: BridgeGroupView, zone: ZoneInfo) -> Told:
    """Tell a bridge group with its seats."""
    return bridge_group_alone(view.group) | {"customer_service": [seat(each, zone) for each in view.seats]}


def rule(row: AutoRecycleRule, zone: ZoneInfo) -> Told:
    """Tell a rule; each status with its name."""
    return {
        "id": row.id,
        "user_id": row.account_id,
        "name": row.name,
        "remark": row.remark,
        "status": row.status,
        "created_at": local(row.created_at, zone),
        "updated_at": local(row.updated_at, zone),
        "is_default": row.is_default,
        "type": row.type,
        "configs": row.configs,
        "details": [
            {
                "rule_id": row.id,
                "number_status": detail["number_status"],
                "time": detail["time"],
                "number_status_str": NUMBER_STATUS_TEXTS[NumberStatus(detail["number_status"])],
            }
            for detail in row.details
        ],
    }


def intention(row: LlmIntentionConfig, zone: ZoneInfo) -> Told:
    """Tell an analyst of intention."""
    return {
        "id": row.id,
        "name": row.name,
        "user_id": row.account_id,
        "llm_type": row.llm_type,
        "is_default": int(row.is_default),
        "created_at": local(row.created_at, zone),
    }


def intention_whole(row: LlmIntentionConfig, zone: ZoneInfo) -> Told:
    """Tell an analyst of intention with its phrases, which the form of a new task does not show."""
    return intention(row, zone) | {"phrases": row.phrases}


def default_phrases() -> Told:
    """Tell all levels and tags, with the phrases that lead to them."""
    return {
        "levels": [{"level": int(level), "letter": level.name, "text": text} for level, text in LEVEL_TEXTS.items()],
        "tags": [
            {"tag": tag, "text": text, "phrases": list(DEFAULT_PHRASES.get(tag, ()))} for tag, text in TAG_TEXTS.items()
        ],
    }


def choices(found: Choices, zone: ZoneInfo) -> Told:
    """Tell what a new task can be made of."""
    return {
        "enum_dial_time_group": [dial_time_group(row, zone) for row in found.dial_times],
        "max_recycle_limit": MAX_RECYCLES,
        "caller_line_list": [
            {
                "name": view.line.name,
                "value": view.line.id,
                "residue": view.residue,
                "call_line": view.line.call_line,
                "available_at": local_or_none(view.line.deadline_at, zone),
                "call_number": view.line.call_number,
            }
            for view in found.lines
        ],
        "outbound_group": [outbound_group(view, zone) for view in found.outbound_groups],
        "bridge_groups": [bridge_group_alone(row) for row in found.bridge_groups],
        "auto_recycle_rules": [rule(row, zone) for row in found.rules],
        "end_actions": {str(int(action)): text for action, text in END_ACTION_TEXTS.items()},
        "llm_intention_configs": [intention(row, zone) for row in found.intentions],
        "customer_service": [seat(row, zone) for row in found.seats],
    }
