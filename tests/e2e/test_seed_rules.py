"""What the contract says in prose: the automatic flow, the filters, the choice of a config, the tables."""

import re
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from app.services.rearm import rearm
from tests.helpers import add_contact, add_script, make_config

HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
WAIT = timedelta(seconds=30)
DAY_1 = "后续沟通会更及时,您方便留一下您的微信号吗?我这边加您。"
DAY_2 = "您好,不知道您是否方便留个联系方式?"
EVER = "您好,如果您感兴趣可以随时联系我。"


class Run:
    """One person in the sequence of scenario 1, and time that passes."""

    def __init__(self, client: httpx2.AsyncClient, context: Context, clock: ManualClock) -> None:
        self.client = client
        self.clock = clock
        self._context = context
        self._dispatcher = Dispatcher(context, context.messenger)
        self.contact_id = 0
        self.config_id = 0
        self.script_ids: dict[int, int] = {}
        self._messages = 0

    async def begin(self) -> None:
        self.contact_id = await add_contact(self.client, position="Python开发")
        self.config_id = await make_config(self.client, position="Python开发")
        for day, content, hours in ((1, DAY_1, 24), (2, DAY_2, 24), (0, EVER, 72)):
            self.script_ids[day] = await add_script(self.client, self.config_id, day=day, content=content, hours=hours)
        await self.enroll()

    async def enroll(self) -> None:
        answer = await self.client.post("/api/followup-enrollments", json={"contact_ids": [self.contact_id]})
        assert answer.status_code == 201, answer.text
        await self._dispatcher.drain()

    async def after(self, time: timedelta) -> list[tuple[str, int | None, str]]:
        """Let time pass; return kind, day and text of all that was sent so far."""
        self.clock.advance(time)
        await rearm(self._context)
        await self._dispatcher.drain()
        rows = await self.records()
        return [(row["kind"], row["day_number"], row["content"]) for row in rows]

    async def records(self) -> list[dict[str, Any]]:
        answer = await self.client.get(f"/api/followup-records?contact_id={self.contact_id}&page_size=100")
        rows: list[dict[str, Any]] = answer.json()["results"]
        return rows[::-1]

    async def hear(self, content: str, from_id: int | str = 0) -> dict[str, int]:
        """Take in a message of this chat; returns what it was counted as."""
        self._messages += 1
        item = {"message_id": f"m{self._messages}", "contact_id": self.contact_id, "fromId": from_id}
        answer = await self.client.post("/api/messages/inbound", json={"messages": [item | {"content": content}]})
        assert answer.status_code == 200, answer.text
        assert answer.json()["refused"] == []
        return {name: answer.json()[name] for name in ("accepted", "filtered", "replies")}

    async def state(self) -> str:
        answer = await self.client.get(f"/api/followup-enrollments?contact_id={self.contact_id}")
        state: str = answer.json()["results"][0]["state"]
        return state

    async def details(self) -> list[tuple[str, str]]:
        answer = await self.client.get(f"/api/contact-records?contact_id={self.contact_id}")
        return [(row["kind"], row["value"]) for row in answer.json()["results"]]


@pytest.fixture
async def run(app: FastAPI, client: httpx2.AsyncClient, clock: ManualClock) -> Run:
    started = Run(client, app.state.context, clock)
    await started.begin()
    return started


REPLY = {"accepted": 1, "filtered": 0, "replies": 1}
FILTERED = {"accepted": 1, "filtered": 1, "replies": 0}
OURS = {"accepted": 1, "filtered": 0, "replies": 0}


