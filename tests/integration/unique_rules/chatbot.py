"""Unique rules of the chatbot: questions, categories, signatures."""

from typing import Any

from tests.chatbot import DOOR, done, entry, signature
from tests.integration.unique_rules.storms import WRITERS, World, at_once, call, exercises, outcomes

ONE_AND_CONFLICTS = {0: 1, 2: WRITERS - 1}


@exercises("uq_faq_entry_bot_id_doc_id")
async def entries(world: World) -> None:
    answers = await call(world, "POST", f"{DOOR}/faq/database", entry("几点开门", docId="d-1"))
    assert outcomes(answers) == ONE_AND_CONFLICTS
    assert await world.count("faq_entry") == 1


@exercises("uq_faq_question_main", "uq_faq_question_text")
async def questions(world: World) -> None:
    doc = (await done(world.client, "POST", "/faq/database", entry("几点开门", docId="d-1")))["id"]
    path = f"{DOOR}/faq/database/{doc}"
    answers = await call(world, "PUT", path, lambda number: entry(f"几点开门{number % 3}"))
    assert outcomes(answers) == {0: WRITERS}
    assert await world.count("faq_question WHERE is_main AND deleted_at IS NULL") == 1
    answers = await call(world, "POST", f"{path}/extend", {"post": "何时营业"})
    assert outcomes(answers) == {0: WRITERS}, "who asks for what is there gets it"
    assert len({answer.json()["data"]["id"] for answer in answers}) == 1
    assert await world.count("faq_question WHERE NOT is_main AND deleted_at IS NULL") == 1


@exercises("uq_faq_category_label")
async def categories(world: World) -> None:
    answers = await call(world, "POST", f"{DOOR}/faq/categories", {"label": "快递"})
    assert outcomes(answers) == ONE_AND_CONFLICTS
    assert await world.count("faq_category") == 1


@exercises("pk_seen_signature")
async def signatures(world: World) -> None:
    made = await world.client.post("/api/v1/chatbot", json={"name": "客服", "primaryLanguage": "zh_CN"})
    bot = made.json()["data"]
    target = f"/api/v1/chatbot/{bot['clientId']}/faq/database"
    moment = str(int(world.clock.now().timestamp()))
    headers = {"Authorization": signature(bot["clientId"], bot["secret"], "POST", target, timestamp=moment)}

    async def send(number: int) -> Any:
        return await world.client.post(target, json=entry(f"问题 {number}"), headers=headers)

    answers = await at_once(send)
    assert outcomes(answers) == {0: 1, 1: WRITERS - 1}, "a signature is good for one request"
    assert await world.count("faq_entry") == 1
