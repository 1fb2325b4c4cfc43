"""What holds for any text at all."""

import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.domain.replies import (
    Inbound,
    SentText,
    Verdict,
    judge,
    normalise,
)
from tests.unit.domain.replies.examples import NOW, has_details, judged, mentions_wechat

TEXTS = st.text(max_size=60) | st.text("你好微信号别再发?!。…「」:>\n abc12㎏\0\u200b", max_size=60)
LONG_TEXTS = TEXTS.filter(lambda text: len(normalise(text)) >= 6)


@given(TEXTS, st.lists(TEXTS, max_size=5), st.integers(-2, 2))
def test_never_raises_and_ours_is_never_a_reply(content: str, texts: list[str], from_id: int) -> None:
    found = judged(content, *texts, from_id=from_id)
    assert from_id == 0 or not found.is_reply
    assert from_id == 0 or found.verdict in {Verdict.OWN_RECORD, Verdict.OWN_BY_HAND}


@given(st.lists(LONG_TEXTS, min_size=1, max_size=4), st.data())
def test_an_echo_is_never_a_reply(texts: list[str], data: st.DataObject) -> None:
    assert judged(data.draw(st.sampled_from(texts)), *texts).verdict is Verdict.ECHO


@given(LONG_TEXTS, st.sampled_from(["wx123456", "微信号 wx123456", "13800138000"]), st.sampled_from([0, 1]))
def test_an_echo_with_a_detail_is_never_filtered(text: str, detail: str, first: int) -> None:
    assume(normalise(text) not in normalise(detail))
    message = f"{detail} {text}" if first else f"{text} {detail}"
    found = judged(message, text)
    assert found.filter_reason is None
    assert found.has_details


@given(TEXTS, st.lists(TEXTS, max_size=5).flatmap(lambda texts: st.tuples(st.just(texts), st.permutations(texts))))
def test_the_order_of_sent_texts_does_not_matter(content: str, orders: tuple[list[str], list[str]]) -> None:
    one, other = (
        judge(
            Inbound(0, content, NOW),
            [SentText(len(text), text, NOW) for text in order],
            enrolled_at=None,
            has_details=has_details,
            mentions_wechat=mentions_wechat,
        )
        for order in orders
    )
    assert one == other


@settings(max_examples=50)
@given(TEXTS)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    "content",
    [
        "a" * 5000,
        "好" * 5000,
        "别" * 5000,
        "不要再" * 1666,
        "自动回复" * 1250,
        "「" * 5000,
        ">" * 5000,
        "- " * 2500,
        "a…" * 2500,
        "aaaaaa…" * 714,
        "「a:" * 1600,
        "\n" * 5000,
        "如果" * 2500,
        "再" * 5000,
        "退订" * 2500,
        "don't " * 800,
        "我的" * 2500,
        " " * 5000,
        " a" * 2500,
        "> " * 2500,
        "aaaaaa..." * 555,
        "引用:" * 1600,
        "写道:" * 1600,
        "stop " * 1000,
    ],
)
def test_long_messages_take_linear_time(content: str) -> None:
    texts = ["a" * (6 + number) for number in range(100)] + [
        f"您好,这是第{number}条话术,期待回复" for number in range(100)
    ]
    began = time.process_time()
    judged(content, *texts)
    judged(content + texts[-1] + content[-2000:], *texts)
    assert time.process_time() - began < 1