async def test_the_automatic_flow_without_an_answer(run: Run) -> None:
    """自动复聊流程, line by line."""
    ((kind, day, opening),) = await run.after(timedelta())
    assert (kind, day) == ("opening", None)
    assert "微信号" in opening, "第一次联系:发送询问微信号的消息"

    assert len(await run.after(WAIT - MOMENT)) == 1, "等待30秒"
    assert (await run.after(MOMENT))[1:] == [("script", 1, DAY_1)], "第1天 names no interval: right after the wait"

    assert len(await run.after(24 * HOUR)) == 2, "24 hours are not more than 24 hours"
    assert (await run.after(MOMENT))[2:] == [("script", 2, DAY_2)], "第2天:距离上次发送超过24小时"

    for day in (3, 4, 5, 6):
        before = await run.after(72 * HOUR)
        assert len(before) == day, "not before its own interval is over"
        assert (await run.after(MOMENT))[day:] == [("script", day, EVER)], "往后一直:day_number=0 的话术"
    assert [row["script_id"] for row in await run.records()] == [
        None,
        *(run.script_ids[day] for day in (1, 2, 0, 0, 0, 0)),
    ]
    assert await run.state() == "active"


@pytest.mark.parametrize("sent", [1, 2, 3, 4])
async def test_an_answer_ends_the_flow_at_every_step(run: Run, sent: int) -> None:
    for _ in range(sent - 1):
        await run.after(73 * HOUR)
    assert await run.hear("你好,请问薪资多少?") == REPLY
    assert len(await run.after(1000 * HOUR)) == sent
    rows = await run.records()
    assert [row["got_reply"] for row in rows] == [False] * (sent - 1) + [True]
    assert rows[-1]["reply_content"] == "你好,请问薪资多少?"
    assert await run.state() == "replied"


async def test_day_three_has_a_script_of_its_own_where_there_is_one(run: Run) -> None:
    await add_script(run.client, run.config_id, day=3, content="第三天", hours=48)
    await run.after(WAIT)
    await run.after(24 * HOUR + MOMENT)
    assert len(await run.after(48 * HOUR)) == 3
    assert (await run.after(MOMENT))[3:] == [("script", 3, "第三天")], "第3天及以后:按配置的间隔时间"
    assert (await run.after(72 * HOUR + MOMENT))[4:] == [("script", 4, EVER)]


async def test_a_day_without_a_script_uses_day_zero(run: Run) -> None:
    await add_script(run.client, run.config_id, day=4, content="第四天", hours=1)
    await run.after(WAIT)
    await run.after(24 * HOUR + MOMENT)
    assert (await run.after(72 * HOUR + MOMENT))[3:] == [("script", 3, EVER)], "当没有特定天数的话术时"
    assert (await run.after(HOUR + MOMENT))[4:] == [("script", 4, "第四天")]
    assert (await run.after(72 * HOUR + MOMENT))[5:] == [("script", 5, EVER)]


async def test_texts_of_one_day_follow_their_order(run: Run) -> None:
    await add_script(run.client, run.config_id, day=1, content="第一天其三", hours=2, order=3)
    await add_script(run.client, run.config_id, day=1, content="第一天其二", hours=1, order=2)
    assert (await run.after(WAIT))[1:] == [("script", 1, DAY_1)]
    assert (await run.after(HOUR + MOMENT))[2:] == [("script", 1, "第一天其二")]
    assert len(await run.after(HOUR + MOMENT)) == 3, "each text has its own interval"
    assert (await run.after(HOUR))[3:] == [("script", 1, "第一天其三")]
    assert (await run.after(24 * HOUR + MOMENT))[4:] == [("script", 2, DAY_2)]


async def test_a_changed_interval_counts_from_the_last_message(run: Run) -> None:
    await run.after(WAIT)
    await run.after(20 * HOUR)
    answer = await run.client.put(f"/api/followup-scripts/{run.script_ids[2]}", json={"interval_hours": 48})
    assert answer.status_code == 200
    assert len(await run.after(28 * HOUR)) == 2
    assert (await run.after(MOMENT))[2:] == [("script", 2, DAY_2)]
    await run.client.put(f"/api/followup-scripts/{run.script_ids[0]}", json={"interval_hours": 1})
    assert (await run.after(HOUR + MOMENT))[3:] == [("script", 3, EVER)], "也可以缩短"


