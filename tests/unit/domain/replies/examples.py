"""Texts of ours and the judgement of an answer to them, as the tests of inbound messages write them."""

import re
from datetime import UTC, datetime, timedelta

from app.domain.replies import (
    Inbound,
    Judgement,
    SentText,
    judge,
)

NOW = datetime(2026, 3, 5, 10, 30, tzinfo=UTC)
ASK = "后续沟通会更及时,您方便留一下您的微信号吗?我这边加您。"
SECOND = "您好,不知道您是否方便留个联系方式?"
LEAVE = "王女士您好,Python开发岗位还在招。如不需要请回复退订,不再打扰。"
SHORT = "你好"
OURS = (ASK, SECOND, LEAVE, SHORT)


def has_details(text: str) -> bool:
    return (
        re.search(r"(?<![a-z0-9])(?:[a-z][a-z_-]*\d[a-z0-9_-]{3,}|1[3-9]\d{9})(?![a-z0-9])", text.lower()) is not None
    )


def mentions_wechat(text: str) -> bool:
    return "微信号" in text


def sent(*texts: str) -> list[SentText]:
    return [SentText(number, text, NOW - timedelta(hours=9 - number)) for number, text in enumerate(texts, 1)]


def judged(
    content: str, *texts: str, from_id: int = 0, at: datetime = NOW, enrolled_at: datetime | None = None
) -> Judgement:
    return judge(
        Inbound(from_id, content, at),
        sent(*texts),
        enrolled_at=enrolled_at,
        has_details=has_details,
        mentions_wechat=mentions_wechat,
    )
