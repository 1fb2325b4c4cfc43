"""What an inbound message means, as tables: one row, one message that somebody could send."""

from datetime import datetime, timedelta

import pytest

from app.domain.replies import (
    FilterReason,
    Inbound,
    Judgement,
    SentText,
    Verdict,
    clamp_sent_at,
    judge,
    record_answered,
)
from tests.unit.domain.replies.examples import ASK, LEAVE, NOW, OURS, SECOND, has_details, judged, mentions_wechat

# message, verdict, what is left of it
MESSAGES: list[tuple[str, Verdict, str]] = [
    # Rule 2: nothing of theirs
    (ASK, Verdict.ECHO, ""),
    (" 后续沟通会更及时,您方便留一下您的微信号吗?\n我这边加您 ", Verdict.ECHO, ""),
    ("\u200b" + ASK + "\ufeff", Verdict.ECHO, ""),
    (ASK + SECOND, Verdict.ECHO, ""),
    (SECOND + "\n\n" + ASK, Verdict.ECHO, ""),
    (ASK + ASK, Verdict.ECHO, ""),
    (f"「{ASK}」", Verdict.ECHO, ""),
    (f"「我:{ASK}」\n- - - - - - - - - - - - - - -\n", Verdict.ECHO, ""),
    (f"引用:{ASK}", Verdict.ECHO, ""),
    (f"> {ASK}", Verdict.ECHO, ""),
    (f"[{ASK}]。", Verdict.ECHO, ""),
    ("「后续沟通会更及时,您方便留一下您的微…」", Verdict.ECHO, ""),
    ("后续沟通会更及时,您方便留...", Verdict.ECHO, ""),
    ("你好", Verdict.ECHO, ""),
    ("你好。", Verdict.ECHO, ""),
    (LEAVE, Verdict.ECHO, ""),
    # Rule 2: theirs beside ours
    (ASK + "好的", Verdict.REPLY, "好的"),
    ("好的。" + ASK, Verdict.REPLY, "好的"),
    (f"{ASK}\n好的", Verdict.REPLY, "好的"),
    (f"「{ASK}」好的", Verdict.REPLY, "好的"),
    (f"「王经理:{ASK}」\n- - - - - - - - - - - - - - -\n好的,可以", Verdict.REPLY, "好的,可以"),
    (f"“{ASK}”\n——————————\n可以", Verdict.REPLY, "可以"),
    (f"引用: {ASK}\n不方便", Verdict.REPLY, "不方便"),
    (f"引用「{ASK}」不方便", Verdict.REPLY, "不方便"),
    (f"回复 王经理: {ASK}\n周三行吗", Verdict.REPLY, "周三行吗"),
    (f"> {ASK}\n> {SECOND}\n稍等", Verdict.REPLY, "稍等"),
    (f"2026年3月5日 王经理写道:\n> {SECOND}\n\n好", Verdict.REPLY, "好"),
    (f"On Thu, Wang wrote:\n> {SECOND}\nok", Verdict.REPLY, "ok"),
    (f"{ASK}1\n{SECOND}2", Verdict.REPLY, "1\n2"),
    (f"「{ASK}」?", Verdict.REPLY, "?"),
    (f"「{ASK}」👍", Verdict.REPLY, "👍"),
    (f"「{SECOND}」!!", Verdict.REPLY, "!!"),
    ("「后续沟通会更及时,您方便留一下…」\n------\n行", Verdict.REPLY, "行"),
    ("「后续沟通会更及时…」好", Verdict.REPLY, "好"),
    ("「后续…」好", Verdict.REPLY, "「后续…」好"),
    ("哦…这样啊,我考虑考虑吧…", Verdict.REPLY, "哦…这样啊,我考虑考虑吧…"),
    ("你好,我有兴趣", Verdict.REPLY, "你好,我有兴趣"),
    ("你好你好", Verdict.REPLY, "你好你好"),
    ("你好?", Verdict.REPLY, "你好?"),
    ("后续沟通会更及时,这是真的吗", Verdict.REPLY, "后续沟通会更及时,这是真的吗"),
    (f"「{ASK}」\nwx123456", Verdict.REPLY, "wx123456"),
    (f"{ASK}微信号 wx123456", Verdict.REPLY, "微信号 wx123456"),
    (f"「wx123456:{ASK}」", Verdict.REPLY, "「wx123456:\n。」"),
    (f"「{LEAVE}」\n好的", Verdict.REPLY, "好的"),
    (f"「{LEAVE}」\n退订", Verdict.OPT_OUT, "退订"),
    (f"「{ASK}」别再发了", Verdict.OPT_OUT, "别再发了"),
    (f"「{ASK}」微信号?", Verdict.NEEDS_REVIEW, "微信号?"),
    # Rule 3 goes before rules 4 and 5, and before details
    ("不要再问我微信号,别再发了", Verdict.OPT_OUT, "不要再问我微信号,别再发了"),
    ("别再发邮件了,加我微信 wx123456", Verdict.OPT_OUT, "别再发邮件了,加我微信 wx123456"),
    ("[自动回复] 请勿打扰", Verdict.OPT_OUT, "[自动回复] 请勿打扰"),
    # Rule 4
    ("微信号", Verdict.NEEDS_REVIEW, "微信号"),
    ("微信号?", Verdict.NEEDS_REVIEW, "微信号?"),
    ("你的微信号是多少", Verdict.NEEDS_REVIEW, "你的微信号是多少"),
    ("[自动回复] 请留下微信号", Verdict.NEEDS_REVIEW, "[自动回复] 请留下微信号"),
    ("微信号 wx123456", Verdict.REPLY, "微信号 wx123456"),
    ("好的,我的微信是 wx123456", Verdict.REPLY, "好的,我的微信是 wx123456"),
    ("没有微信号,电话13800138000", Verdict.REPLY, "没有微信号,电话13800138000"),
    # Rule 5
    ("[自动回复]您好,我现在有事不在", Verdict.AUTO_REPLY, "[自动回复]您好,我现在有事不在"),
    (f"[自动回复] {SECOND}", Verdict.AUTO_REPLY, "[自动回复]"),
    ("[自动回复] 有事打13800138000", Verdict.REPLY, "[自动回复] 有事打13800138000"),
    # Rule 6
    ("👍", Verdict.REPLY, "👍"),
    ("?", Verdict.REPLY, "?"),
    ("。。。", Verdict.REPLY, "。。。"),
    ("[图片]", Verdict.REPLY, "[图片]"),
    ("[表情]", Verdict.REPLY, "[表情]"),
    ("不感兴趣", Verdict.REPLY, "不感兴趣"),
    ("ok\0ok", Verdict.REPLY, "ok\0ok"),
    (f"ok\0{ASK}", Verdict.REPLY, "ok"),
]


