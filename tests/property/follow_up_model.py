"""The follow-up rules once more, as simply as they can be said: what should leave for a person at a moment.

Shares nothing with the service. Everything is a plain value that the test changes as it goes along.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

FIRST_WAIT = timedelta(seconds=30)
MIN_GAP = timedelta(seconds=60)
DAILY_CAP = 5
HOLD = timedelta(hours=24)
LEASE = timedelta(seconds=90)
DAY = timedelta(hours=24)
OPEN = frozenset({"waiting", "active", "paused"})

Place = tuple[int, int]


@dataclass(slots=True)
class Text:
    """A script."""

    id: int
    day: int
    order: int
    hours: int
    content: str
    is_active: bool = True
    is_deleted: bool = False

    @property
    def place(self) -> Place:
        """Where it stands within its day."""
        return self.order, self.id


@dataclass(slots=True)
class Config:
    """A sequence of texts."""

    id: int
    position: str | None
    opening: str
    created_at: datetime
    texts: list[Text] = field(default_factory=list)
    is_active: bool = True
    is_deleted: bool = False


class Expected(NamedTuple):
    """A message that should leave, and where the person stands afterwards."""

    kind: str
    day: int | None
    script_id: int | None
    content: str
    following: tuple[int, Place | None, Place | None]


@dataclass(slots=True)
class Enrollment:
    """A place in a sequence."""

    id: int
    config: Config | None
    enrolled_at: datetime
    wants_opening: bool
    state: str = "active"
    day: int = 1
    after: Place | None = None
    rotation: Place | None = None
    opening_at: datetime | None = None
    uncertain: "Uncertain | None" = None
    may_be_late: bool = False
    """Texts were edited since the last message: a due time that was stored before them may be too late."""
    not_before: datetime | None = None
    """A gateway asked for a pause, or a process died with the claim."""

    def move(self, expected: Expected, at: datetime) -> None:
        """Move on past a message that left."""
        self.day, self.after, self.rotation = expected.following
        self.may_be_late, self.not_before = False, None
        if expected.kind == "opening":
            self.wants_opening, self.opening_at = False, at


@dataclass(slots=True)
class Uncertain:
    """A message of which nobody knows whether it arrived."""

    record_id: int
    reserved_at: datetime
    expected: Expected
    counted_at: datetime
    is_told: bool
    """The record says so already; before that its process died, and the lease must end."""


@dataclass(slots=True)
class Person:
    """Somebody who may be written to."""

    id: int
    position: str | None
    is_webhook: bool
    enrollment: Enrollment | None = None
    muted: bool = False
    do_not_contact: bool = False
    converted: bool = False
    had_opening: bool = False
    last: datetime | None = None
    sends: list[datetime] = field(default_factory=list)
    hands: list[datetime] = field(default_factory=list)
    """When operators wrote in the chat: it counts for intervals, not for the cap of a day."""
    automatic: list[datetime] = field(default_factory=list)
    """Those of the sends that the service decided on: between two of them there is a floor."""
    review_until: datetime | None = None
    takeover_until: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether a sequence is under way."""
        return self.enrollment is not None and self.enrollment.state in OPEN

    def wrote(self, at: datetime, *, by_hand: bool = False) -> None:
        """Note a message to this person that counts."""
        self.last = at if self.last is None else max(self.last, at)
        self.tried(at, by_hand=by_hand)

    def tried(self, at: datetime, *, by_hand: bool = False) -> None:
        """Note a message that is under way."""
        self.sends.append(at)
        if not by_hand:
            self.automatic.append(at)

    def take_back(self, at: datetime) -> None:
        """Forget an automatic message."""
        self.sends.remove(at)
        self.automatic.remove(at)

    def answered(self, *, details: bool) -> None:
        """Note an answer; whoever gave contact details once is never enrolled again."""
        self.converted |= details
        mine = self.enrollment
        if mine is None:
            return
        if details and mine.state in OPEN | {"finished", "replied"}:
            mine.state = "converted"
        elif mine.state in OPEN | {"finished"}:
            mine.state = "replied"


def next_text(mine: Enrollment) -> Expected | None:
    """Say which message comes next, whenever that is."""
    assert mine.config is not None
    if mine.wants_opening:
        return Expected("opening", None, None, mine.config.opening, (mine.day, mine.after, mine.rotation))
    texts = sorted(
        (text for text in mine.config.texts if text.is_active and not text.is_deleted), key=lambda text: text.place
    )
    day, after = mine.day, mine.after
    while True:
        left = [text for text in texts if text.day == day and (after is None or text.place > after)]
        if left:
            following = (day, left[0].place) if len(left) > 1 else (day + 1, None)
            return Expected("script", day, left[0].id, left[0].content, (*following, mine.rotation))
        if after is not None:
            day, after = day + 1, None
            continue
        tail = [text for text in texts if text.day == 0]
        if tail:
            further = [text for text in tail if mine.rotation is not None and text.place > mine.rotation]
            text = (further or tail)[0]
            return Expected("script", day, text.id, text.content, (day + 1, None, text.place))
        later = [text.day for text in texts if text.day > day]
        if not later:
            return None
        day = min(later)


def is_held(person: Person, now: datetime) -> bool:
    """Say whether anything but the clock stands in the way."""
    holds = (person.review_until, person.takeover_until)
    return person.muted or person.do_not_contact or any(until is not None and now < until for until in holds)


def clock_allows(person: Person, mine: Enrollment, expected: Expected, now: datetime) -> bool:
    """Read the rules on distances: interval, wait, gap, cap."""
    assert mine.config is not None
    if sum(now - DAY < moment for moment in person.sends) >= DAILY_CAP:
        return False
    if expected.kind == "opening":
        return keeps_gap(person, now) if person.automatic else now >= mine.enrolled_at
    text = next(text for text in mine.config.texts if text.id == expected.script_id)
    if mine.opening_at is not None and person.last == mine.opening_at and text.day == 1:
        return now - mine.opening_at >= FIRST_WAIT
    if now - (person.last or mine.enrolled_at) <= timedelta(hours=text.hours):
        return False
    is_first = text.day == 1 and mine.day == 1 and mine.after is None and mine.opening_at is not None
    if not keeps_gap(person, now) and not (is_first and max(person.automatic) == mine.opening_at):
        return False
    return now >= (mine.enrolled_at if mine.opening_at is None else mine.opening_at + FIRST_WAIT)


def keeps_gap(person: Person, now: datetime) -> bool:
    """Say whether the last automatic message is long enough ago."""
    return not person.automatic or now - max(person.automatic) >= MIN_GAP


def what_leaves(person: Person, now: datetime) -> Expected | None:
    """Say what should leave for a person now; what is uncertain and old enough counts as sent first."""
    mine = person.enrollment
    if mine is None or mine.state != "active" or mine.config is None:
        return None
    if mine.uncertain is not None:
        return None
    if mine.config.is_deleted or not mine.config.is_active or is_held(person, now):
        return None
    expected = next_text(mine)
    return expected if expected is not None and clock_allows(person, mine, expected, now) else None


def choose_config(configs: list[Config], position: str | None) -> Config | None:
    """Say which config somebody of a position gets."""
    usable = [config for config in configs if config.is_active and not config.is_deleted]
    exact = [config for config in usable if position is not None and config.position == position]
    general = [config for config in usable if config.position is None]
    return max(exact or general, key=lambda config: (config.created_at, config.id), default=None)
