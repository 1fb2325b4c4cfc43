"""A steady mixed load: sequences through a gateway, answers, questions to the chatbot, calls of cases."""

import asyncio
import json
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from aiohttp import web

RECENT = 500
"""People who may answer; whoever came before them is left to the sequences."""
_ANSWERS = ("好的,我的微信是 wx{0}", "多少钱一个月?", "在忙,晚点说", "不用了,谢谢", "电话联系吧 139{0:08d}")
_QUESTIONS = ("怎么查快递单号", "工资什么时候发", "上班时间是几点", "可以远程办公吗", "今天天气怎么样")


class Gateway:
    """A channel that takes every message and counts how often it came."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: Counter[str] = Counter()

    async def take(self, request: web.Request) -> web.Response:
        """Answer 200 and remember the message's key."""
        await request.read()
        self.seen[request.headers["webhook-id"]] += 1
        return web.json_response({})

    @property
    def twice(self) -> int:
        """How many messages came more than once."""
        return sum(times > 1 for times in self.seen.values())


@asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    """Lend a gateway on loopback."""
    stub = Gateway()
    app = web.Application()
    app.router.add_post("/", stub.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stub.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield stub
    finally:
        await runner.cleanup()


class Load:
    """What is asked of the service; counts the answers by kind and status."""

    def __init__(self, client: httpx2.AsyncClient, stub: Gateway) -> None:
        self._client = client
        self._gateway = stub
        self._random = random.Random(1)  # noqa: S311 - a load, no secret
        self._people: deque[int] = deque(maxlen=RECENT)
        self._config = 0
        self._number = 0
        self.answers: Counter[tuple[str, int]] = Counter()

    async def prepare(self) -> None:
        """Let the default bot deliver to the gateway; make a sequence, and a FAQ base."""
        bots = (await self._client.get("/api/bots")).json()["results"]
        bot = next(bot["id"] for bot in bots if bot["is_default"])
        delivery = {"kind": "webhook", "url": self._gateway.url}
        answer = await self._client.put(f"/api/bots/{bot}/delivery", json=delivery)
        answer.raise_for_status()
        config = await self._post("/api/followup-configs", {"name": "soak", "is_active": True})
        self._config = config["id"]
        script = {"config_id": self._config, "day_number": 1, "content": "{{name}},方便留一下您的微信号吗?"}
        await self._post("/api/followup-scripts", script | {"interval_hours": 24})
        for question in _QUESTIONS[:4]:
            entry = {"post": question, "replies": [{"rtype": "plain", "content": f"关于{question}", "enabled": True}]}
            await self._post("/api/chatbot/faq/database", entry | {"enabled": True})

    async def run(self, seconds: float) -> None:
        """Keep the load up for a time; each kind at a rate of its own, a slow answer delays only its kind."""
        kinds = ((self.follow_ups, 1.0), (self.answer, 0.1), (self.question, 0.1), (self.case, 1.0))
        await asyncio.gather(*(self._repeat(work, every, seconds) for work, every in kinds))

    async def follow_ups(self) -> None:
        """Enrol five new people."""
        made = []
        for _ in range(5):
            person = {"name": "林小满", "user_id": f"soak-{self._next()}"}
            made.append((await self._post("/api/contacts", person))["id"])
        await self._post("/api/followup-enrollments", {"contact_ids": made, "config_id": self._config})
        self._people.extend(made)

    async def answer(self) -> None:
        """Let somebody say something."""
        if self._people:
            person, number = self._random.choice(self._people), self._next()
            text = self._random.choice(_ANSWERS).format(number)
            message = {"message_id": f"soak-{number}", "contact_id": person, "fromId": 0, "content": text}
            await self._post("/api/messages/inbound", {"messages": [message]})

    async def question(self) -> None:
        """Ask the chatbot."""
        asked = {"fromUserId": f"asker-{self._random.randrange(200)}", "textMessage": self._random.choice(_QUESTIONS)}
        await self._post("/api/chatbot/conversation/query", asked)

    async def case(self) -> None:
        """Open a case, call its party, look what became of an older one."""
        number = self._next()
        party = {"personId": f"P-{number}", "name": "周宁", "phoneNumber": f"138{number:08d}", "personType": 0}
        case = {"caseId": f"soak-{number}", "title": "劳动报酬纠纷", "nodeId": 5, "parties": [party]}
        made = await self._post("/api/v1/mediation/cases", case)
        order = {"caseId": case["caseId"], "mediationId": str(made["data"]["mediationId"]), "callAuto": 0}
        await self._post("/api/v1/outbound-bot/call-v2", order | {"callPersonId": ""})
        query = {"caseId": str(case["caseId"])}
        answer = await self._client.get("/api/v1/outbound-bot/conversation-log", params=query)
        self.answers["GET conversation-log", answer.status_code] += 1

    async def _repeat(self, work: Callable[[], Awaitable[None]], every: float, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        turn = loop.time()
        while turn < end:
            await work()
            turn = max(turn + every, loop.time())
            await asyncio.sleep(turn - loop.time())

    async def _post(self, path: str, body: Any) -> dict[str, Any]:
        answer = await self._client.post(path, json=body)
        self.answers[f"POST {path}", answer.status_code] += 1
        if answer.is_error:
            raise RuntimeError(f"{path}: {answer.status_code} {json.dumps(answer.text, ensure_ascii=False)[:500]}")
        told: dict[str, Any] = answer.json()
        return told

    def _next(self) -> int:
        self._number += 1
        return self._number
