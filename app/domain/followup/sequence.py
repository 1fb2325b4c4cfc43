"""Which script comes next, from the scripts of a config and a person's progress in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Place = tuple[int, int]
"""(order, script id): the place of a script within its day."""


@dataclass(frozen=True, slots=True)
class Script:
    """One active text of a config."""

    id: int
    day_number: int
    order: int
    interval_hours: int
    content: str

    @property
    def place(self) -> Place:
        """Where the script stands within its day."""
        return (self.order, self.id)


class Progress(NamedTuple):
    """How far a person is: the day counter, the last place sent within it, the last day-0 place sent."""

    day: int = 1
    after: Place | None = None
    rotation: Place | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The next message: the opening (``script`` and ``day_number`` null) or a script on day ``day_number``."""

    script: Script | None
    day_number: int | None
    content: str
    following: Progress
    """The progress once this message has left."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A config as the state machine sees it; ``tail`` are the day-0 scripts."""

    config_id: int
    is_active: bool
    is_deleted: bool
    opening: str
    days: Mapping[int, tuple[Script, ...]]
    tail: tuple[Script, ...]
    day_numbers: tuple[int, ...]
    known_steps: dict[Progress, Step | None] = field(default_factory=dict, compare=False, repr=False)
    """What was found out already: many people stand at the same place."""


def build_sequence(
    config_id: int, *, is_active: bool, is_deleted: bool, opening: str, scripts: Iterable[Script]
) -> Sequence:
    """Sort active scripts into days, each by (order, id)."""
    days: dict[int, list[Script]] = {}
    for script in sorted(scripts, key=lambda script: script.place):
        days.setdefault(script.day_number, []).append(script)
    tail = tuple(days.pop(0, ()))
    return Sequence(
        config_id=config_id,
        is_active=is_active,
        is_deleted=is_deleted,
        opening=opening,
        days={day: tuple(texts) for day, texts in days.items()},
        tail=tail,
        day_numbers=tuple(sorted(days)),
    )


def next_step(progress: Progress, sequence: Sequence) -> Step | None:
    """Return the next script of a sequence, or None where it has come to its end."""
    known = sequence.known_steps
    if progress not in known:
        known[progress] = _find_step(progress, sequence)
    return known[progress]


def _find_step(progress: Progress, sequence: Sequence) -> Step | None:
    scripts = sequence.days.get(progress.day, ())
    for index, script in enumerate(scripts):
        if progress.after is None or script.place > progress.after:
            is_last = index == len(scripts) - 1
            following = (
                Progress(progress.day + 1, None, progress.rotation)
                if is_last
                else Progress(progress.day, script.place, progress.rotation)
            )
            return Step(script, progress.day, script.content, following)
    if progress.after is not None:
        # Scripts of this day were sent and the rest is gone: the day is over.
        return _find_step(Progress(progress.day + 1, None, progress.rotation), sequence)
    if sequence.tail:
        return _rotate(progress, sequence)
    later = next((day for day in sequence.day_numbers if day > progress.day), None)
    if later is None:
        return None
    return _find_step(Progress(later, None, progress.rotation), sequence)


def _rotate(progress: Progress, sequence: Sequence) -> Step:
    rotation = progress.rotation
    script = next(
        (script for script in sequence.tail if rotation is not None and script.place > rotation),
        sequence.tail[0],
    )
    return Step(script, progress.day, script.content, Progress(progress.day + 1, None, script.place))


def passed(progress: Progress, day_number: int, script: Script, sequence: Sequence) -> Progress:
    """Return the progress after ``script`` was sent on day ``day_number``, from what is known of it later.

    Used where the send was uncertain and is settled afterwards, when the sequence may have been edited.
    """
    if script.day_number == 0:
        return Progress(day_number + 1, None, script.place)
    rest = [other for other in sequence.days.get(day_number, ()) if other.place > script.place]
    if rest:
        return Progress(day_number, script.place, progress.rotation)
    return Progress(day_number + 1, None, progress.rotation)
