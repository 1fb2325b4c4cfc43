"""Levels and tags: what a talk says about a person, and why.

A tag is the digit of its level (1 is A) and a letter for the reason: the table of phrases has one row for each tag.
"""

from enum import IntEnum


class Level(IntEnum):
    """How much a person wants what the call was about; F is never read from a talk."""

    A = 1
    B = 2
    C = 3
    D = 4
    E = 5
    F = 6


LEVEL_TEXTS: dict[Level, str] = {
    Level.A: "明确意向",
    Level.B: "可能有意向",
    Level.C: "待跟进",
    Level.D: "拒绝",
    Level.E: "无效对话",
    Level.F: "号码无效",
}
TAG_TEXTS: dict[str, str] = {
    "1A": "同意",
    "1B": "要求办理或约定时间",
    "1C": "交换联系方式",
    "1D": "要求人工",
    "1E": "承诺或确认",
    "2A": "有兴趣",
    "2B": "问价格或待遇",
    "2C": "问内容或条件",
    "2D": "问时间或地点",
    "2E": "要资料",
    "3A": "正忙",
    "3B": "稍后再联系",
    "3C": "犹豫",
    "3D": "需与他人商量",
    "3E": "没听清",
    "4A": "不需要",
    "4B": "已有或已办",
    "4C": "条件不合",
    "4D": "不信任或生气",
    "4E": "拒绝再联系",
    "5A": "不是本人",
    "5B": "语音助手或留言",
    "5C": "仅应答",
    "5D": "未识别",
    "5E": "未说话",
}
"""Every tag with its name; ``5C`` to ``5E`` follow from what is missing, and have no phrases."""

AGREES = "1A"
NOT_WANTED = "4A"
REFUSES_CONTACT = "4E"
LATER = "3B"
ONLY_ANSWERS = "5C"
NOT_UNDERSTOOD = "5D"
SILENT = "5E"
PHRASE_TAGS = tuple(tag for tag in TAG_TEXTS if tag not in {ONLY_ANSWERS, NOT_UNDERSTOOD, SILENT})
"""Tags that have a row in the table of phrases."""


def level_of(tag: str) -> Level:
    """Return the level that a tag belongs to."""
    return Level(int(tag[0]))
