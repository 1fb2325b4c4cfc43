"""Reading a talk: which level, why, and by which sentences; the same talk and table give the same answer always.

The last word counts, with these exceptions:

1. A refusal of contact is final, whatever else is said.
2. Who has agreed stays so while asking, or when short of time; who has refused and then only asks, or is busy, has
   refused.
3. A bare yes (可以, 嗯) says what the robot's line before it asked for: nothing after 「请问是王先生吗」 or a
   farewell, a later call after 「下午再给您打过来可以吗」. It undoes a refusal only as the answer to a question.
4. Somebody else's phone is that, unless they clearly want something themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from app.domain.intention.clauses import (
    asks,
    clauses,
    fold,
    is_denied,
    is_said_otherwise,
    without_alternatives,
    without_mild,
    without_particles,
)
from app.domain.intention.phrases import PhraseTable
from app.domain.intention.shapes import tag_of_shape
from app.domain.intention.words import (
    AGREES,
    LATER,
    NOT_UNDERSTOOD,
    NOT_WANTED,
    ONLY_ANSWERS,
    REFUSES_CONTACT,
    SILENT,
    Level,
    level_of,
)
from app.patterns import compile_later

MAX_EVIDENCE = 5
MAX_READ = 1000
"""Characters of a sentence that are read; nobody says more before the robot answers."""
_ACKNOWLEDGED = compile_later(r"(?:(?:嗯|恩|是|对|哦|会|能|方便|在|知道|收到|清楚|明白)[的啊呀了呢吧]*+)++")
"""Bare answers that say something only after a question; 好 and 可以 say it after an offer too."""
_GREETINGS = frozenset(
    {"喂", "喂喂", "你好", "您好", "谁", "哪位", "哪里", "什么", "啊", "谢谢", "再见", "拜拜", "喂你好"}
)
_ASKED = compile_later(r"[吗么呢?]\W*$|可以吗|好吗|行吗|怎么样|是否|能不能|要不要|可不可以")
_WHO = compile_later(
    r"(?:请问|您|你)(?:您|你)?是[^,。]{1,8}(?:吗|么|\?)|是[^,。]{1,6}(?:先生|女士|老师|总)吗|方便(?:说话|接电话|接听)|(?:请问|现在|您好.)您?方便吗|打扰您?一"
)
_FAREWELL = compile_later(r"再见|拜拜|打扰了|不打扰|祝您|感谢(?:您的)?接听|提前联系您")
_CALLS_BACK = compile_later(
    r"(?:再|晚点|稍后|改天|回头|下午|明天)(?:给您|跟您|和您|向您)?(?:再)?(?:打|联系|致电|回电|拨)"
)
_OPEN_QUESTIONS = frozenset({"2B", "2C", "2D"})


class Line(NamedTuple):
    """What somebody said."""

    is_contact: bool
    text: str


class Reading(NamedTuple):
    """What a talk says about the person."""

    level: Level
    tags: tuple[str, ...]
    evidence: tuple[str, ...]
    """The person's own sentences that led to the level, in their order, the last ones where there are many."""
    refuses: bool
    """They refuse to be contacted again."""


@dataclass(slots=True)
class _Mind:
    """What is known so far."""

    tag: str | None = None
    sentence: int = -1
    """Which sentence gave the level last."""
    is_bare: bool = False
    tags: set[str] = field(default_factory=set)
    evidence: dict[Level, list[str]] = field(default_factory=dict)

    @property
    def level(self) -> Level | None:
        return None if self.tag is None else level_of(self.tag)

    def take(self, tag: str, sentence: int, *, is_bare: bool) -> None:
        """Let a phrase decide, where it may."""
        if self._may(level_of(tag), tag, sentence, is_bare=is_bare):
            self.tag, self.sentence, self.is_bare = tag, sentence, is_bare

    def _may(self, level: Level, tag: str, sentence: int, *, is_bare: bool) -> bool:
        held = self.level
        if held is None or level is Level.D:
            return held is not Level.E
        if held is Level.A:
            return level is Level.A or (level is Level.C and self.is_bare) or level is Level.E
        if held is Level.D:
            return level is Level.A or (level is Level.B and sentence > self.sentence and tag not in _OPEN_QUESTIONS)
        if held is Level.E:
            return level is Level.A and not is_bare
        if held is Level.C:
            return level is not Level.B or tag not in _OPEN_QUESTIONS
        return True


