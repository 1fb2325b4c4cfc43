"""What talks say: levels against those that a person gave, denials, bare answers, refusals, tables of one's own."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.intention import (
    DEFAULT_PHRASES,
    LEVEL_TEXTS,
    MAX_EVIDENCE,
    PHRASE_TAGS,
    REFUSES_CONTACT,
    TAG_TEXTS,
    Level,
    Line,
    PhraseTable,
    Reading,
    default_table,
    level_of,
    read_refusals,
    read_talk,
    refuses_calls,
    without_others,
)
from app.domain.replies import is_opt_out
from tests.unit.domain.intention.talks import FIRST, SECOND, Talk

LEAST_RIGHT = {"first": 0.98, "second": 0.58}
"""Levels: of the talks that the phrases were written with, and of talks that were written after them."""


def refuses(text: str) -> bool:
    return is_opt_out(text) or refuses_calls(text)


def read(*said: str, asked: str = "您好,我们有个活动", table: PhraseTable | None = None) -> Reading:
    """Read a talk in which the robot says one line and the person all the others."""
    return read_talk([Line(False, asked), *(Line(True, text) for text in said)], table or default_table(), refuses)


def reading_of(talk: Talk) -> Reading:
    return read_talk([Line(who == "C", text) for who, text in talk.lines], default_table(), refuses)


@pytest.mark.parametrize(("name", "talks"), [("first", FIRST), ("second", SECOND)])
def test_levels_are_those_that_a_person_gave(name: str, talks: Sequence[Talk]) -> None:
    wrong = [talk for talk in talks if reading_of(talk).level.name != talk.level]
    right = 1 - len(wrong) / len(talks)
    print(f"{name}: {len(talks)} talks, {right:.3f} right")  # noqa: T201 - the figure of docs/intention.md
    assert len(talks) > 50
    assert right >= LEAST_RIGHT[name], "\n".join(f"{reading_of(talk).level.name} for {talk}" for talk in wrong)


@pytest.mark.parametrize("talk", [*FIRST, *SECOND], ids=str)
def test_whoever_refuses_further_calls_is_heard_and_nobody_else(talk: Talk) -> None:
    found = reading_of(talk)
    assert found.refuses is talk.refuses
    assert (REFUSES_CONTACT in found.tags) is talk.refuses
    assert not found.refuses or (found.level is Level.D and found.evidence)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("感兴趣", "2A"),
        ("我很感兴趣", "2A"),
        ("不感兴趣", "4A"),
        ("我对这个不是很感兴趣", "4A"),
        ("没有特别感兴趣", "4A"),
        ("不是不感兴趣", None),
        ("我不是没有兴趣", None),
        ("特别感兴趣", "2A"),
        ("我感不感兴趣你也不知道", None),
        ("不需要", "4A"),
        ("不是不需要", None),
        ("不需要押金吗", "2B"),
        ("不用转人工", "4A"),
        ("没打错", None),
        ("在忙", "3A"),
        ("不知道多少钱", "2B"),
        ("不好意思", None),
        ("有没有优惠", "2C"),
        ("能不能发我资料", "2E"),
        ("不要加微信", "4A"),
    ],
)
def test_what_is_denied_is_not_said(text: str, tag: str | None) -> None:
    found = read(text)
    if tag is None:
        assert found.tags in {("5D",), ("5C",), ("2C",)}, found
    else:
        assert tag in found.tags, found
        assert found.level is level_of(tag)


@pytest.mark.parametrize(
    ("asked", "text", "level"),
    [
        ("给您留个名额可以吗?", "可以", "A"),
        ("给您留个名额可以吗?", "嗯", "A"),
        ("请问您是王先生吗?", "是的", "E"),
        ("请问您是王先生吗?", "可以", "E"),
        ("那不打扰您了,再见", "好的", "E"),
        ("我们下午再给您打过来可以吗", "可以", "C"),
        ("我们是装修公司的", "嗯", "E"),
    ],
)
def test_a_bare_yes_says_what_was_asked(asked: str, text: str, level: str) -> None:
    assert read(text, asked=asked).level.name == level


@pytest.mark.parametrize(
    ("said", "level"),
    [
        (("不需要", "多少钱"), "D"),
        (("不需要", "我在开会"), "D"),
        (("不需要", "那你加我微信吧"), "A"),
        (("我要报名", "你们在哪里"), "A"),
        (("我要报名", "太贵了,算了"), "D"),
        (("多少钱", "我考虑一下"), "C"),
        (("打错了", "不需要"), "E"),
        (("加我微信", "别再打了"), "D"),
        (("别再打了", "加我微信"), "D"),
    ],
)
def test_the_last_word_counts_with_its_exceptions(said: tuple[str, ...], level: str) -> None:
    assert read(*said).level.name == level


def test_a_refusal_is_final_and_its_sentences_are_the_evidence() -> None:
    found = read("多少钱", "你们别再打了", "好的,我要报名", "再打我投诉")
    assert found == Reading(Level.D, ("1A", "1B", "2B", "4E"), ("你们别再打了", "再打我投诉"), refuses=True)


@pytest.mark.parametrize(
    "text",
    ["现在别打,我在开会", "投诉的事处理得怎么样了", "我没有要投诉", "别打电话,加我微信聊", "晚上不要打", "打折吗"],
)
def test_a_wish_about_the_hour_or_the_way_is_no_refusal_of_calls(text: str) -> None:
    assert not refuses_calls(text)


@pytest.mark.parametrize(
    "text", ["投诉", "我要投诉你们", "不要再打", "别打了", "再打我报警", "骚扰电话", "你们怎么又打"]
)
def test_a_clear_refusal_of_calls(text: str) -> None:
    assert refuses_calls(text)


@pytest.mark.parametrize(
    ("text", "is_refusal"),
    [
        ("他把我拉黑了", False),
        ("我电话都被他们拉黑了", False),
        ("我已经把老板拉黑了", False),
        ("对方再来骚扰我我就报警", False),
        ("我要去劳动局投诉他", False),
        ("他把我拉黑了你们别再打了", True),
        ("把你拉黑了", True),
        ("他们再来骚扰我我就投诉", True),
        ("叫他别再给我打电话", True),
    ],
)
def test_what_a_party_says_of_others_is_taken_out_where_it_can_mean_nobody_else(text: str, is_refusal: bool) -> None:
    assert is_opt_out(without_others(text)) is is_refusal
    assert read_refusals([Line(True, text), Line(False, "别再打了")], is_opt_out).refuses is is_opt_out(text)


def test_a_table_of_ones_own_replaces_the_tags_that_it_gives() -> None:
    table = PhraseTable({"1B": ["下单", "=走起"], "2B": [], "4E": ["列入红名单"]})
    assert read("那就下单", table=table).tags == ("1B",)
    assert read("走起啊", table=table).level is Level.A
    assert read("我走起路来很快", table=table).level is not Level.A
    assert read("我要报名", table=PhraseTable({"1B": []})).tags != read("我要报名").tags == ("1B",)
    assert "2B" not in read("多少钱", table=table).tags
    assert read("不需要", table=table).tags == ("4A",), "tags that are not given stay"
    assert read("请列入红名单", table=table).refuses
    assert read("别再打了", table=PhraseTable({"4E": []})).refuses, "no table switches refusals off"


def test_a_silent_person() -> None:
    assert read().tags == ("5E",)
    assert read(" ", "").tags == ("5E",)
    assert read("喂", "喂喂").tags == ("5C",)
    assert read("阿巴阿巴").tags == ("5D",)


def test_the_words_are_complete() -> None:
    assert set(DEFAULT_PHRASES) == set(PHRASE_TAGS)
    assert set(LEVEL_TEXTS) == set(Level)
    assert [f"{digit}{letter}" for digit in range(1, 6) for letter in "ABCDE"] == list(TAG_TEXTS)
    for tag, phrases in DEFAULT_PHRASES.items():
        assert len(set(phrases)) == len(phrases), tag


WORDS = st.sampled_from(
    [phrase.removeprefix("=") for phrases in DEFAULT_PHRASES.values() for phrase in phrases]
    + ["不", "没", "别", "不是", ",", "吗", "但是", "的", "好", "嗯", " ", "吧", "再打", "投诉"]
)
SAID = st.lists(WORDS, max_size=8).map("".join) | st.text(max_size=60)


@given(st.lists(st.builds(Line, st.booleans(), SAID), max_size=12))
def test_any_talk_has_a_level_and_evidence_is_what_the_person_said(lines: list[Line]) -> None:
    found = read_talk(lines, default_table(), refuses)
    said = {line.text.strip() for line in lines if line.is_contact}
    assert found == read_talk(lines, default_table(), refuses)
    assert found.level is not Level.F
    assert set(found.evidence) <= said
    assert len(found.evidence) <= MAX_EVIDENCE
    assert set(found.tags) <= set(TAG_TEXTS)
    assert found.level in {level_of(tag) for tag in found.tags}
    assert found.refuses is any(refuses(text) for text in said if text)


def test_a_very_long_sentence_is_read() -> None:
    ambiguous = PhraseTable({"1A": ["=好", "=好的", "=的", "=好好"], "4A": ["=嗯", "=嗯嗯"]})
    for piece in ("不去", "别给我打扰算", "一点都", "好", "我要投诉的", "就还", "不是不", "嗯", "好的", "对的", "会会"):
        for end in ("", "x"):
            assert read(piece * 20_000 + end).evidence
            assert read(piece * 400 + end, table=ambiguous).evidence