@pytest.mark.parametrize(("content", "verdict", "remainder"), MESSAGES)
def test_message(content: str, verdict: Verdict, remainder: str) -> None:
    found = judged(content, *OURS)
    assert (found.verdict, found.remainder) == (verdict, remainder)


def test_our_text_is_not_cut_out_of_an_id() -> None:
    found = judged("wx123456", "123456")
    assert (found.verdict, found.remainder, found.has_details) == (Verdict.REPLY, "wx123456", True)
    assert judged("123456789 123456", "123456").remainder == "123456789"


def test_an_ellipsis_after_a_wide_character_is_understood() -> None:
    assert judged("「单价㎏㎏㎏㎏…」好", "单价㎏㎏㎏㎏以及其他").remainder == "好"


RECORDS = [
    SentText(1, ASK, NOW - timedelta(hours=5)),
    SentText(2, SECOND, NOW - timedelta(hours=3)),
    SentText(None, "这是手写的一句话", NOW - timedelta(hours=1)),
    SentText(3, ASK, NOW - timedelta(minutes=8)),
    SentText(4, ASK, NOW + timedelta(minutes=1)),
]


@pytest.mark.parametrize(
    ("at", "record_id"),
    [
        (NOW - timedelta(hours=6), 1),
        (NOW - timedelta(hours=4), 1),
        (NOW - timedelta(hours=3), 2),
        (NOW - timedelta(minutes=30), 2),
        (NOW, 3),
        (NOW + timedelta(hours=1), 4),
    ],
)
def test_record_that_a_reply_answers(at: datetime, record_id: int) -> None:
    assert record_answered(at, RECORDS) == record_id
    for content in ("好的", "别再发了"):
        found = judge(
            Inbound(0, content, at), RECORDS, enrolled_at=None, has_details=has_details, mentions_wechat=mentions_wechat
        )
        assert (found.record_id, found.is_reply) == (record_id, True)


