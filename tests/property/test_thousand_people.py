"""Many people for ninety days: sequences, answers, refusals, edits, operators and crashes, against four plain promises.

Zero messages after an answer, zero too early, zero twice, zero outside the hours. The service, its database and a
gateway on loopback are real; what is asserted is computed from what left and when, and from what the people did.
``HUIYIN_TEST_DEEP=1`` takes a thousand people and another fate every time.
"""

import os
import random
import secrets
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.faults.gateway import BROKEN, CLOSE, busy
from tests.property.world import World, running_world
from tests.tasks import every_day

DEEP = os.environ.get("HUIYIN_TEST_DEEP") == "1"
PEOPLE = 1000 if DEEP else 100
SEED = secrets.randbelow(2**32) if DEEP else 20260305
START = datetime(2026, 3, 5, 2, 30, tzinfo=UTC)
DAYS = 90
ZONE = ZoneInfo("Asia/Shanghai")
WINDOW = every_day(("9:00", "21:00"))
FIRST_WAIT, GAP, CAP = timedelta(seconds=30), timedelta(seconds=60), 5
STEPS = [
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(hours=1),
    *[timedelta(hours=hours) for hours in (3, 5, 7, 11)],
]
ANSWERS = ["好的,我有兴趣了解一下", "可以,我的微信是 wx_abc123", "别再发了,不要联系我", "多少钱一个月"]
NO_ANSWERS = ["您好,我现在有事不在,一会再和您联系", "微信号"]
ACCIDENTS = ["none"] * 12 + ["dies before", "dies after", "busy", "broken", "hangs up", "another process"]


@dataclass(slots=True)
class Person:
    """Somebody in a sequence, and what was done to them."""

    id: int
    is_over: bool = False
    """They answered, refused, or are protected: nothing more leaves for them."""
    is_muted: bool = False
    rests_until: datetime = START
    """An operator wrote in the chat, or a message waits for somebody's judgement."""
    last: datetime | None = None
    automatic: list[datetime] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)
    """Day and script of what left, but for the tail, which goes round."""


