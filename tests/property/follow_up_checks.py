"""What must have happened after each look, and what must hold after every step."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, ClassVar

from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
)

from tests.property import follow_up_model as model
from tests.property.follow_up_model import Config, Enrollment, Expected, Person, Uncertain
from tests.property.world import World

BUSY_SECONDS = 45
REASONS = {
    "interval", "waiting_reply", "outside_window", "daily_cap", "min_gap", "muted", "config_inactive",
    "human_takeover", "needs_review", "send_unknown", "gateway_busy", "missing_variable",
}  # fmt: skip


class FollowUpChecks(RuleBasedStateMachine):
    """Four people, what the model knows of them, and how the service is held to it."""

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