def test_a_reply_to_nothing_of_ours_answers_no_record() -> None:
    assert judged("好的").record_id is None


@pytest.mark.parametrize(
    ("content", "at", "verdict", "record_id"),
    [
        (ASK, NOW, Verdict.OWN_RECORD, 4),
        (ASK.replace("?", "?\n"), NOW - timedelta(minutes=7), Verdict.OWN_RECORD, 3),
        (ASK, NOW - timedelta(hours=5, minutes=10), Verdict.OWN_RECORD, 1),
        (ASK, NOW - timedelta(hours=4), Verdict.OWN_BY_HAND, None),
        (SECOND, NOW, Verdict.OWN_BY_HAND, None),
        ("这是手写的一句话", NOW - timedelta(hours=1), Verdict.OWN_BY_HAND, None),
        ("别再发了,我的微信号是 wx123456", NOW, Verdict.OWN_BY_HAND, None),
    ],
)
def test_ours(content: str, at: datetime, verdict: Verdict, record_id: int | None) -> None:
    found = judge(
        Inbound(7, content, at), RECORDS, enrolled_at=None, has_details=has_details, mentions_wechat=mentions_wechat
    )
    assert found == Judgement(verdict, content, record_id=record_id)
    assert not found.is_reply


@pytest.mark.parametrize(
    ("content", "age", "verdict", "is_history", "details"),
    [
        ("好的", timedelta(minutes=5), Verdict.REPLY, False, False),
        ("好的", timedelta(minutes=5, seconds=1), Verdict.REPLY, True, False),
        ("别再发了", timedelta(days=1), Verdict.OPT_OUT, True, False),
        ("微信号 wx123456", timedelta(days=1), Verdict.REPLY, True, True),
        ("好的", -timedelta(days=1), Verdict.REPLY, False, False),
    ],
)
def test_history(content: str, age: timedelta, verdict: Verdict, *, is_history: bool, details: bool) -> None:
    found = judged(content, ASK, at=NOW - age, enrolled_at=NOW)
    assert (found.verdict, found.is_history, found.has_details) == (verdict, is_history, details)
    assert found.is_reply is not is_history
    assert found.record_id == (None if is_history else 1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ASK, FilterReason.ECHO),
        ("微信号?", FilterReason.WECHAT_WITHOUT_ID),
        ("[自动回复]", FilterReason.AUTO_REPLY),
        ("别再发了", None),
        ("好的", None),
    ],
)
def test_filter_reason(content: str, reason: FilterReason | None) -> None:
    found = judged(content, ASK)
    assert found.filter_reason == reason
    assert found.is_reply is (reason is None)


def test_filter_reasons_on_the_wire() -> None:
    assert [str(reason) for reason in FilterReason] == ["echo", "wechat_without_id", "auto_reply"]


@pytest.mark.parametrize(
    ("at", "clamped"),
    [
        (None, NOW),
        (NOW + timedelta(seconds=1), NOW),
        (NOW - timedelta(days=1), NOW - timedelta(days=1)),
    ],
)
def test_times_in_the_future_are_cut_to_now(at: datetime | None, clamped: datetime) -> None:
    assert clamp_sent_at(at, NOW) == clamped
