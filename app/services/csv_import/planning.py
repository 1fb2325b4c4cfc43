"""What a batch of lines means for the people who are known: pure, so that every case is a line of a table."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.services.csv_import.columns import ImportRow

UNKNOWN_BOT = "没有渠道 {bot} (no such bot)"
AMBIGUOUS = "电话对应多个联系人: {ids},请用 user_id 指明 (the phone belongs to several contacts: say which by user_id)"
OTHER_USER = "电话属于联系人 {id},其用户 id 不同,请核对 (the phone belongs to contact {id}, who has another user_id)"
NEW = "本文件中的新联系人 (new in this file)"


@dataclass(slots=True)
class Person:
    """A person's card as it will be; ``id`` is null until the person is written."""

    id: int | None
    bot_id: int
    user_id: str
    name: str | None = None
    position: str | None = None
    phone: str | None = None
    note: str | None = None
    has_made_up_user: bool = False
    """The user id was generated, so a real one may take its place."""
    is_changed: bool = False
    is_renamed: bool = False
    is_readdressed: bool = False


@dataclass(slots=True)
class Plan:
    """What is to be written for a batch, and what to say about its lines."""

    new: list[Person] = field(default_factory=list)
    changed: list[Person] = field(default_factory=list)
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)


class _Conflict(ValueError):  # noqa: N818 - it ends a line, not the import
    """A line that cannot be given to a person."""


class _People:
    """The people known so far, found by what lines name them by."""

    def __init__(self, known: Iterable[Person]) -> None:
        self._by_user: dict[tuple[int, str], Person] = {}
        self._by_phone: dict[str, list[Person]] = defaultdict(list)
        for person in known:
            self.add(person)

    def add(self, person: Person) -> None:
        self._by_user[person.bot_id, person.user_id] = person
        if person.phone:
            self._by_phone[person.phone].append(person)

    def user(self, bot_id: int, user_id: str) -> Person | None:
        return self._by_user.get((bot_id, user_id))

    def with_phone(self, phone: str, bot_id: int | None) -> list[Person]:
        return [person for person in self._by_phone[phone] if bot_id is None or person.bot_id == bot_id]

    def rename_user(self, person: Person, user_id: str) -> None:
        del self._by_user[person.bot_id, person.user_id]
        person.user_id, person.has_made_up_user = user_id, False
        self._by_user[person.bot_id, user_id] = person

    def change_phone(self, person: Person, phone: str) -> None:
        if person.phone:
            self._by_phone[person.phone].remove(person)
        person.phone = phone
        self._by_phone[phone].append(person)


def plan(
    rows: Sequence[ImportRow],
    known: Iterable[Person],
    *,
    bots: Mapping[str, int],
    default_bot: int,
    make_user_id: Callable[[], str],
) -> Plan:
    """Decide about the lines of a batch in their order, so that later lines see what earlier ones did.

    Args:
        rows: The lines.
        known: Everybody whom a line could mean, by user or by phone.
        bots: Ids of the bots that lines name.
        default_bot: The bot of lines that name none.
        make_user_id: Makes the user id of a new person who has only a phone.
    """
    people = _People(known)
    result = Plan()
    for row in rows:
        try:
            person = _whom(row, people, bots, default_bot)
        except _Conflict as conflict:
            result.errors.append((row.line, str(conflict)))
            continue
        if person is None:
            home = default_bot if row.bot is None else bots[row.bot]
            person = Person(None, home, row.user_id or make_user_id(), has_made_up_user=row.user_id is None)
            person.name, person.position, person.phone, person.note = row.name, row.position, row.phone, row.note
            people.add(person)
            result.new.append(person)
            result.created += 1
        elif _write(row, person, people):
            result.updated += 1
            if person.id is not None and not person.is_changed:
                person.is_changed = True
                result.changed.append(person)
        else:
            result.unchanged += 1
    return result


def _whom(row: ImportRow, people: _People, bots: Mapping[str, int], default_bot: int) -> Person | None:
    bot_id = None
    if row.bot is not None:
        bot_id = bots.get(row.bot)
        if bot_id is None:
            raise _Conflict(UNKNOWN_BOT.format(bot=row.bot))
    home = default_bot if bot_id is None else bot_id
    if row.user_id is not None and (person := people.user(home, row.user_id)) is not None:
        return person
    if row.phone is None:
        return None
    candidates = people.with_phone(row.phone, bot_id)
    if len(candidates) > 1:
        ids = ", ".join(str(person.id or NEW) for person in candidates[:5])
        raise _Conflict(AMBIGUOUS.format(ids=ids))
    if not candidates:
        return None
    person = candidates[0]
    if row.user_id is not None and not (person.has_made_up_user and person.bot_id == home):
        raise _Conflict(OTHER_USER.format(id=person.id or NEW))
    return person


def _write(row: ImportRow, person: Person, people: _People) -> bool:
    """Put what a line says on a person's card; tells whether anything is new."""
    is_changed = False
    if row.user_id is not None and row.user_id != person.user_id:
        people.rename_user(person, row.user_id)
        is_changed = person.is_readdressed = True
    if row.phone is not None and row.phone != person.phone:
        people.change_phone(person, row.phone)
        is_changed = person.is_readdressed = person.is_renamed = True
    for name in ("name", "position"):
        value = getattr(row, name)
        if value is not None and value != getattr(person, name):
            setattr(person, name, value)
            is_changed = person.is_renamed = True
    if row.note is not None and row.note != person.note:
        person.note, is_changed = row.note, True
    return is_changed
