"""Anything that may happen to people in sequences, in any order, against an independent model of the rules.

The service, its database and a gateway on loopback are real; the clock is moved by hand. After each look exactly those
messages must have left that the model expects, and after each step the stored state must hold together.
``HUIYIN_TEST_DEEP=1`` searches much longer.
"""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.conftest import START
from tests.faults.gateway import BROKEN, busy
from tests.property import follow_up_model as model
from tests.property.follow_up_model import Config, Enrollment, Expected, Person, Text, Uncertain
from tests.property.world import World, running_world

DEEP = os.environ.get("HUIYIN_TEST_DEEP") == "1"
EXAMPLES, STEPS = (1500, 60) if DEEP else (45, 35)
MOMENT = timedelta(microseconds=1)
BUSY_SECONDS = 45
REASONS = {
    "interval", "waiting_reply", "outside_window", "daily_cap", "min_gap", "muted", "config_inactive",
    "human_takeover", "needs_review", "send_unknown", "gateway_busy", "missing_variable",
}  # fmt: skip

PEOPLE = st.integers(0, 3)
NUMBERS = st.integers(0, 5)
HOURS = st.sampled_from([0, 1, 2, 24, 72])
BESIDE = st.sampled_from([-MOMENT, timedelta(0), MOMENT])
ACCIDENT = st.sampled_from(
    ["none", "none", "none", "another process", "dies before delivery", "dies after delivery", "busy", "broken"]
)
STEP = st.sampled_from(
    [
        MOMENT,
        timedelta(seconds=1),
        timedelta(seconds=30) - MOMENT,
        timedelta(seconds=30),
        timedelta(seconds=60),
        timedelta(seconds=90),
        timedelta(hours=1),
        timedelta(hours=1) + MOMENT,
        timedelta(hours=24) - MOMENT,
        timedelta(hours=24),
        timedelta(hours=24) + MOMENT,
        timedelta(days=10),
    ]
)