async def test_a_message_by_hand_restarts_the_interval(run: Run) -> None:
    await run.after(WAIT)
    await run.after(23 * HOUR)
    body = {"contact_id": run.contact_id, "content": "您好,我想和您聊聊这个职位。"}
    assert (await run.client.post("/api/followup-records/send", json=body)).status_code == 201
    assert len(await run.after(24 * HOUR)) == 3
    assert (await run.after(MOMENT))[3:] == [("script", 2, DAY_2)], "and the day stays where it was"


@pytest.mark.parametrize("from_id", [1, "1", 7, -1, "agent"])
async def test_from_id_tells_who_wrote(run: Run, from_id: int | str) -> None:
    """通过 fromId 字段区分消息来源;只保留 fromId=0 的消息."""
    assert await run.hear("我的微信是 hr_huiyin01,您的微信号是多少?", from_id) == OURS
    assert await run.state() == "active"
    assert await run.details() == [], "details of our own texts are not theirs"
    assert not any(row["got_reply"] for row in await run.records())


@pytest.mark.parametrize("from_id", [0, "0"])
async def test_from_id_zero_is_theirs(run: Run, from_id: int | str) -> None:
    assert await run.hear("在的", from_id) == REPLY
    assert await run.state() == "replied"


async def test_our_own_text_that_comes_back_is_no_answer(run: Run) -> None:
    """在等待回复时,过滤掉包含发送话术内容的消息."""
    await run.after(WAIT)
    for echo in (DAY_1, f"「{DAY_1}」", f" {DAY_1}\n", DAY_1.replace(",", ",")):
        assert await run.hear(echo) == FILTERED, echo
    assert await run.state() == "active"
    assert (await run.after(24 * HOUR + MOMENT))[2:] == [("script", 2, DAY_2)]
    listed = (await run.client.get(f"/api/messages?contact_id={run.contact_id}&filtered=true")).json()
    assert [row["filter_reason"] for row in listed["results"]] == ["echo"] * 4


async def test_an_answer_around_our_own_text_is_an_answer(run: Run) -> None:
    await run.after(WAIT)
    assert await run.hear(f"{DAY_1}\n可以,微信 lin_xm2026") == REPLY
    assert await run.details() == [("wechat", "lin_xm2026")]


@pytest.mark.parametrize("text", ["微信号", "您的微信号是多少?", "微信号是?", "请留一下您的微信号"])
async def test_talk_about_wechat_ids_without_one_is_no_answer(run: Run, text: str) -> None:
    """过滤掉包含"微信号"关键词但没有真实微信号的消息."""
    assert await run.hear(text) == FILTERED
    assert await run.state() == "active"
    assert await run.details() == []
    assert not any(row["got_reply"] for row in await run.records())
    listed = (await run.client.get(f"/api/messages?contact_id={run.contact_id}&filtered=true")).json()
    assert [row["text"] for row in listed["results"]] == [text], "it is kept, for a person to judge"


async def test_a_real_wechat_id_beside_the_word_is_an_answer(run: Run) -> None:
    await run.after(WAIT)
    assert await run.hear("好的,我的微信是 wx123456") == REPLY
    assert await run.state() == "converted"
    row = (await run.records())[-1]
    assert (row["got_reply"], row["reply_content"]) == (True, "好的,我的微信是 wx123456")
    assert row["replied_at"] == "2026-03-05T10:30:30Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("好的,我的微信是 wx123456", [("wechat", "wx123456")]),
        ("微信号:wx123456", [("wechat", "wx123456")]),
        ("电话联系吧 13900005678", [("phone", "13900005678")]),
        ("QQ 123456789", [("qq", "123456789")]),
        ("简历发我邮箱 lin.xiaoman@example.com", [("email", "lin.xiaoman@example.com")]),
    ],
)
async def test_details_are_saved_by_themselves(
    run: Run, database: Database, text: str, expected: list[tuple[str, str]]
) -> None:
    """自动保存:提取到联系方式后自动保存到 ContactRecord 表."""
    assert await run.hear(text) == REPLY
    assert await run.details() == expected
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT kind, value FROM contact_record WHERE contact_id = $1", run.contact_id)
    assert [tuple(row) for row in rows] == expected