def read_talk(lines: Sequence[Line], table: PhraseTable, refuses: Callable[[str], bool]) -> Reading:
    """Read a talk.

    Args:
        lines: Who said what, in the order of the talk.
        table: The phrases of the config.
        refuses: Whether a sentence refuses contact, whatever the table holds.
    """
    mind, refusing, asked = _Mind(), [], ""
    sentences = 0
    for line in lines:
        text = line.text.strip()
        if not line.is_contact:
            asked = fold(text) or asked
            continue
        if not text:
            continue
        sentences += 1
        found = _tags_of(fold(text[:MAX_READ]), asked, table)
        if refuses(text[:MAX_READ]) or any(tag == REFUSES_CONTACT for tag, _ in found):
            refusing.append(text)
            continue
        for tag, is_bare in found:
            mind.tags.add(tag)
            said = mind.evidence.setdefault(level_of(tag), [])
            if text not in said:
                said.append(text)
            mind.take(tag, sentences, is_bare=is_bare)
    if refusing:
        return Reading(
            Level.D, tuple(sorted(mind.tags | {REFUSES_CONTACT})), tuple(refusing[-MAX_EVIDENCE:]), refuses=True
        )
    return _reading(mind, lines, sentences)


def read_refusals(lines: Sequence[Line], refuses: Callable[[str], bool]) -> Reading:
    """Read a talk for refusals of contact and for nothing else: no tags, and a level that says nothing."""
    said = [line.text.strip() for line in lines if line.is_contact and refuses(line.text.strip()[:MAX_READ])]
    return Reading(Level.E, (), tuple(said[-MAX_EVIDENCE:]), refuses=bool(said))


def _reading(mind: _Mind, lines: Sequence[Line], sentences: int) -> Reading:
    if mind.level is not None:
        evidence = tuple(mind.evidence[mind.level][-MAX_EVIDENCE:])
        return Reading(mind.level, tuple(sorted(mind.tags)), evidence, refuses=False)
    if not sentences:
        return Reading(Level.E, (SILENT,), (), refuses=False)
    said = [line.text.strip() for line in lines if line.is_contact and line.text.strip()]
    is_bare = all(_is_answer_only(clause) for text in said for clause in clauses(fold(text)))
    tag = ONLY_ANSWERS if is_bare else NOT_UNDERSTOOD
    return Reading(Level.E, (tag,), tuple(said[-MAX_EVIDENCE:]), refuses=False)


def _is_answer_only(clause: str) -> bool:
    bare = without_particles(clause)
    is_nod = _ACKNOWLEDGED.fullmatch(clause) is not None
    return is_nod or bare in _GREETINGS or bare in {"好", "可以", "行"}


def _tags_of(text: str, asked: str, table: PhraseTable) -> list[tuple[str, bool]]:
    """Return the tags of a sentence in their order, and whether each is a bare yes."""
    found: list[tuple[str, bool]] = []
    for clause in clauses(text):
        whole, is_nod = table.tag_of_whole(clause), _ACKNOWLEDGED.fullmatch(clause) is not None
        if whole == AGREES or (whole is None and is_nod):
            tag = _meant_by_yes(asked, needs_question=is_nod)
            found += [(tag, True)] if tag is not None else []
        elif whole is not None:
            found.append((whole, False))
        else:
            tags = _tags_in(clause, table)
            found += [(tag, False) for tag in (_shape_of(clause, asked, table) if tags is None else tags)]
    return found


def _shape_of(clause: str, asked: str, table: PhraseTable) -> list[str]:
    """Return what a clause without phrases says; consents need somebody who asked for something."""
    tag = tag_of_shape(clause)
    if (
        tag is None
        or tag in table.off
        or (tag == AGREES and (not asked or _FAREWELL.search(asked) or _WHO.search(asked)))
    ):
        return []
    return [tag]


def _meant_by_yes(asked: str, *, needs_question: bool) -> str | None:
    is_question = _ASKED.search(asked) is not None
    if not asked or _FAREWELL.search(asked) or _WHO.search(asked):
        return None
    if needs_question and not is_question:
        return None
    return LATER if _CALLS_BACK.search(asked) else AGREES


def _tags_in(clause: str, table: PhraseTable) -> list[str] | None:
    """Return what the phrases in a clause say, in their order; None where there are none."""
    clause = without_alternatives(clause)
    plain = without_mild(clause)
    taken: list[tuple[int, int, str]] = []
    for phrase, tag in table.parts:
        start = clause.find(phrase)
        while start >= 0:
            end = start + len(phrase)
            if not any(start < other_end and other_start < end for other_start, other_end, _ in taken):
                taken.append((start, end, tag))
            start = clause.find(phrase, end)
    if not taken:
        return None
    tags = (_said(tag, plain[:start], clause) for start, _, tag in sorted(taken))
    return [tag for tag in tags if tag is not None]


def _said(tag: str, before: str, clause: str) -> str | None:
    """Return what a phrase says where it stands, or None where it says nothing."""
    level = level_of(tag)
    if level is Level.D:
        return None if is_said_otherwise(before) or asks(clause) else tag
    if tag in _OPEN_QUESTIONS or not is_denied(before):
        return tag
    return NOT_WANTED if level in {Level.A, Level.B} else None
