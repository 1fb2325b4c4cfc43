"""A case of a first start: two parties, an agreement, and two days of calls that the simulator answered.

As the other histories of the demonstration it is made by the service itself, with a clock of the past. Names, numbers
and texts are invented; nothing of it is made where calls reach people.
"""

from dataclasses import replace
from datetime import timedelta

from app.clock import ManualClock
from app.gateways.dialer.factory import make_dialer
from app.services import cases
from app.services.calls import calling
from app.services.calls.caller import Caller
from app.services.calls.opening import open_desk
from app.services.cases import NewCase, NewParty
from app.services.context import Context

ACTOR = "demonstration"
_STEP = timedelta(minutes=5)
_ONE_CALL, _THREE_ROUNDS = timedelta(minutes=10), timedelta(minutes=100)
_TERMS = (
    "一、马志远于本月26日前支付何雨晴工资1500元,次月26日前支付2242元。\n二、以银行转账方式支付至何雨晴名下账户。\n"
    "三、任一期逾期未付的,何雨晴可就全部未付款项申请强制执行。"
)
_TALKS, _RINGS_OUT = "13912349001", "13912349011"
"""Numbers whose last digits tell the simulator what happens."""
_CASE = NewCase(
    case_id="DEMO-1",
    title="工资支付纠纷(演示)",
    node_id=4,
    mediation_type=1,
    agreement=("DEMO-1-A", _TERMS),
    parties=(
        NewParty("demo-party-1", "何雨晴", _TALKS, 0, "女士"),
        NewParty("demo-party-2", "马志远", _RINGS_OUT, 1, "先生"),
    ),
)


async def load_case(context: Context) -> None:
    """Let one party agree the day before yesterday, and both be followed up since: one talks, the other never answers.

    Nothing stays planned: what is called later is called because somebody asks for it.
    """
    if context.dialer.reaches_people:
        return
    clock = ManualClock(context.clock.now() - timedelta(days=2))
    past = replace(context, clock=clock, dialer=make_dialer(context.settings, clock))
    desk = open_desk(past)
    caller = Caller(desk)
    await cases.create(past, _CASE, actor=ACTOR)
    mediation_id: int = (await cases.read(past, _CASE.case_id)).row["mediation_id"]

    async def call(auto: int, person: str, takes: timedelta) -> None:
        request = calling.Request(_CASE.case_id, mediation_id, auto, person)
        await calling.call_parties(desk, request, idempotency_key=None, actor=ACTOR)
        until = clock.now() + takes
        while clock.now() < until:
            clock.advance(_STEP)
            await caller.drain()

    await call(1, _CASE.parties[0].person_id, _ONE_CALL)
    clock.advance(timedelta(days=1))
    await cases.update(past, _CASE.case_id, {"node_id": 5}, actor=ACTOR)
    await call(0, "", _THREE_ROUNDS)
