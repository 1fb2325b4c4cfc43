"""Every endpoint of the follow-up family, and what each of its fields must refuse."""

import json
from dataclasses import dataclass, field
from typing import Any

JSON = {"Content-Type": "application/json"}
HOLE = "a-hole-for-raw-json"
NOT_TEXT = ["1", "1.5", "true", "[]", "{}", '["您好"]']
UNSTORABLE = [r'"\u0000"', r'"您好\u0000"', r'"\ud800"', r'"您\udfff好"']
NOT_INTEGERS = [
    "1.5", "1.0", "1e2", "true", "false", '"1"', '""', '"一"', "[]", "{}", "[1]",
    "-1", "1e400", "-1e400", "NaN", "Infinity", "-Infinity", str(2**63), str(-(2**63) - 1), str(2**64), "9" * 400,
]  # fmt: skip
NOT_FLAGS = ['"true"', '"false"', "1", "0", '"x"', '""', "1.5", "[]", "{}"]


def text(most: int, *, nullable: bool = False) -> list[str]:
    """Return raw JSON that a text field of so many characters must refuse."""
    return [*NOT_TEXT, *UNSTORABLE, json.dumps("好" * (most + 1)), *([] if nullable else ["null"])]


def integer(most: int, *, nullable: bool = False) -> list[str]:
    return [*NOT_INTEGERS, str(most + 1), *([] if nullable else ["null"])]


BLANK = ['""', '" "', r'"\n\t"', '"\u3000"']
ID = [*integer(2**53 - 1), "0"]
FLAG = [*NOT_FLAGS, "null"]
URL = [*text(2048, nullable=True), '"ftp://example.com"', '"javascript:alert(1)"', '"example.com"', '"http://"']
CONFIG = {
    "name": text(128) + BLANK,
    "position": text(64, nullable=True),
    "is_active": FLAG,
    "opening_message": [*text(5000, nullable=True), '"{{salary}}"', '"{{name"'],
}
SCRIPT = {
    "config_id": ID,
    "day_number": integer(100_000),
    "content": [*text(5000), *BLANK, '"{{salary}}"'],
    "interval_hours": integer(8760),
    "order": integer(2**31 - 1),
    "is_active": FLAG,
}
CARD = {
    "user_id": text(256) + BLANK,
    "name": text(128, nullable=True),
    "position": text(64, nullable=True),
    "phone": [*text(40, nullable=True), '"not a phone"', '"1"'],
    "note": text(5000, nullable=True),
}


@dataclass(frozen=True)
class Endpoint:
    """A call with a body: what it takes, and what each field must refuse."""

    call: str
    good: dict[str, Any]
    bad: dict[str, list[str]]
    required: tuple[str, ...] = field(default=())