class Simulation:
    """A world with people, and chance."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = random.Random(seed)  # noqa: S311 - no secret
        self.people: dict[int, Person] = {}
        self.hours: dict[int, int] = {}
        self.last_record = 0
        self.messages = 0
        self.seen: Counter[str] = Counter()

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def begin(self) -> None:
        _, config = self.world.call(
            "POST", "/followup-configs", {"name": "配置", "is_active": True, "opening_message": "您好"}
        )
        for day, order, hours in ((1, 1, 0), (1, 2, 3), (2, 1, 24), (4, 1, 24), (0, 1, 72), (0, 2, 96)):
            script = {"config_id": config["id"], "day_number": day, "order": order, "interval_hours": hours}
            _, made = self.world.call(
                "POST", "/followup-scripts", script | {"content": f"第{day}天", "is_active": True}
            )
            self.hours[made["id"]] = hours
        for number in range(PEOPLE):
            body: dict[str, Any] = {"name": f"人{number}", "user_id": f"u{number}"}
            _, made = self.world.call(
                "POST", "/contacts", body | ({"bot": self.world.webhook_bot} if number % 2 else {})
            )
            self.people[made["id"]] = Person(made["id"])
        ids = list(self.people)
        _, answer = self.world.call("POST", "/followup-enrollments", {"contact_ids": ids})
        assert answer["enrolled"] == PEOPLE

    # What happens

    def somebody(self) -> Person:
        return self.people[self.chance.choice(list(self.people))]

    def receive(self, person: Person, content: str, from_id: int = 0) -> None:
        self.messages += 1
        item = {"message_id": f"m{self.messages}", "contact_id": person.id, "fromId": from_id, "content": content}
        _, receipt = self.world.call("POST", "/messages/inbound", {"messages": [item, item]})
        assert receipt["accepted"] == 1, receipt

    def something_happens(self) -> None:
        person, draw = self.somebody(), self.chance.random()
        if draw < 0.12:
            self.receive(person, self.chance.choice(ANSWERS))
            person.is_over = True
        elif draw < 0.2:
            self.receive(person, self.chance.choice(NO_ANSWERS))
        draw = self.chance.random()
        person = self.somebody()
        if draw < 0.02:
            self.world.call("POST", f"/contacts/{person.id}/do-not-contact")
            person.is_over = True
        elif draw < 0.2:
            person.is_muted = not person.is_muted
            self.world.call("POST", f"/contacts/{person.id}/{'mute' if person.is_muted else 'unmute'}")
        elif draw < 0.3:
            self.receive(person, "我是人工客服", from_id=7)
            person.rests_until, person.last = self.now + timedelta(hours=24), self.now
        elif draw < 0.4:
            script = self.chance.choice(list(self.hours))
            self.hours[script] = self.chance.choice([3, 24, 48, 72])
            self.world.call("PUT", f"/followup-scripts/{script}", {"interval_hours": self.hours[script]})

    def look(self) -> None:
        accident = self.chance.choice(ACCIDENTS)
        self.seen[accident] += 1
        if accident == "another process":
            self.world.new_process()
        if accident.startswith("dies"):
            self.world.messenger.dies = accident.split()[1]
        replies = {"busy": busy(45), "broken": BROKEN, "hangs up": CLOSE}
        if accident in replies:
            self.world.gateway.script.append(replies[accident])
        self.world.look()
        if self.world.messenger.dies is not None:
            self.world.messenger.dies = None
            self.world.new_process()
        self.world.gateway.script.clear()

    # The promises

    def check(self) -> None:
        rows = self.world.rows(
            "SELECT id, contact_id, kind, status, day_number, script_id, reserved_at FROM follow_up_record"
            " WHERE id > $1 ORDER BY id",
            self.last_record,
        )
        for row in rows:
            self.last_record = row["id"]
            if row["status"] != "not_sent":
                self.check_one(self.people[row["contact_id"]], row)

    def check_one(self, person: Person, row: dict[str, Any]) -> None:
        at: datetime = row["reserved_at"]
        told = f"{row} at {at.astimezone(ZONE)}, {person}, seed {SEED}"
        assert at == self.now, told
        assert not person.is_over, f"after an answer: {told}"
        assert not person.is_muted, f"to somebody muted: {told}"
        assert at >= person.rests_until, f"beside an operator: {told}"
        assert 9 <= at.astimezone(ZONE).hour < 21, f"outside the hours: {told}"
        assert sum(at - timedelta(hours=24) < moment for moment in person.automatic) < CAP, f"too many: {told}"
        is_first = row["day_number"] == 1 and len(person.automatic) == 1
        if person.automatic:
            assert at - person.automatic[-1] >= (FIRST_WAIT if is_first else GAP), f"too early: {told}"
        if row["script_id"] is not None and not is_first and person.last is not None:
            assert at - person.last > timedelta(hours=self.hours[row["script_id"]]), f"too early: {told}"
        step = (row["day_number"] or 0, row["script_id"] or 0)
        assert step not in person.steps, f"twice: {told}"
        person.steps.append(step)
        person.automatic.append(at)
        person.last = at

    def run(self) -> None:
        self.begin()
        while self.now < START + timedelta(days=DAYS):
            self.look()
            self.check()
            for _ in range(PEOPLE // 100):
                self.something_happens()
            self.world.clock.advance(self.chance.choice(STEPS))
        assert all(times == 1 for times in self.world.gateway.per_key.values()), "a message reached the gateway twice"


def test_many_people_for_ninety_days(database_url: str, tmp_path: Path) -> None:
    with running_world(database_url, tmp_path, START, send_window=WINDOW) as world:
        simulation = Simulation(world, SEED)
        simulation.run()
        sent = sum(len(person.automatic) for person in simulation.people.values())
        over = sum(person.is_over for person in simulation.people.values())
        assert sent > 5 * PEOPLE, "hardly anything happened"
        assert over > PEOPLE // 3
        assert set(simulation.seen) == set(ACCIDENTS)