class FollowUpMachine(RuleBasedStateMachine):
    """Four people, two of them behind a gateway, and whatever may happen to them."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.people: list[Person] = []
        self.configs: list[Config] = []
        self.counter = 0
        self.last_record = 0

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def unique(self) -> int:
        self.counter += 1
        return self.counter

    @initialize(
        who=st.sets(PEOPLE), opening=st.sampled_from([True, True, False]), by_hand=st.sets(PEOPLE), accident=ACCIDENT
    )
    def begin(self, who: set[int], opening: bool, by_hand: set[int], accident: str) -> None:
        self.world.empty(START)
        for number in range(4):
            bot = self.world.webhook_bot if number >= 2 else None
            position = "Python开发" if number % 2 else None
            body = {"name": f"人{number}", "position": position, "user_id": f"u{number}", "bot": bot}
            status, made = self.world.call("POST", "/contacts", {key: body[key] for key in body if body[key]})
            assert status == 201, made
            self.people.append(Person(made["id"], position, bot is not None))
        self.new_config(is_general=True)
        for day, hours in ((1, 24), (1, 1), (2, 0), (0, 1)):
            self.new_script(0, day, 1, hours)
        for number in sorted(by_hand):
            self.somebody_writes_by_hand(number, is_in_the_chat=False, is_broken=False)
        if who:
            self.enroll(who, opening, restart=False)
            self.look(accident)

    # What operators do to configs and scripts

    @precondition(lambda self: len(self.configs) < 4)
    @rule(is_general=st.booleans())
    def new_config(self, is_general: bool) -> None:
        position = None if is_general else "Python开发"
        opening = f"开场白{self.unique()}"
        _, made = self.world.call(
            "POST",
            "/followup-configs",
            {"name": "配置", "position": position, "is_active": True, "opening_message": opening},
        )
        self.configs.append(Config(made["id"], position, opening, self.now))

    @rule(number=NUMBERS, action=st.sampled_from(["off", "on", "on", "delete"]))
    def change_config(self, number: int, action: str) -> None:
        config = self.configs[number % len(self.configs)]
        if action == "delete":
            status, _ = self.world.call("DELETE", f"/followup-configs/{config.id}")
            assert (status == 404) == config.is_deleted
            config.is_deleted = True
        elif not config.is_deleted:
            config.is_active = action == "on"
            self.world.call("PUT", f"/followup-configs/{config.id}", {"is_active": config.is_active})

    @rule(number=NUMBERS, day=st.integers(0, 4), order=st.integers(0, 2), hours=HOURS)
    def new_script(self, number: int, day: int, order: int, hours: int) -> None:
        config = self.configs[number % len(self.configs)]
        hours = hours or (0 if day else 1)
        content = f"话术第{self.unique()}条"
        body = {"config_id": config.id, "day_number": day, "content": content, "interval_hours": hours, "order": order}
        status, made = self.world.call("POST", "/followup-scripts", body | {"is_active": True})
        if config.is_deleted:
            assert status == 409
            return
        config.texts.append(Text(made["id"], day, order, hours, content))
        self.edited(config)

    @rule(
        number=NUMBERS,
        which=NUMBERS,
        hours=HOURS,
        order=st.none() | st.integers(0, 2),
        action=st.sampled_from(["edit", "switch", "delete"]),
    )
    def change_script(self, number: int, which: int, hours: int, order: int | None, action: str) -> None:
        text = self.script(number, which)
        if text is None:
            return
        if action == "delete":
            text.is_deleted = True
            self.world.call("DELETE", f"/followup-scripts/{text.id}")
        elif action == "switch":
            text.is_active = not text.is_active
            self.world.call("PUT", f"/followup-scripts/{text.id}", {"is_active": text.is_active})
        else:
            text.hours = hours or (0 if text.day else 1)
            text.order = text.order if order is None else order
            text.content = f"话术第{self.unique()}条"
            body = {"interval_hours": text.hours, "order": text.order, "content": text.content}
            self.world.call("PUT", f"/followup-scripts/{text.id}", body)
        self.edited(self.configs[number % len(self.configs)])

    def script(self, number: int, which: int) -> Text | None:
        config = self.configs[number % len(self.configs)]
        texts = [] if config.is_deleted else [text for text in config.texts if not text.is_deleted]
        return texts[which % len(texts)] if texts else None

    def edited(self, config: Config) -> None:
        for person in self.people:
            if person.enrollment is not None and person.enrollment.config is config:
                person.enrollment.may_be_late = True

    # What operators do to people

    @rule(who=st.sets(PEOPLE, min_size=1), opening=st.booleans(), restart=st.sampled_from([True, True, False]))
    def enroll(self, who: set[int], opening: bool, restart: bool) -> None:
        people = [self.people[number] for number in sorted(who)]
        body = {"contact_ids": [person.id for person in people], "opening": opening, "restart": restart}
        _, answer = self.world.call("POST", "/followup-enrollments", body)
        for person, result in zip(people, answer["results"], strict=True):
            self.enroll_one(person, result, opening, restart)

    def enroll_one(self, person: Person, result: dict[str, Any], opening: bool, restart: bool) -> None:
        config = model.choose_config(self.configs, person.position)
        if person.do_not_contact:
            expected = "do_not_contact"
        elif person.converted:
            expected = "converted"
        elif person.is_open:
            expected = "already_enrolled"
        elif person.enrollment is not None and not restart:
            expected = "needs_restart"
        else:
            expected = "waiting" if config is None else "enrolled"
            state = "waiting" if config is None else "active"
            wants_opening = opening and not person.had_opening
            person.enrollment = Enrollment(result["enrollment_id"], config, self.now, wants_opening, state)
        assert result["status"] == expected

    @rule(who=PEOPLE, action=st.sampled_from(["pause", "resume", "resume", "stop"]))
    def hold(self, who: int, action: str) -> None:
        person = self.people[who]
        mine = person.enrollment
        if mine is None:
            return
        allowed = {"pause": {"waiting", "active"}, "resume": {"paused"}, "stop": model.OPEN}[action]
        status, answer = self.world.call("POST", f"/followup-enrollments/{mine.id}/{action}")
        assert status == (200 if mine.state in allowed else 409)
        if status != 200:
            return
        if action == "resume" and mine.config is None:
            mine.config = model.choose_config(self.configs, person.position)
        resumed = "waiting" if mine.config is None else "active"
        mine.state = {"pause": "paused", "stop": "stopped", "resume": resumed}[action]
        mine.not_before = None
        assert answer["state"] == mine.state

    @rule(who=PEOPLE, muted=st.booleans())
    def mute(self, who: int, muted: bool) -> None:
        person = self.people[who]
        self.world.call("POST", f"/contacts/{person.id}/{'mute' if muted else 'unmute'}")
        person.muted = muted

    @rule(who=PEOPLE, is_lifted=st.booleans())
    def protect(self, who: int, is_lifted: bool) -> None:
        person = self.people[who]
        method = "DELETE" if is_lifted else "POST"
        status, _ = self.world.call(method, f"/contacts/{person.id}/do-not-contact")
        assert status == (204 if is_lifted else 201)
        person.do_not_contact = not is_lifted
        if person.do_not_contact and person.is_open and person.enrollment is not None:
            person.enrollment.state = "stopped"

    @rule(who=PEOPLE, is_in_the_chat=st.booleans(), is_broken=st.booleans())
    def somebody_writes_by_hand(self, who: int, is_in_the_chat: bool, is_broken: bool) -> None:
        person = self.people[who]
        if is_in_the_chat:
            self.receive(who, f"人工第{self.unique()}条", from_id=7)
            person.hands.append(self.now)
            person.last = self.now if person.last is None else max(person.last, self.now)
            person.takeover_until = max(person.takeover_until or START, self.now + model.HOLD)
            return
        if is_broken and person.is_webhook:
            self.world.gateway.script.append(BROKEN)
        body = {"contact_id": person.id, "content": f"手动第{self.unique()}条"}
        status, record = self.world.call("POST", "/followup-records/send", body)
        self.world.gateway.script.clear()
        assert status == (409 if person.do_not_contact else 201)
        if status == 201:
            assert record["status"] == ("unknown" if is_broken and person.is_webhook else "sent")
            person.wrote(self.now, by_hand=True)

    # What people do

    def receive(self, who: int, content: str, from_id: int = 0) -> dict[str, int]:
        person = self.people[who]
        item = {"message_id": f"m{self.unique()}", "contact_id": person.id, "fromId": from_id, "content": content}
        status, receipt = self.world.call("POST", "/messages/inbound", {"messages": [item, item]})
        assert (status, receipt["accepted"], receipt["duplicates"]) == (200, 1, 1)
        counts: dict[str, int] = receipt
        return counts

    @rule(who=PEOPLE, how=st.sampled_from(["plainly", "plainly", "with details", "refusing"]))
    def reply(self, who: int, how: str) -> None:
        person = self.people[who]
        texts = {
            "plainly": "好的,我有兴趣了解一下",
            "with details": f"可以,我的微信是 wx_abc123{who}",
            "refusing": "别再发了,不要联系我",
        }
        assert self.receive(who, texts[how])["replies"] == 1
        person.answered(details=how == "with details")
        person.do_not_contact |= how == "refusing"

    @rule(who=PEOPLE, is_automatic=st.booleans())
    def say_something_that_is_no_reply(self, who: int, is_automatic: bool) -> None:
        person = self.people[who]
        text = "您好,我现在有事不在,一会再和您联系" if is_automatic else "微信号"
        assert self.receive(who, text)["filtered"] == 1
        if not is_automatic:
            person.review_until = max(person.review_until or START, self.now + model.HOLD)

    # Time, looks and accidents

    @rule(seconds=st.integers(1, 20))
    def clock_goes_back(self, seconds: int) -> None:
        self.world.clock.advance(-timedelta(seconds=seconds))

    @rule(step=STEP)
    def advance(self, step: timedelta) -> None:
        self.world.clock.advance(step)

    @rule(step=STEP, accident=ACCIDENT)
    def advance_and_look(self, step: timedelta, accident: str) -> None:
        self.world.clock.advance(step)
        self.look(accident)

    @rule(who=PEOPLE, beside=BESIDE, accident=ACCIDENT)
    def advance_to_the_due_time(self, who: int, beside: timedelta, accident: str) -> None:
        self.world.clock.set(max(self.now, self.due_time(who) + beside))
        self.look(accident)

    @rule(who=PEOPLE, beside=BESIDE, accident=ACCIDENT)
    def advance_to_the_next_due_time(self, who: int, beside: timedelta, accident: str) -> None:
        self.advance_to_the_due_time(who, beside, accident)

    @rule(who=PEOPLE, accidents=st.lists(ACCIDENT, min_size=2, max_size=8))
    def go_on_from_due_time_to_due_time(self, who: int, accidents: list[str]) -> None:
        for accident in accidents:
            self.advance_to_the_due_time(who, timedelta(0), accident)

    def due_time(self, who: int) -> datetime:
        mine = self.people[who].enrollment
        due = mine and self.world.rows("SELECT due_at FROM follow_up_enrollment WHERE id = $1", mine.id)[0]["due_at"]
        return due or self.now

    def look(self, accident: str = "none") -> None:
        if accident == "another process":
            self.world.new_process()
        if accident in {"dies before delivery", "dies after delivery"}:
            self.world.messenger.dies = accident.split()[1]
        if accident in {"busy", "broken"}:
            self.world.gateway.script.append(busy(BUSY_SECONDS) if accident == "busy" else BROKEN)
        expected = self.before_a_look()
        self.world.look()
        if self.world.messenger.dies is not None:
            self.world.messenger.dies = None
            self.world.new_process()
            for person in self.people:
                if person.is_webhook and person.enrollment is not None:
                    # It may have been claimed, or not even that, when another one's delivery was the end.
                    person.enrollment.not_before = self.now + model.LEASE
        self.after_a_look(expected)
        self.world.gateway.script.clear()

    @precondition(lambda self: any(person.enrollment and person.enrollment.uncertain for person in self.people))
    @rule(was_sent=st.booleans())
    def somebody_settles_what_is_uncertain(self, was_sent: bool) -> None:
        for person in self.people:
            mine = person.enrollment
            if mine is None or mine.uncertain is None:
                continue
            body = {"outcome": "sent" if was_sent else "not_sent"}
            status, answer = self.world.call("POST", f"/followup-records/{mine.uncertain.record_id}/resolve", body)
            assert status == (200 if mine.uncertain.is_told else 409), answer
            if not mine.uncertain.is_told:
                continue
            if was_sent:
                self.count_as_sent(mine)
            else:
                person.take_back(mine.uncertain.counted_at)
                mine.uncertain, mine.not_before = None, None
                self.forget_uncertain(person)

    def forget_uncertain(self, person: Person) -> None:
        person.last = max([*person.sends, *person.hands], default=None)
        person.had_opening = bool(
            self.world.rows(
                "SELECT FROM follow_up_record WHERE contact_id = $1 AND kind = 'opening'"
                " AND status IN ('sent', 'unknown', 'reserved')",
                person.id,
            )
        )

    def count_as_sent(self, mine: Enrollment) -> None:
        assert mine.uncertain is not None
        row = self.world.rows("SELECT sent_at FROM follow_up_record WHERE id = $1", mine.uncertain.record_id)[0]
        expected = mine.uncertain.expected
        mine.uncertain = None
        mine.day, mine.after, mine.rotation = self.passed(mine, expected)
        mine.not_before = None
        if expected.kind == "opening":
            mine.wants_opening, mine.opening_at = False, row["sent_at"]

    def passed(self, mine: Enrollment, expected: Expected) -> tuple[int, Any, Any]:
        """Where somebody stands after a message that counts as sent later, when its day may have been edited."""
        assert mine.config is not None
        if expected.day is None:
            return expected.following
        text = next(text for text in mine.config.texts if text.id == expected.script_id)
        if text.day == 0:
            return expected.day + 1, None, text.place
        is_rest = any(
            other.day == expected.day and other.is_active and not other.is_deleted and other.place > text.place
            for other in mine.config.texts
        )
        return (expected.day, text.place, mine.rotation) if is_rest else (expected.day + 1, None, mine.rotation)

    # What must have happened

    def before_a_look(self) -> dict[int, Expected]:
        """Bring the model to this moment and say what should leave, by person."""
        for person in self.people:
            mine = person.enrollment
            if mine is None:
                continue
            if mine.state == "waiting":
                mine.config = model.choose_config(self.configs, person.position)
                mine.state = "waiting" if mine.config is None else "active"
            self.settle_uncertain(person, mine)
        leaving = {person.id: model.what_leaves(person, self.now) for person in self.people}
        return {person_id: expected for person_id, expected in leaving.items() if expected is not None}

    def settle_uncertain(self, person: Person, mine: Enrollment) -> None:
        """Apply what time alone does to an uncertain message: it is listed, and a day later it counts as sent."""
        uncertain = mine.uncertain
        if uncertain is None or not uncertain.is_told:
            return
        is_moving = mine.state == "active" and not person.do_not_contact
        if is_moving and self.now >= uncertain.reserved_at + model.HOLD:
            self.count_as_sent(mine)

    def after_a_look(self, expected: dict[int, Expected]) -> None:
        new = self.world.rows(
            "SELECT id, contact_id, enrollment_id, kind, status, day_number, script_id, content, sent_at, reserved_at"
            " FROM follow_up_record WHERE id > $1 AND kind IN ('opening', 'script') ORDER BY id",
            self.last_record,
        )
        left = {row["contact_id"]: row for row in new}
        assert len(left) == len(new), "at most one message leaves for a person at a time"
        self.last_record = max([self.last_record, *(row["id"] for row in new)])
        for person in self.people:
            wanted, row = expected.get(person.id), left.get(person.id)
            mine = person.enrollment
            if row is None:
                assert wanted is None or self.is_excused(person), (
                    f"{wanted} should have left for {person.id} at {self.now}, whose place is {self.place_of(person)}"
                )
                continue
            assert mine is not None
            assert wanted is not None, f"nothing should have left for {person.id}, but {row}"
            assert (row["enrollment_id"], row["kind"], row["day_number"], row["script_id"], row["content"]) == (
                mine.id, wanted.kind, wanted.day, wanted.script_id, wanted.content,
            )  # fmt: skip
            self.note(person, mine, wanted, row)
        self.follow_states()

    def place_of(self, person: Person) -> dict[str, Any]:
        columns = "id, state, reason, due_at, day, open_record_id, claim_token"
        statement = f"SELECT {columns} FROM follow_up_enrollment WHERE contact_id = $1 ORDER BY id DESC LIMIT 1"
        return self.world.rows(statement, person.id)[0]

    def is_excused(self, person: Person) -> bool:
        """Whether a message that could leave may rightly wait: for a lease, a gateway, or a due time stored before."""
        mine = person.enrollment
        assert mine is not None
        row = self.world.rows("SELECT due_at FROM follow_up_enrollment WHERE id = $1", mine.id)[0]
        if mine.not_before is not None and self.now < mine.not_before:
            return True
        if row["due_at"] is not None and row["due_at"] > self.now:
            return mine.may_be_late
        state = self.world.dispatcher._bots.get(self.world.webhook_bot)
        closed_until = None if state is None else state.circuit.closed_until
        return person.is_webhook and closed_until is not None and self.now < closed_until

    def note(self, person: Person, mine: Enrollment, wanted: Expected, row: dict[str, Any]) -> None:
        """Note what became of a message that was tried."""
        if row["status"] == "not_sent":
            mine.not_before = self.now + timedelta(seconds=BUSY_SECONDS)
            return
        assert person.is_webhook or row["status"] == "sent"
        person.had_opening |= wanted.kind == "opening"
        if row["status"] == "reserved":
            mine.uncertain = Uncertain(row["id"], row["reserved_at"], wanted, row["reserved_at"], is_told=False)
            person.tried(row["reserved_at"])
            return
        person.wrote(row["sent_at"])
        if row["status"] == "unknown":
            mine.uncertain = Uncertain(row["id"], row["reserved_at"], wanted, row["sent_at"], is_told=True)
            return
        mine.move(wanted, row["sent_at"])

    def follow_states(self) -> None:
        """Follow what a look says about the end of sequences and about messages whose process died."""
        for person in self.people:
            mine = person.enrollment
            if mine is None:
                continue
            if mine.uncertain is not None and not mine.uncertain.is_told:
                self.follow_uncertain(person, mine, mine.uncertain)
            state = self.world.rows("SELECT state FROM follow_up_enrollment WHERE id = $1", mine.id)[0]["state"]
            if state == "finished" and mine.state == "active":
                assert model.next_text(mine) is None
                mine.state = "finished"
            if state == "stopped" and mine.state in {"active", "paused"}:
                assert mine.config is not None
                assert mine.config.is_deleted
                mine.state = "stopped"

    def follow_uncertain(self, person: Person, mine: Enrollment, uncertain: Uncertain) -> None:
        record = self.world.rows("SELECT * FROM follow_up_record WHERE id = $1", uncertain.record_id)[0]
        if self.now < uncertain.reserved_at + model.LEASE:
            assert record["status"] == "reserved"
            return
        assert record["status"] == "unknown", "what nobody knows is listed once its lease is over"
        uncertain.is_told = True
        person.take_back(uncertain.counted_at)
        uncertain.counted_at = record["sent_at"]
        person.wrote(record["sent_at"])
        row = self.world.rows("SELECT open_record_id FROM follow_up_enrollment WHERE id = $1", mine.id)[0]
        if row["open_record_id"] is None:
            assert self.now >= uncertain.reserved_at + model.HOLD
            self.count_as_sent(mine)

    # What must hold after every step

    @invariant()
    def states_agree(self) -> None:
        rows = self.world.rows(
            "SELECT DISTINCT ON (e.contact_id) e.*, c.message_count, c.do_not_contact, c.muted"
            " FROM follow_up_enrollment e JOIN contact c ON c.id = e.contact_id ORDER BY e.contact_id, e.id DESC"
        )
        stored = {row["contact_id"]: row for row in rows}
        for person in self.people:
            mine, row = person.enrollment, stored.get(person.id)
            assert (mine is None) == (row is None)
            if mine is None or row is None:
                continue
            assert (row["id"], row["state"]) == (mine.id, mine.state)
            assert row["due_at"] is None or row["state"] == "active"
            assert (row["do_not_contact"], row["muted"]) == (person.do_not_contact, person.muted)
            if row["state"] == "active":
                self.stands_for_a_reason(person, mine, row)

    def stands_for_a_reason(self, person: Person, mine: Enrollment, row: dict[str, Any]) -> None:
        assert row["reason"] is None or row["reason"] in REASONS
        assert not person.do_not_contact
        if row["due_at"] is None:
            rearmed = self.world.rows("SELECT FROM follow_up_config WHERE rearm_at IS NOT NULL")
            is_inactive = mine.config is not None and not mine.config.is_active
            causes = {"muted": person.muted, "config_inactive": is_inactive or bool(rearmed)}
            assert causes.get(row["reason"]), f"{row['reason']} is over, and nobody looks at {person.id} again"

    @invariant()
    def the_tables_hold_together(self) -> None:
        doubles = self.world.rows(
            "SELECT contact_id FROM follow_up_enrollment WHERE state IN ('waiting', 'active', 'paused')"
            " GROUP BY 1 HAVING count(*) > 1"
        )
        assert not doubles
        histories = self.world.rows(
            "SELECT c.id FROM contact c LEFT JOIN (SELECT contact_id, count(*) AS n, min(ordinal) AS first,"
            "   max(ordinal) AS last FROM chat_message GROUP BY 1) m ON m.contact_id = c.id"
            " WHERE c.message_count <> coalesce(m.n, 0) OR m.first <> 1 OR m.last <> m.n"
        )
        assert not histories, "ordinals count from 1 without gaps"
        backwards = self.world.rows(
            "SELECT FROM (SELECT created_at < lag(created_at) OVER (PARTITION BY contact_id ORDER BY ordinal) AS back"
            " FROM chat_message) AS m WHERE back"
        )
        assert not backwards
        tally = self.world.rows(
            "SELECT config_id, status, got_reply, sum(delta)::bigint AS n FROM follow_up_record_tally"
            " GROUP BY 1, 2, 3 HAVING sum(delta) <> 0"
        )
        counted = self.world.rows(
            "SELECT config_id, status, got_reply, count(*) AS n FROM follow_up_record GROUP BY 1, 2, 3"
        )
        assert Counter({tuple(row.values()): 1 for row in tally}) == Counter(
            {tuple(row.values()): 1 for row in counted}
        )
        unsent = self.world.rows(
            "SELECT r.id FROM follow_up_record r LEFT JOIN chat_message m ON m.record_id = r.id"
            " WHERE (r.status = 'sent') <> (m.id IS NOT NULL)"
        )
        assert not unsent, "what was sent stands in the history, and nothing else"
        unaudited = self.world.rows(
            "SELECT r.id, a.id FROM (SELECT * FROM follow_up_record WHERE kind IN ('opening', 'script')) AS r"
            " FULL JOIN (SELECT * FROM audit_entry WHERE actor = 'scheduler' AND action = 'send') AS a"
            "   ON (a.detail ->> 'record_id')::bigint = r.id AND a.contact_id = r.contact_id AND a.reason = r.kind"
            "   AND a.enrollment_id = r.enrollment_id AND a.at = r.reserved_at"
            " WHERE a.id IS NULL OR r.id IS NULL"
        )
        assert not unaudited, "every automatic message leaves an audit row, and only those"

    @invariant()
    def no_message_reaches_the_gateway_twice(self) -> None:
        assert all(times == 1 for times in self.world.gateway.per_key.values())


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    with running_world(database_url, tmp_path, START) as running:
        yield running


def test_whatever_happens_the_right_message_leaves_at_the_right_time(world: World) -> None:
    class Machine(FollowUpMachine):
        pass

    Machine.world = world
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not DEEP,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