ENDPOINTS = [
    Endpoint("POST /api/followup-configs", {"name": "配置"}, CONFIG, ("name",)),
    Endpoint("PUT /api/followup-configs/{config}", {"name": "配置"}, CONFIG),
    Endpoint(
        "POST /api/followup-scripts",
        {"config_id": "{config}", "day_number": 1, "content": "您好"},
        SCRIPT,
        ("config_id", "day_number", "content"),
    ),
    Endpoint("PUT /api/followup-scripts/{script}", {"content": "您好"}, SCRIPT),
    Endpoint(
        "POST /api/followup-records/send",
        {"contact_id": "{contact}", "content": "您好"},
        {"contact_id": ID, "content": text(5000) + BLANK},
        ("contact_id", "content"),
    ),
    Endpoint(
        "POST /api/followup-configs/{config}/test-send",
        {"contact_id": "{contact}"},
        {"contact_id": ID},
        ("contact_id",),
    ),
    Endpoint(
        "POST /api/followup-records/{record}/resolve",
        {"outcome": "sent"},
        {"outcome": [*text(8), '"SENT"', '"unknown"']},
        ("outcome",),
    ),
    Endpoint(
        "POST /api/followup-enrollments",
        {"contact_ids": ["{contact}"]},
        {
            "contact_ids": [
                "[]",
                "{}",
                "1",
                '"1"',
                *(f"[{each}]" for each in ID),
                json.dumps([1] * 10_001),
                "null",
                "[1, null]",
            ],
            "opening": FLAG,
            "restart": FLAG,
            "config_id": integer(2**53 - 1, nullable=True),
        },
    ),
    Endpoint(
        "POST /api/messages/inbound",
        {"messages": [{"message_id": "m1", "contact_id": "{contact}", "fromId": 0, "content": "在的"}]},
        {"messages": ["[]", "{}", "1", '"x"', "null", "true", json.dumps([{}] * 501)]},
        ("messages",),
    ),
    Endpoint(
        "POST /api/webchat/{token}/messages",
        {"content": "在的"},
        {
            "content": text(5000) + BLANK,
            "client_id": [*text(64, nullable=True), *BLANK, '"a b"', '"a/b"', '"好"'],
        },
        ("content",),
    ),
    Endpoint(
        "POST /api/contacts",
        {"name": "周念安"},
        {name: [raw for raw in values if raw != "null"] for name, values in CARD.items()}
        | {"bot": ["0", "-1", "1.5", "true", "[]", "{}", '""', *UNSTORABLE, '"no-such-bot"', "424242"]},
    ),
    Endpoint("PUT /api/contacts/{contact}", {"name": "周念安"}, CARD),
    Endpoint("POST /api/contacts/{contact}/do-not-contact", {"reason": "来电"}, {"reason": text(500, nullable=True)}),
    Endpoint(
        "POST /api/do-not-contact",
        {"identifiers": [{"kind": "phone", "value": "13900001234"}]},
        {"identifiers": ["[]", "{}", "null", "1", '"x"', '[{"kind": "fax", "value": "1"}]', '[{"kind": "phone"}]']},
        ("identifiers",),
    ),
    Endpoint("POST /api/bots", {"name": "渠道"}, {"name": text(128) + BLANK}, ("name",)),
    Endpoint(
        "PUT /api/bots/1/delivery",
        {"idempotent": False},
        {
            "kind": [*NOT_TEXT, "null", '"pigeon"'],
            "url": URL,
            "inbox_url": URL,
            "event_url": URL,
            "secret": [*NOT_TEXT, *UNSTORABLE, "null", '"short"', '"whsec_!!"'],
            "idempotent": FLAG,
            "rate_per_second": ["0", "-1", "1e400", "NaN", "Infinity", "true", '"1"', "10001", "[]", "{}"],
        },
    ),
]
LISTS: dict[str, dict[str, str]] = {
    "/api/followup-configs": {"position": "text", "is_active": "flag"},
    "/api/followup-scripts": {"config_id": "id", "day_number": "integer"},
    "/api/followup-records": {
        "contact_id": "id", "config_id": "id", "got_reply": "flag", "page": "page", "page_size": "size",
        "sent_from": "moment", "sent_to": "moment", "status": "word",
    },
    "/api/followup-records/export": {"contact_id": "id", "got_reply": "flag", "sent_from": "moment"},
    "/api/followup-enrollments": {
        "config_id": "id", "contact_id": "id", "state": "word", "reason": "text", "page": "page", "page_size": "size",
    },
    "/api/messages": {"contact_id": "id", "filtered": "flag", "page": "page", "page_size": "size"},
    "/api/contacts": {"state": "word", "page": "page", "page_size": "size"},
    "/api/contact-records": {"contact_id": "id", "page": "page", "page_size": "size"},
    "/api/bots": {"page": "page", "page_size": "size"},
    "/api/do-not-contact": {"page": "page", "page_size": "size"},
    "/api/contacts/{contact}/timeline": {"cursor": "word"},
    "/api/webchat/{token}/messages": {"after": "integer"},
}  # fmt: skip
_BAD_INTEGER = ["-1", "1.5", "1e3", "abc", "0x1", str(2**63), str(2**64), "9" * 400, "NaN", "true", "１", "1,2"]
BAD_QUERY = {
    "integer": _BAD_INTEGER,
    "id": ["0", *_BAD_INTEGER],
    "page": ["0", *_BAD_INTEGER, "100000001"],
    "size": ["0", *_BAD_INTEGER, "501"],
    "flag": ["maybe", "2", "-1", "null", "TRUE1"],
    "moment": [
        "yesterday",
        "2026-02-30T00:00:00Z",
        "0000-00-00",
        "99999-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "1e400",
        "0.5",
        "-1",
        "1767225600",
        "20260305",
        "2026-03-05_10:30",
    ],
    "word": ["no such thing", "😀", "a" * 5000],
    "text": ["好" * 65, "A" * 5000],
}
PATHS = [
    "GET /api/followup-configs/{}",
    "PUT /api/followup-configs/{}",
    "DELETE /api/followup-configs/{}",
    "POST /api/followup-configs/{}/copy",
    "GET /api/followup-configs/{}/preview",
    "GET /api/followup-configs/{}/lint",
    "GET /api/followup-configs/{}/stats",
    "POST /api/followup-configs/{}/test-send",
    "GET /api/followup-scripts/{}",
    "PUT /api/followup-scripts/{}",
    "DELETE /api/followup-scripts/{}",
    "POST /api/followup-records/{}/resolve",
    "GET /api/followup-enrollments/{}",
    "GET /api/followup-enrollments/{}/plan",
    "POST /api/followup-enrollments/{}/pause",
    "POST /api/followup-enrollments/{}/resume",
    "POST /api/followup-enrollments/{}/stop",
    "POST /api/messages/{}/accept",
    "GET /api/contacts/{}",
    "PUT /api/contacts/{}",
    "DELETE /api/contacts/{}",
    "GET /api/contacts/{}/timeline",
    "POST /api/contacts/{}/mute",
    "POST /api/contacts/{}/unmute",
    "DELETE /api/contacts/{}/do-not-contact",
    "DELETE /api/do-not-contact/{}",
    "DELETE /api/contact-records/{}",
    "GET /api/bots/{}/delivery",
]
BODIES = {"test-send": {"contact_id": 1}, "resolve": {"outcome": "sent"}}
