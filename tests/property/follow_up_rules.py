"""Whatever may happen to people in sequences: operators, people, time, looks and accidents."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
)

from tests.conftest import START
from tests.faults.gateway import BROKEN, busy
from tests.property import follow_up_model as model
from tests.property.follow_up_checks import BUSY_SECONDS, FollowUpChecks
from tests.property.follow_up_model import Config, Enrollment, Person, Text

MOMENT = timedelta(microseconds=1)
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


class FollowUpMachine(FollowUpChecks):
    """Four people, two of them behind a gateway, and whatever may happen to them."""

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
