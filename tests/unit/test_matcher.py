"""The matcher's index, encoders and batching; how good its answers are is in test_matcher_quality.py."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from app.errors import InvalidInputError
from app.gateways.matcher import (
    MAX_CHARS,
    CharEncoder,
    Encoder,
    Index,
    Matcher,
    Question,
    SentenceEncoder,
    best_encoder,
    clean,
    encoders,
    normalise,
)
from app.gateways.matcher.encoders import Vectors

FAQ = {
    "invoice": ["怎么开发票", "如何申请电子发票"],
    "shipping": ["订单什么时候发货", "下单后多久发货"],
    "refund": ["怎么申请退款"],
    "address": ["怎么修改收货地址"],
    "coupon": ["优惠券怎么使用"],
    "human": ["怎么联系人工客服", "转人工"],
}


def questions(model: Encoder, faq: dict[str, list[str]] | None = None, **flags: bool) -> list[Question]:
    rows = [(f"{entry}-{n}", entry, text) for entry, texts in (faq or FAQ).items() for n, text in enumerate(texts)]
    vectors = model.encode([text for _, _, text in rows])
    return [
        Question(qid, entry, text, vector, flags.get(entry, True))
        for (qid, entry, text), vector in zip(rows, vectors, strict=True)
    ]


def ask(model: Encoder, index: Index, text: str) -> list[tuple[str, float]]:
    return [(match.entry_id, match.confidence) for match in index.search(text, model.encode([text])[0])]


@pytest.fixture(scope="module", params=[SentenceEncoder, CharEncoder])
def model(request: pytest.FixtureRequest) -> Encoder:
    kind: type[SentenceEncoder | CharEncoder] = request.param
    return kind()


@pytest.mark.parametrize("text", ["怎么开发票", " 怎么开发票? ", "怎么,开发票!!", "怎么開发票".replace("開", "开")])
def test_the_same_text_is_certain(model: Encoder, text: str) -> None:
    index = Index(model)
    index.upsert(questions(model))
    ranked = ask(model, index, text)
    assert ranked[0] == ("invoice", 1.0)
    assert all(0 <= confidence < 1 for _, confidence in ranked[1:])


def test_width_and_case_do_not_matter(model: Encoder) -> None:
    index = Index(model)
    index.upsert(questions(model, {"api": ["怎么对接API 2.0"], "other": ["怎么开发票"]}))
    assert ask(model, index, "怎么对接api2.0")[0] == ("api", 1.0)
    assert normalise("!?") == "!?"
    assert normalise("") == ""


def test_only_the_same_text_is_certain(model: Encoder) -> None:
    index = Index(model)
    index.upsert(questions(model))
    assert ask(model, index, "请问怎么开发票呢")[0][0] == "invoice"
    assert ask(model, index, "请问怎么开发票呢")[0][1] < 1


def test_chit_chat_is_not_answered(model: Encoder) -> None:
    index = Index(model)
    index.upsert(questions(model))
    for text in ("今天天气怎么样", "123456", "。。。", "🎉", "x"):
        assert ask(model, index, text)[0][1] < 0.8, text


def test_rows_come_change_and_go(model: Encoder) -> None:
    index = Index(model)
    assert ask(model, index, "怎么开发票") == []
    rows = questions(model)
    index.upsert(rows)
    assert len(index) == len(rows)

    index.remove(["invoice-0", "nobody"])
    assert len(index) == len(rows) - 1
    assert ask(model, index, "怎么开发票")[0][1] < 1

    index.upsert(questions(model, {"hours": ["几点上班"]}))
    assert ask(model, index, "几点上班")[0] == ("hours", 1.0)

    changed = questions(model, {"hours": ["几点下班"]})
    index.upsert(changed)
    assert len(index) == len(rows)
    assert ask(model, index, "几点下班")[0] == ("hours", 1.0)
    assert ask(model, index, "几点上班")[0][1] < 1

    index.remove(["hours-0"])
    assert "hours" not in dict(ask(model, index, "几点下班"))


def test_changes_step_by_step_equal_a_new_index(model: Encoder) -> None:
    """Whatever order rows came in, and whatever was there before, the answers are those of the rows there are."""
    stepwise, fresh = Index(model), Index(model)
    rows = questions(model)
    stepwise.upsert(questions(model, {f"old{n}": [f"第{n}个旧问题"] for n in range(40)}))
    ask(model, stepwise, "怎么开发票")
    for row in reversed(rows):
        stepwise.upsert([row])
    stepwise.remove([f"old{n}-0" for n in range(40)])
    fresh.upsert(rows)
    for text in ("发票怎么弄", "钱能退吗", "我要找真人", "改地址"):
        ours, theirs = ask(model, stepwise, text), ask(model, fresh, text)
        assert [entry for entry, _ in ours] == [entry for entry, _ in theirs]
        assert np.allclose([c for _, c in ours], [c for _, c in theirs], atol=1e-4)


def test_disabled_rows_answer_nothing_and_weigh_nothing(model: Encoder) -> None:
    index, without = Index(model), Index(model)
    index.upsert(questions(model, invoice=False))
    without.upsert(questions(model, {entry: texts for entry, texts in FAQ.items() if entry != "invoice"}))
    assert "invoice" not in dict(ask(model, index, "怎么开发票"))
    assert np.allclose(
        [c for _, c in ask(model, index, "钱能退吗")], [c for _, c in ask(model, without, "钱能退吗")], atol=1e-4
    )
    index.upsert(questions(model))
    assert ask(model, index, "怎么开发票")[0] == ("invoice", 1.0)
    index.upsert(questions(model, {entry: ["同一句话"] for entry in FAQ}, **dict.fromkeys(FAQ, False)))
    index.remove(["invoice-1", "shipping-1", "human-1"])
    assert ask(model, index, "同一句话") == []


def test_ties_are_ordered_by_id(model: Encoder) -> None:
    index = Index(model)
    index.upsert(reversed(questions(model, {"b": ["一样的问题"], "c": ["一样的问题"], "a": ["一样的问题"]})))
    assert ask(model, index, "一样的问题") == [("a", 1.0), ("b", 1.0), ("c", 1.0)]
    assert [entry for entry, _ in ask(model, index, "差不多的问题")] == ["a", "b", "c"]


def test_stored_half_precision_does(model: Encoder) -> None:
    index = Index(model)
    index.upsert(
        Question(row.question_id, row.entry_id, row.text, np.frombuffer(row.vector.astype("<f2").tobytes(), "<f2"))
        for row in questions(model)
    )
    assert ask(model, index, "发票怎么开")[0][0] == "invoice"


def test_a_bot_with_one_entry(model: Encoder) -> None:
    index = Index(model)
    index.upsert(questions(model, {"invoice": ["怎么开发票"]}))
    assert ask(model, index, "怎么开发票") == [("invoice", 1.0)]
    assert ask(model, index, "今天天气怎么样")[0][1] < 0.8


def test_text_is_refused_or_cut() -> None:
    assert clean(" 好 ") == "好"
    assert len(clean("好" * 600)) == MAX_CHARS
    for text in ("", "  \n"):
        with pytest.raises(InvalidInputError):
            clean(text)


def test_vectors_are_of_unit_length_and_repeatable(model: Encoder) -> None:
    vectors = model.encode(["怎么开发票", "在吗", "怎么开发票"])
    assert vectors.shape == (3, model.dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert np.allclose(vectors[0], vectors[2], atol=1e-5)
    assert model.encode([]).shape == (0, model.dimensions)


def test_characters_step_in_where_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert best_encoder().name == "use-multilingual-3"
    monkeypatch.setattr(encoders, "_PACKAGE", "no_such_package")
    assert best_encoder().name == "char-1-2"


def test_what_is_below_the_floor_is_not_looked_at(model: Encoder) -> None:
    index = Index(model)
    index.upsert(questions(model))
    texts = ["怎么申请发票", "怎么修改地址", "怎么开发票"]
    vectors = model.encode(texts)
    whole = index.search_many(texts, vectors)
    floors = [whole[0][1].confidence, 0.0, 1.0]
    cut = index.search_many(texts, vectors, floors)
    for all_of_them, some, floor in zip(whole, cut, floors, strict=True):
        assert some == all_of_them[: len(some)]
        assert [match for match in some if match.confidence >= floor] == [
            match for match in all_of_them if match.confidence >= floor
        ]
    assert len(cut[1]) == len(whole[1]) == 5
    assert len(cut[2]) == (5 if model.lexical else 1), "the same text, and nobody looked further"


async def test_queries_at_once_get_the_answers_of_single_ones(model: Encoder) -> None:
    matcher = Matcher(model)
    indexes = [matcher.index(), matcher.index()]
    indexes[0].upsert(questions(model))
    indexes[1].upsert(questions(model, {"hours": ["几点上班"], "pay": ["工资多少"]}))
    texts = ["发票怎么弄", "几点上班", "我要找真人", "改地址", "工资多少钱", "在吗"] * 12
    asked = [(indexes[n % 2], text) for n, text in enumerate(texts)]
    together = await asyncio.gather(*(matcher.search(index, text) for index, text in asked))
    for (index, text), matches in zip(asked, together, strict=True):
        single = await matcher.search(index, text)
        assert [match.entry_id for match in matches] == [match.entry_id for match in single]
        assert np.allclose([m.confidence for m in matches], [m.confidence for m in single], atol=1e-4)
    await matcher.aclose()


class Recording:
    """Characters, with a gate before each batch and a list of what came."""

    name, dimensions, lexical = CharEncoder.name, CharEncoder.dimensions, True

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.begun = threading.Event()
        self.gate = threading.Event()
        self.error: Exception | None = None

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(list(texts))
        self.begun.set()
        self.gate.wait(10)
        if self.error:
            raise self.error
        return CharEncoder().encode(texts)

    def close(self) -> None:
        self.closed = True


async def test_what_gathers_while_a_batch_is_under_way_is_the_next_batch() -> None:
    model = Recording()
    matcher = Matcher(model)
    index = matcher.index()
    first = asyncio.create_task(matcher.search(index, "一"))
    assert await asyncio.to_thread(model.begun.wait, 10)
    others = [asyncio.create_task(matcher.search(index, text)) for text in "二三四"]
    await asyncio.sleep(0)
    others[1].cancel()
    await asyncio.sleep(0)
    model.gate.set()
    await asyncio.gather(first, *others, return_exceptions=True)
    assert model.batches == [["一"], ["二", "四"]]
    await matcher.aclose()


async def test_an_error_reaches_those_who_asked_and_nobody_else() -> None:
    model = Recording()
    model.gate.set()
    matcher = Matcher(model)
    model.error = RuntimeError("broken")
    with pytest.raises(RuntimeError, match="broken"):
        await matcher.search(matcher.index(), "一")
    model.error = None
    assert await matcher.search(matcher.index(), "一") == []
    with pytest.raises(InvalidInputError):
        await matcher.search(matcher.index(), " ")
    await matcher.aclose()


async def test_encoding_for_storage() -> None:
    matcher = Matcher(CharEncoder())
    assert (await matcher.encode([])).shape == (0, CharEncoder.dimensions)
    assert (await matcher.encode([f"问题{n}" for n in range(150)])).shape == (150, CharEncoder.dimensions)
    with pytest.raises(InvalidInputError):
        await matcher.encode(["好", " "])
    await matcher.aclose()
