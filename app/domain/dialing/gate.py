"""May this call be placed now? Facts in, nothing or a refusal out; ``now`` is an argument.

Every call of the service passes here, whatever asked for it, at the last moment before its row is written. What is not
known counts against calling.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.dialing.numbers import is_dialable

DAY = timedelta(hours=24)
LINE_PAUSE = timedelta(minutes=1)
"""When a full line is looked at again."""
UNREAD_PAUSE = timedelta(minutes=1)
"""When a number is looked at again whose last talk is being read."""
MUST_WAIT = 1001
LIMIT = 1002


class Reason(StrEnum):
    """Why a look did not place a call, or why no further one is placed by itself."""

    DO_NOT_CONTACT = "do_not_contact"
    NO_PHONE = "no_phone"
    UNDIALABLE_NUMBER = "undialable_number"
    BLOCKED_NUMBER = "blocked_number"
    NO_SCRIPT = "no_script"
    NO_WINDOW = "no_window"
    OUTSIDE_WINDOW = "outside_window"
    DAILY_CAP = "daily_cap"
    ROUND_LIMIT = "round_limit"
    ALREADY_REACHED = "already_reached"
    ACTIVE_CALL = "active_call"
    CALL_UNKNOWN = "call_unknown"
    ACTIVE_NUMBER = "active_number"
    TALK_UNREAD = "talk_unread"
    INTERVAL = "interval"
    PROVIDER_AWAY = "provider_away"
    NO_LINE = "no_line"
    PROVIDER_REFUSED = "provider_refused"
    LINE_FAULT = "line_fault"
    CANCELLED = "cancelled"
    CASE_CLOSED = "case_closed"
    NODE_LEFT = "node_left"
    TASK_PAUSED = "task_paused"
    TASK_DELETED = "task_deleted"
    ERASED = "erased"


TEXTS: dict[Reason, str] = {
    Reason.DO_NOT_CONTACT: "该当事人已设为免打扰,不能呼叫",
    Reason.NO_PHONE: "该当事人没有电话号码,不能呼叫",
    Reason.UNDIALABLE_NUMBER: "电话号码无效或不可外呼,不能呼叫",
    Reason.BLOCKED_NUMBER: "电话号码在外呼服务商的黑名单中,不能呼叫",
    Reason.NO_SCRIPT: "该节点没有适用于此当事人的外呼场景,不能呼叫",
    Reason.NO_WINDOW: "可拨打时段的设置无法读取,暂不呼叫",
    Reason.OUTSIDE_WINDOW: "不在可拨打时段内,须等待",
    Reason.DAILY_CAP: "该号码24小时内的呼叫次数已达上限",
    Reason.ROUND_LIMIT: "该节点的呼叫轮次已达上限",
    Reason.ALREADY_REACHED: "该当事人在此节点已接通,不再自动呼叫",
    Reason.ACTIVE_CALL: "该当事人正在呼叫中,须等待",
    Reason.CALL_UNKNOWN: "上一次呼叫的结果尚未确认,不会自动重拨,须等待",
    Reason.ACTIVE_NUMBER: "该号码正在呼叫中,须等待",
    Reason.TALK_UNREAD: "该号码上一次通话的内容尚未读取,可能要求不再来电,须等待",
    Reason.INTERVAL: "距上一轮呼叫的间隔未到,须等待",
    Reason.PROVIDER_AWAY: "外呼服务商暂时不可用,须等待",
    Reason.NO_LINE: "没有空闲线路,须等待",
    Reason.PROVIDER_REFUSED: "外呼服务商拒绝了此呼叫",
    Reason.LINE_FAULT: "线路多次故障,不再自动呼叫",
    Reason.CANCELLED: "呼叫已取消",
    Reason.CASE_CLOSED: "案件已结案,不再呼叫",
    Reason.NODE_LEFT: "调解已离开此节点,不再呼叫",
    Reason.TASK_PAUSED: "任务已停止,再次启动后继续呼叫",
    Reason.TASK_DELETED: "任务已删除,不再呼叫",
    Reason.ERASED: "该号码的资料已清除,不再呼叫",
}
"""For people, without a name or a number."""

LIMITS = frozenset(
    {
        Reason.DO_NOT_CONTACT,
        Reason.NO_PHONE,
        Reason.UNDIALABLE_NUMBER,
        Reason.BLOCKED_NUMBER,
        Reason.NO_SCRIPT,
        Reason.DAILY_CAP,
        Reason.ROUND_LIMIT,
        Reason.ALREADY_REACHED,
        Reason.PROVIDER_REFUSED,
        Reason.LINE_FAULT,
        Reason.CANCELLED,
        Reason.CASE_CLOSED,
        Reason.NODE_LEFT,
        Reason.TASK_DELETED,
        Reason.ERASED,
    }
)
"""Refusals that waiting does not help against; the others are looked at again."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Do not call, and why; ``until`` is when to look again, None: never by itself."""

    reason: Reason
    until: datetime | None

    @property
    def code(self) -> int:
        """Return the seed's code: 1001 where waiting helps, 1002 where a limit is reached."""
        return LIMIT if self.reason in LIMITS else MUST_WAIT

    @property
    def message(self) -> str:
        """Return the refusal for people."""
        return TEXTS[self.reason]

    @property
    def is_final(self) -> bool:
        """Tell whether nothing but a change from outside can let the call through."""
        return self.until is None


