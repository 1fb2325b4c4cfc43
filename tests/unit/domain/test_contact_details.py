"""Contact details: a labelled table of invented messages, spans, rule names, and texts made to annoy."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.contact_details import (
    ContactDetail,
    DetailKind,
    Rule,
    extract_contact_details,
    mentions_wechat,
)
from app.domain.contact_details.normalise import normalise
from app.domain.contact_details.shapes import is_pinyin, is_plausible_alone

TABLE = Path(__file__).parents[2] / "data" / "contact_details.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]
LONG = 5_000


def pairs(text: str) -> set[tuple[str, str]]:
    return {(detail.kind.value, detail.value) for detail in extract_contact_details(text)}


def expected(row: dict[str, Any]) -> set[tuple[str, str]]:
    return {(kind, value) for kind, value in row["details"]}


def only(text: str) -> ContactDetail:
    (detail,) = extract_contact_details(text)
    return detail


def test_the_table_is_wide() -> None:
    groups = Counter(row["group"] for row in ROWS)
    assert len(ROWS) >= 400
    assert all(groups[group] >= 80 for group in ("positive", "trap", "filtered"))


@pytest.mark.parametrize("group", ["positive", "trap", "filtered"])
def test_every_message_of_the_table_but_the_known_misses(group: str) -> None:
    wrong = [
        (row["text"], sorted(pairs(row["text"])), sorted(expected(row)))
        for row in ROWS
        if row["group"] == group and not row.get("known_miss") and pairs(row["text"]) != expected(row)
    ]
    assert wrong == []


def test_known_misses_are_still_missed() -> None:
    """A rule that finds one of them should take it off the list."""
    assert [row["text"] for row in ROWS if row.get("known_miss") and pairs(row["text"]) == expected(row)] == []


def test_precision_and_recall(capsys: pytest.CaptureFixture[str]) -> None:
    right: Counter[str] = Counter()
    extra: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    for row in ROWS:
        found, wanted = pairs(row["text"]), expected(row)
        for counter, members in ((right, found & wanted), (extra, found - wanted), (missing, wanted - found)):
            counter.update(kind for kind, _ in members)
            counter["all"] += len(members)
    lines = [f"\ncontact details, {len(ROWS)} messages (the rules were shaped on them):"]
    for kind in (*DetailKind, "all"):
        precision = right[kind] / (right[kind] + extra[kind])
        recall = right[kind] / (right[kind] + missing[kind])
        lines.append(f"  {kind:<7} precision {precision:.3f}  recall {recall:.3f}  ({right[kind]} right)")
        assert min(precision, recall) >= 0.95
    with capsys.disabled():
        print("\n".join(lines))  # noqa: T201 - the figures are for the reader of the run


@pytest.mark.parametrize("row", [row for row in ROWS if row["group"] == "filtered"], ids=lambda row: row["text"])
def test_filtered_messages_mention_wechat(row: dict[str, Any]) -> None:
    assert mentions_wechat(row["text"])


@pytest.mark.parametrize(
    "text",
    [
        "我做过微信支付和企业微信",
        "微信小程序开发三年",
        "卫星导航算法",
        "在团队里很有威信",
        "thanks",
        "好的,收到",
        "https://mp.weixin.qq.com/s/abc",
        "",
    ],
)
def test_software_and_homophones_are_no_mention(text: str) -> None:
    assert not mentions_wechat(text)


@pytest.mark.parametrize(
    ("text", "rule", "written"),
    [
        ("发 zhang.san@example.com", Rule.EMAIL, "zhang.san@example.com"),
        ("电话13800138000哈", Rule.PHONE, "13800138000"),
        ("电话+86 138-0013-8000", Rule.PHONE_GROUPED, "138-0013-8000"),
        ("电话138零零一三8000", Rule.PHONE_WRITTEN_OUT, "138零零一三8000"),
        ("电话1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣0️⃣0️⃣0️⃣", Rule.PHONE, "1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣0️⃣0️⃣0️⃣"),
        ("QQ:12345678", Rule.QQ_CUE, "12345678"),
        ("12345678是我QQ", Rule.QQ_CUE_AFTER, "12345678"),
        ("我的微信是 wx123456", Rule.WECHAT_CUE, "wx123456"),
        ("微\u200b信:abc123", Rule.WECHAT_CUE, "abc123"),
        ("微信 h a n m e i", Rule.WECHAT_SPACED_OUT, "h a n m e i"),
        ("微信zhang下划线123", Rule.WECHAT_CUE, "zhang下划线123"),
        ("微信的话你就认准这个号哈 zhang_123", Rule.WECHAT_EXPLAINED, "zhang_123"),
        ("abc12345是我微信", Rule.WECHAT_CUE_AFTER, "abc12345"),
        ("加我 abc12345", Rule.WECHAT_WEAK_CUE, "abc12345"),
        ("abc12345 加我", Rule.WECHAT_WEAK_CUE_AFTER, "abc12345"),
        ("zxh19950607", Rule.WECHAT_BARE, "zxh19950607"),
        ("你看wxid_abcd1234efgh22好吗", Rule.WECHAT_INTERNAL, "wxid_abcd1234efgh22"),
    ],
)
def test_rule_and_span_in_the_original(text: str, rule: Rule, written: str) -> None:
    detail = only(text)
    assert detail.rule == rule.value
    assert text[detail.start : detail.end] == written
    assert 0.5 <= detail.confidence <= 1


def test_one_number_for_two_kinds_has_one_span() -> None:
    phone, wechat = extract_contact_details("13800138000(微信同号)")
    assert (phone.kind, wechat.kind) == (DetailKind.PHONE, DetailKind.WECHAT)
    assert (phone.start, phone.end) == (wechat.start, wechat.end) == (0, 11)
    assert wechat.rule == Rule.WECHAT_SAME_NUMBER.value


def test_two_ids_joined_by_or() -> None:
    first, second = extract_contact_details("微信:abc_0001或者abc_0002")
    assert (first.rule, second.rule) == (Rule.WECHAT_CUE.value, Rule.WECHAT_ALTERNATIVE.value)


def test_qq_that_is_the_phone_number() -> None:
    assert pairs("13800138000 微信QQ都是同号") == {
        ("phone", "13800138000"),
        ("wechat", "13800138000"),
        ("qq", "13800138000"),
    }


def test_internal_names_are_flagged() -> None:
    detail = only("微信:wxid_abcd1234efgh22")
    assert detail.note is not None
    assert "not searchable" in detail.note
    assert only("微信:abc12345").note is None


def test_ids_are_one_without_case_and_keep_the_surer_find() -> None:
    detail = only("加我Abc12345,微信号:abc12345")
    assert (detail.value, detail.rule) == ("abc12345", Rule.WECHAT_CUE.value)


def test_sureness_follows_the_wording() -> None:
    firm, plain, weak = (only(text).confidence for text in ("微信号:lilywang", "我微信lilywang", "加我 zhanglixia"))
    assert firm > plain > weak


def test_unknown_ranges_need_a_word_beside_them() -> None:
    assert pairs("14112345678 那个") == set()
    assert only("电话14112345678").confidence < only("电话13812345678").confidence


def test_details_come_in_order() -> None:
    starts = [detail.start for detail in extract_contact_details("QQ12345678 微信abc_001 a@b.cn 13800138000")]
    assert starts == sorted(starts)
    assert len(starts) == 4


@pytest.mark.parametrize("value", ["zhangsan", "lily-wang", "Cathy1209", "q1w2e3r4", "tom-hanks", "lucky-888"])
def test_nicknames_are_plausible_alone(value: str) -> None:
    assert is_plausible_alone(value)


@pytest.mark.parametrize("value", ["bge-large-v2", "Foo-Bar9", "PaxosStore2", "X2Y-1", "tip-7"])
def test_products_are_not(value: str) -> None:
    assert not is_plausible_alone(value)


def test_pinyin() -> None:
    assert is_pinyin("zhangxiaoming")
    assert not is_pinyin("thanks")
    assert not is_pinyin("zhang")


def test_growing_characters_stay_single() -> None:
    assert normalise("﷽ﷺ").text == "••"


_ALPHABET = st.sampled_from(
    [
        *"微信号加我是的v:wx qQ@.-_1380aZ,。\n同薇❤➕零一❶🅥\u200b\ufe0f\u20e3()【】",
        *("微信", "同号", "手机号", "13800138000", "abc_123", "wxid_", "QQ", "下划线", "+86 ", "不用了", "或者"),
    ]
)


def assert_sound(text: str) -> None:
    details = extract_contact_details(text)
    mentions_wechat(text)
    keys = [(detail.kind, detail.value.lower()) for detail in details]
    assert len(keys) == len(set(keys))
    assert [detail.start for detail in details] == sorted(detail.start for detail in details)
    for detail in details:
        assert 0 <= detail.start < detail.end <= len(text)
        assert 0 < detail.confidence <= 1
        assert detail.rule in set(Rule)
        if detail.kind is DetailKind.PHONE:
            assert detail.value.isdigit()
            assert len(detail.value) == 11


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_survived(text: str) -> None:
    assert_sound(text)


@settings(max_examples=250, deadline=None)
@given(st.lists(_ALPHABET, max_size=60).map("".join))
def test_any_mixture_of_cues_is_survived(text: str) -> None:
    assert_sound(text)


@pytest.mark.parametrize(
    "unit",
    [
        *("微信", "加", "v ", "wx ", "wx:abc12345 ", "1 ", "1.", "a", "a.", "a-", "a_", "13800138000 ", "号码"),
        *("微信号是的", "@", "a@b.", "一", "qq 1", "加我", "http://", "abc123 加我 ", "我的是1 2 3 ", "微信同", "ﷺ"),
        *("手机号就是", "微信 a b ", "下划线a", "号号码码", " ", "\n", "1-", "零 ", "微信,小号", "abc_12或者", "(86)"),
    ],
)
def test_endless_repetition_ends(unit: str) -> None:
    """Patterns that ran away would not come back from these in the life of a test run."""
    text = (unit * LONG)[:LONG]
    assert_sound(text)
    assert_sound(text * 4)
