"""The demonstration data of a first start: people, two sequences, and five days of history.

The history is made by the service itself, with a clock that begins five days ago: the same rules that send and judge
later have produced what a newcomer sees. Names, numbers and texts are invented. Config and script ids begin at 1000, so
that the first ones made by a user are 1, 2, 3; contact 1 is not enrolled.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from app.clock import ManualClock
from app.domain.followup import position_key
from app.repositories import demo as store
from app.repositories.demo import DemoContact
from app.services import enrollments
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from app.services.inbound import InboundItem, receive

DAYS = 5
STEP = timedelta(hours=6)

_PEOPLE = (
    (1, "陈一诺", "Python开发"),
    (2, "周子昂", "客服专员"),
    (3, "吴思远", "客服专员"),
    (4, "郑晓彤", "客服专员"),
    (5, "王可欣", "客服专员"),
    (6, "李沐阳", "仓储主管"),
    (7, "赵雨桐", "仓储主管"),
    (8, "孙嘉禾", None),
    (9, "钱若水", None),
    (10, "冯一鸣", None),
)

_SCRIPTS = (
    # id, config, day, order, interval hours, text
    (1000, 1000, 1, 1, 24, "{{name|您}}好,后续沟通会更及时,方便加个微信吗?"),
    (1001, 1000, 2, 1, 24, "您好,不知道您今天是否方便聊两句?"),
    (1002, 1000, 0, 1, 72, "您好,职位还在招,您感兴趣可以随时回复我。"),
    (1003, 1001, 1, 1, 24, "{{name|您}}好,客服岗位双休、有餐补,方便留个联系方式吗?"),
    (1004, 1001, 2, 1, 24, "您好,这周可以安排线上面试,您哪天有空?"),
    (1005, 1001, 3, 1, 48, "您好,最后和您确认一下意向,期待您的回复。"),
    (1006, 1001, 0, 1, 96, "您好,客服岗位仍有名额,欢迎随时联系。"),
)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a person writes, hours after the beginning."""

    after_hours: int
    contact_id: int
    text: str


_ANSWERS = (
    _Answer(7, 2, "你好,我对这个岗位感兴趣"),
    _Answer(13, 3, "可以的,微信 siyuan_wu88"),
    _Answer(31, 4, "微信号是哪个?"),
    _Answer(37, 6, "[自动回复]您好,我现在有事不在,一会再和您联系"),
    _Answer(55, 7, "我找到工作了,请不要再发了"),
    _Answer(79, 8, "电话联系吧 13900001234"),
)


async def load_people(context: Context) -> bool:
    """Fill an empty database with people and sequences; returns whether it was empty."""
    now = context.clock.now()
    people = [
        DemoContact(contact_id, name, position, position_key(position), f"demo-{contact_id}", context.ids.token())
        for contact_id, name, position in _PEOPLE
    ]
    async with context.database.transaction() as connection:
        if not await store.is_empty(connection):
            return False
        await store.insert(connection, people, _SCRIPTS, now - timedelta(days=DAYS))
    return True


async def load_history(context: Context) -> None:
    """Let five days pass for the people of the demonstration; contact 1 is left alone."""
    now = context.clock.now()
    clock = ManualClock(now - timedelta(days=DAYS))
    past = replace(context, clock=clock)
    dispatcher = Dispatcher(past, context.messenger)
    began = clock.now()
    ids = [contact_id for contact_id, _name, _position in _PEOPLE if contact_id > 1]
    request = enrollments.Request(ids, None, opening=True, config_id=None, restart=False)
    await enrollments.enroll(past, request, actor="demonstration")
    await dispatcher.drain()
    clock.advance(timedelta(minutes=1))
    answers = list(_ANSWERS)
    while clock.now() < now - STEP:
        await dispatcher.drain()
        clock.advance(STEP)
        while answers and began + timedelta(hours=answers[0].after_hours) <= clock.now():
            await _answer(past, answers.pop(0))


async def _answer(context: Context, answer: _Answer) -> None:
    key = f"demo-{answer.contact_id}-{answer.after_hours}"
    item = InboundItem(key, None, answer.contact_id, None, 0, answer.text, None)
    await receive(context, [item])