@dataclass(frozen=True, slots=True)
class Active:
    """A call that is not over yet."""

    is_own: bool
    """It is to the same party about the same thing; else only to the same number."""
    is_unknown: bool
    """Nobody knows whether the provider took it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a party and its number at the moment of a look."""

    phone: str | None
    """E.164, or what somebody wrote."""
    is_protected: bool
    """The person or any identifier of them is on the do-not-contact list."""
    withdrawn: Reason | None
    """Why nobody wants this call any more: the case is closed, or stands elsewhere."""
    is_blocked: bool
    """The provider said lately that the number does not want calls."""
    has_script: bool
    recent_calls: tuple[datetime, ...]
    """Attempts on this number that count, of at least the last 24 hours, oldest first, whoever asked for them."""
    active: Active | None
    rounds_done: int
    is_reached: bool
    last_ended_at: datetime | None
    """When the last attempt that counts ended, to this party about this."""
    is_automatic: bool
    """Asked for by callAuto 0 or placed by the scheduler."""
    is_unread: bool = False
    """Nobody has looked yet whether the person refused further calls in the last talk on this number."""
    unknown_elsewhere_at: datetime | None = None
    """When the last call ended that was made to this number about something else and of which nobody knows the end."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What calls about one thing obey."""

    opens_at: Callable[[datetime], datetime | None] | None
    """The first moment from the given one on at which calls may be placed, None: never; no function: nobody knows."""
    interval: timedelta
    """From the end of one round to the next."""
    max_rounds: int
    daily_cap: int
    closes_at: Callable[[datetime], datetime | None] | None = None
    """The end of the open time in which the given moment lies; None, or no function: it does not end."""
    unknown_hold: timedelta = DAY
    """How long a call about something else of which nobody knows the end keeps the scheduler from the number."""


@dataclass(frozen=True, slots=True)
class Room:
    """What is free to place calls with."""

    free_slots: int
    provider_back_at: datetime | None = None
    """When a provider that is away is asked again; None: it is there."""


def decide(facts: Facts, rules: Rules, room: Room, now: datetime) -> Refusal | None:
    """Return the first thing that stands in the way of a call, or None: call."""
    return next(refusals(facts, rules, room, now), None)


def refusals(facts: Facts, rules: Rules, room: Room, now: datetime) -> Iterator[Refusal]:
    """Yield everything that stands in the way, in the order in which it binds."""
    yield from _about_the_number(facts)
    yield from _about_the_hour(rules, now)
    yield from _about_the_caps(facts, rules, now)
    if facts.active is not None:
        yield Refusal(_active_reason(facts.active), now + rules.interval)
    if facts.is_unread:
        yield Refusal(Reason.TALK_UNREAD, now + min(rules.interval, UNREAD_PAUSE))
    yield from _about_doubts_elsewhere(facts, rules, now)
    if facts.last_ended_at is not None and now < facts.last_ended_at + rules.interval:
        yield Refusal(Reason.INTERVAL, facts.last_ended_at + rules.interval)
    if room.provider_back_at is not None:
        yield Refusal(Reason.PROVIDER_AWAY, max(room.provider_back_at, now))
    if room.free_slots < 1:
        yield Refusal(Reason.NO_LINE, now + LINE_PAUSE)


def _about_the_number(facts: Facts) -> Iterator[Refusal]:
    if facts.is_protected:
        yield Refusal(Reason.DO_NOT_CONTACT, None)
    if facts.withdrawn is not None:
        yield Refusal(facts.withdrawn, None)
    if facts.phone is None:
        yield Refusal(Reason.NO_PHONE, None)
    elif not is_dialable(facts.phone):
        yield Refusal(Reason.UNDIALABLE_NUMBER, None)
    if facts.is_blocked:
        yield Refusal(Reason.BLOCKED_NUMBER, None)
    if not facts.has_script:
        yield Refusal(Reason.NO_SCRIPT, None)


def _about_the_hour(rules: Rules, now: datetime) -> Iterator[Refusal]:
    if rules.opens_at is None:
        # Settings and calendars change, so it is looked at again tomorrow.
        yield Refusal(Reason.NO_WINDOW, now + DAY)
        return
    opens = rules.opens_at(now)
    if opens != now:
        yield Refusal(Reason.OUTSIDE_WINDOW, opens or now + DAY)


def _about_the_caps(facts: Facts, rules: Rules, now: datetime) -> Iterator[Refusal]:
    recent = [moment for moment in facts.recent_calls if moment > now - DAY]
    if len(recent) >= rules.daily_cap:
        yield Refusal(Reason.DAILY_CAP, recent[-rules.daily_cap] + DAY)
    if facts.rounds_done >= rules.max_rounds:
        yield Refusal(Reason.ROUND_LIMIT, None)
    if facts.is_automatic and facts.is_reached:
        yield Refusal(Reason.ALREADY_REACHED, None)


def _about_doubts_elsewhere(facts: Facts, rules: Rules, now: datetime) -> Iterator[Refusal]:
    """Hold a number whose person may have answered another call; in its own task or case nothing follows by itself."""
    if facts.unknown_elsewhere_at is None:
        return
    # A person who asks for one call decides as they may after an uncertain call of the same case.
    held_until = facts.unknown_elsewhere_at + (rules.unknown_hold if facts.is_automatic else rules.interval)
    if now < held_until:
        yield Refusal(Reason.CALL_UNKNOWN, held_until)


def _active_reason(active: Active) -> Reason:
    if not active.is_own:
        return Reason.ACTIVE_NUMBER
    return Reason.CALL_UNKNOWN if active.is_unknown else Reason.ACTIVE_CALL