@pytest.mark.parametrize(
    ("configs", "position", "expected"),
    [
        (["Python开发", None], "Python开发", 0),
        ([None, "Python开发"], "Python开发", 1),
        ([None, "Python开发"], "测试工程师", 0),
        ([None, "Python开发"], None, 0),
        (["", "Python开发"], "测试工程师", 0),
        (["Python开发"], " python开发 ", 0),
        (["Python开发", "Python开发"], "Python开发", 1),
        (["Python开发"], "测试工程师", None),
        (["Python开发"], "Python", None),
    ],
)
async def test_the_config_of_the_position_comes_before_the_general_one(
    client: httpx2.AsyncClient, configs: list[str | None], position: str | None, expected: int | None
) -> None:
    """配置优先级:先匹配岗位配置,如果没有则使用通用配置."""
    ids = [await make_config(client, position=each) for each in configs]
    person = await add_contact(client, position=position)
    answer = await client.post("/api/followup-enrollments", json={"contact_ids": [person]})
    result = answer.json()["results"][0]
    assert result["config_id"] == (None if expected is None else ids[expected])
    assert result["status"] == ("waiting" if expected is None else "enrolled")


async def test_an_inactive_config_of_the_position_leaves_the_general_one(client: httpx2.AsyncClient) -> None:
    general = await make_config(client)
    await make_config(client, position="Python开发", is_active=False)
    person = await add_contact(client, position="Python开发")
    answer = await client.post("/api/followup-enrollments", json={"contact_ids": [person]})
    assert answer.json()["results"][0]["config_id"] == general


TABLES = """
CREATE TABLE follow_up_config (
id INT PRIMARY KEY AUTO_INCREMENT,
name VARCHAR(128),
position VARCHAR(64),
is_active BOOLEAN DEFAULT TRUE,
created_at DATETIME,
updated_at DATETIME
);
CREATE TABLE follow_up_script (
id INT PRIMARY KEY AUTO_INCREMENT,
config_id INT,
day_number INT, -- 1=第一天, 2=第二天, 0=往后一直
content TEXT,
interval_hours INT DEFAULT 24,
order INT DEFAULT 0,
is_active BOOLEAN DEFAULT TRUE,
created_at DATETIME
);
CREATE TABLE follow_up_record (
id INT PRIMARY KEY AUTO_INCREMENT,
contact_id INT,
config_id INT,
script_id INT,
day_number INT,
content TEXT,
sent_at DATETIME,
got_reply BOOLEAN DEFAULT FALSE,
reply_content TEXT,
replied_at DATETIME
);
"""
TYPES = {
    "INT": {"integer", "bigint"},
    "BOOLEAN": {"boolean"},
    "DATETIME": {"timestamp with time zone"},
    "TEXT": {"text"},
    "VARCHAR(128)": {"character varying(128)"},
    "VARCHAR(64)": {"character varying(64)"},
}


@pytest.mark.parametrize("table", ["follow_up_config", "follow_up_script", "follow_up_record"])
async def test_the_tables_are_those_of_the_contract(database: Database, table: str) -> None:
    lines = TABLES.partition(f"CREATE TABLE {table} (\n")[2].partition(");")[0].splitlines()
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT attname AS name, format_type(atttypid, atttypmod) AS type, attidentity <> '' AS counts,"
            " pg_get_expr(adbin, adrelid) AS initially"
            " FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
            " WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped",
            table,
        )
    columns = {row["name"]: row for row in rows}
    assert len(lines) > 5
    for line in lines:
        name, kind, rest = re.fullmatch(r"(\w+) ([\w()]+),?(?: (.*))?", line).groups()  # type: ignore[union-attr]  # all do
        assert columns[name]["type"] in TYPES[kind], name
        assert columns[name]["counts"] == ("AUTO_INCREMENT" in (rest or "")), name
        if found := re.search(r"DEFAULT (\w+)", rest or ""):
            assert columns[name]["initially"] == found[1].lower(), name
