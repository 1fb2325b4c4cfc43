"""What a language model says about a talk, and whether that may be believed.

A model can be talked into things by the very talk that it reads. So its answer counts only where it is one of the
levels and tags that there are, and rests on sentences that the person did say, and that do not speak to a machine.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from app.domain.intention.clauses import fold
from app.domain.intention.reading import MAX_EVIDENCE, Reading
from app.domain.intention.words import TAG_TEXTS, Level, level_of
from app.patterns import compile_later

_LEVELS: Final = {level.name: level for level in Level if level is not Level.F}
_FENCE = compile_later(r"^```(?:json)?\s*|\s*```$")
_TO_MACHINE = compile_later(
    r"(?:忽略|无视|忘记|忘掉|不要理会|别管|跳过|覆盖).{0,12}(?:指令|指示|规则|提示|设定|以上|上面|之前|前面|系统)"
    r"|(?:回答|输出|返回|判定|标记|评定|评)(?:为|成|出)?\W{0,3}(?:level|json|等级|意向|[a-f](?![a-z])|[1-6]级)"
    r"|(?:ignore|disregard|forget|override|bypass).{0,40}(?:instruction|above|previous|prompt|rule)"
    r"|(?:answer|output|return|respond|reply)\W{0,3}(?:with\W*)?(?:level\W*)?[a-f](?![a-z])"
    r"|system\s*prompt|系统提示|大模型|语言模型|language model|assistant\W*:|</?transcript|\"level\""
)


def checked_answer(answer: str, said: Sequence[str]) -> Reading:
    """Read a model's answer, ``{"level": "A", "tags": ["1A"], "evidence": ["…"]}``.

    Args:
        answer: What it wrote; a fence of Markdown around it is fine.
        said: The person's own sentences.

    Raises:
        ValueError: the answer is not to be believed; the message says why.
    """
    try:
        document = json.loads(_FENCE.sub("", answer.strip()))
    except (ValueError, RecursionError):
        raise ValueError("the answer is not JSON") from None
    if not isinstance(document, dict):
        raise ValueError("the answer is not an object")  # noqa: TRY004 - its content, not a caller's mistake
    level = _LEVELS.get(document["level"]) if isinstance(document.get("level"), str) else None
    if level is None:
        raise ValueError("the answer's level is none of A to E")
    tags = _tags(document.get("tags"), level)
    return Reading(level, tags, _evidence(document.get("evidence"), said), refuses=False)


def speaks_to_machine(text: str) -> bool:
    """Tell whether a sentence is meant for whoever evaluates the talk, not for who called."""
    return _TO_MACHINE.search(fold(text)) is not None


def _tags(given: Any, level: Level) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(tag, str) and tag in TAG_TEXTS for tag in given):
        raise ValueError("the answer's tags are not all known")
    if level not in {level_of(tag) for tag in given}:
        raise ValueError("no tag of the answer belongs to its level")
    return tuple(sorted(set(given)))


def _evidence(given: Any, said: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_EVIDENCE:
        raise ValueError(f"the answer has no evidence, or more than {MAX_EVIDENCE} sentences")
    for sentence in given:
        if not isinstance(sentence, str) or not sentence.strip() or not any(sentence in text for text in said):
            raise ValueError("the answer's evidence was not said by the person")
        if speaks_to_machine(next(text for text in said if sentence in text)):
            raise ValueError("the answer's evidence is an instruction to the machine")
    return tuple(given)
