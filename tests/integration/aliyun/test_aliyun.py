"""Placing calls through OutboundBot and finding them again, against a server that counts what it is asked."""

import json
import socket
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from app.clock import ManualClock
from app.gateways.dialer import (
    Dialer,
    DialerError,
    NotPlaced,
    Placed,
    PlacementUnknown,
    ThrottledError,
)
from tests.aliyun import TIMEOUT, aliyun, dial, ref
from tests.outboundbot import KEY_ID, Fault, OutboundBot, refusal

RUBBISH = Fault(200, b"<html>gateway</html>")


# --- placing -------------------------------------------------------------------------------------------------


async def test_call_is_placed_with_reference_and_variables_and_is_signed(bot: OutboundBot, dialer: Dialer) -> None:
    [placement] = await dialer.place([dial()])
    job = bot.job(dial().job_id)
    assert placement == Placed(job.job_id, "group-1")
    assert job.contact == {
        "phoneNumber": "13800000001",
        "name": "周明远",
        "honorific": "先生",
        "referenceId": dial().job_id,
    }
    assert job.extras == [{"key": "agreement", "value": "分两期支付,每期 1500 元。"}]
    assert bot.actions == {"CreateJobGroup": 1, "AssignJobs": 1}
    for _, _, headers in bot.seen:
        assert headers["authorization"].startswith(f"ACS3-HMAC-SHA256 Credential={KEY_ID},SignedHeaders=")
        assert headers["x-acs-version"] == "2019-12-26"


async def test_wrong_secret_is_noticed_by_the_server_and_places_nothing(bot: OutboundBot, clock: ManualClock) -> None:
    stranger = aliyun(bot.endpoint, clock, aliyun_access_key_secret=SecretStr("another"))
    [placement] = await stranger.place([dial()])
    await stranger.close()
    assert isinstance(placement, NotPlaced)
    assert (placement.is_final, placement.retry_after) == (False, 300)
    assert not bot.jobs


async def test_strategy_lets_the_provider_try_once_and_not_for_longer_than_the_watchdog(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    await dialer.place([dial()])
    start = int(clock.now().timestamp() * 1000)
    assert bot.groups[0]["StrategyJson"] == (
        f'{{"repeatBy": "Once", "maxAttemptsPerDay": 1, "minAttemptInterval": 30, '
        f'"startTime": {start}, "endTime": {start + 30 * 60_000}}}'
    )


async def test_the_provider_may_not_ring_after_the_hours_of_each_person(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    soon, later = clock.now() + timedelta(minutes=3), clock.now() + timedelta(days=1)
    await dialer.place([dial(1, latest=soon), dial(2, latest=later), dial(3, latest=soon)])
    ends = sorted(json.loads(group["StrategyJson"])["endTime"] for group in bot.groups)
    assert ends == [int(end.timestamp() * 1000) for end in (soon, clock.now() + timedelta(minutes=30))]


async def test_batch_is_cut_at_25_and_one_group_is_made_for_each_script(bot: OutboundBot, dialer: Dialer) -> None:
    dials = [dial(number, variables={}) for number in range(60)] + [dial(99, script_id="another")]
    placements = await dialer.place(dials)
    assert {bot.jobs[p.provider_job_id].reference for p in placements if isinstance(p, Placed)} == {
        d.job_id for d in dials
    }
    assert bot.actions["CreateJobGroup"] == 2
    assert sorted(sum(1 for k in query if k.startswith("JobsJson.")) for action, query, _ in bot.seen if query) == [
        *[0] * (bot.actions["CreateJobGroup"] + bot.actions["ListJobs"]),
        1,
        10,
        25,
        25,
    ]


async def test_long_texts_travel_in_more_requests_because_they_stand_in_the_url(
    bot: OutboundBot, dialer: Dialer
) -> None:
    dials = [dial(number, variables={"agreement": "分期支付" * 100}) for number in range(6)]
    placements = await dialer.place(dials)
    assert all(isinstance(placement, Placed) for placement in placements)
    assert bot.actions["AssignJobs"] == 6
    assert bot.assigned == {d.job_id: 1 for d in dials}


async def test_call_that_fits_into_no_request_is_refused_for_good_and_never_sent(
    bot: OutboundBot, dialer: Dialer
) -> None:
    dials = [
        dial(1),
        dial(2, variables={"title": "t", "agreement": "分" * 800}),
        dial(3, variables={"title": "x" * 7000}),
    ]
    placed, refused, also = await dialer.place(dials)
    assert isinstance(placed, Placed)
    assert isinstance(refused, NotPlaced)
    assert isinstance(also, NotPlaced)
    assert (refused.is_final, also.is_final) == (True, True)
    assert "agreement, has 800 characters" in refused.error
    assert "title, has 7000 characters" in also.error
    assert "分" not in refused.error
    assert bot.assigned == {dials[0].job_id: 1}
    await dialer.place(dials[1:])
    assert bot.actions["CreateJobGroup"] == 1


async def test_calls_of_a_batch_get_their_own_ids_whatever_their_order(bot: OutboundBot, dialer: Dialer) -> None:
    bot.shuffles = True
    dials = [dial(number, variables={}) for number in range(5)]
    for made, placement in zip(dials, await dialer.place(dials), strict=True):
        assert isinstance(placement, Placed)
        assert bot.jobs[placement.provider_job_id].reference == made.job_id


async def test_batch_whose_ids_cannot_be_told_apart_is_in_doubt_and_found_later(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    bot.fail("ListJobs", refusal(503, "ServiceUnavailable"))
    dials = [dial(number, variables={}) for number in range(3)]
    placements = await dialer.place(dials)
    assert all(isinstance(placement, PlacementUnknown) for placement in placements)
    found = [await dialer.find(ref(clock, made)) for made in dials]
    assert found == [Placed(bot.job(made.job_id).job_id, "group-1") for made in dials]


async def test_partial_batch_leaves_only_the_missing_call_in_doubt(bot: OutboundBot, dialer: Dialer) -> None:
    bot.fail("AssignJobs", Fault(200, b'{"Code":"OK","Success":true,"JobsId":["job-1","job-2"]}', is_late=True))
    first, second, third = await dialer.place([dial(number, variables={}) for number in range(3)])
    assert (first, second) == (Placed("job-1", "group-1"), Placed("job-2", "group-1"))
    assert isinstance(third, PlacementUnknown)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (refusal(400, "Throttling.User"), NotPlaced("Throttling.User: no", 30)),
        (refusal(400, "Throttling.User", x_acs_retry_after="1500"), NotPlaced("Throttling.User: no", 2)),
        (refusal(503, "Throttling"), NotPlaced("Throttling: no", 30)),
        (refusal(400, "InvalidParameter"), NotPlaced("InvalidParameter: no", None, is_final=True)),
        (refusal(403, "Forbidden.RAM"), NotPlaced("Forbidden.RAM: no", 300)),
        (refusal(500, "InternalError"), PlacementUnknown("InternalError: no")),
        (refusal(400, "SystemBusy"), PlacementUnknown("SystemBusy: no")),
        (Fault(502, b"<html>bad gateway</html>"), None),
        (RUBBISH, None),
        (Fault(200, b"{"), None),
        (Fault(200, b'{"Code":"OK","Success":true}'), None),
        (Fault(200, b'{"Code":"OK","Success":true,"JobsId":"x"}'), None),
        (Fault(200, b'[{"Code":"OK"}]'), None),
        (Fault(404, b"not here"), None),
        (Fault(200, is_cut=True), None),
        (Fault(200, b'{"Code":"OK","Success":true,"JobsId":["job-1"]}', is_cut=True), None),
    ],
)
async def test_what_an_answer_to_assign_jobs_means(
    bot: OutboundBot, dialer: Dialer, fault: Fault, expected: NotPlaced | PlacementUnknown | None
) -> None:
    bot.fail("AssignJobs", fault)
    [placement] = await dialer.place([dial()])
    if expected is None:
        assert isinstance(placement, PlacementUnknown)
    else:
        assert placement == expected
    assert bot.actions["AssignJobs"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        refusal(500, "InternalError"),
        RUBBISH,
        Fault(200, b'{"Code":"OK","Success":true,"JobGroup":{}}'),
        Fault(200, is_cut=True),
        Fault(200, seconds=2 * TIMEOUT),
    ],
)
async def test_without_a_group_nothing_was_placed_whatever_happened(
    bot: OutboundBot, dialer: Dialer, fault: Fault
) -> None:
    bot.fail("CreateJobGroup", fault)
    [placement] = await dialer.place([dial()])
    assert isinstance(placement, NotPlaced)
    assert not placement.is_final
    assert bot.actions == {"CreateJobGroup": 1}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(200, b"", seconds=4 * TIMEOUT, is_late=True),
        Fault(200, is_cut=True, is_late=True),
        Fault(200, b"{}", is_cut=True, is_late=True),
        replace(refusal(500, "InternalError"), is_late=True),
        replace(RUBBISH, is_late=True),
    ],
)
async def test_lost_answer_is_found_again_by_reference_and_rings_once(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock, fault: Fault
) -> None:
    bot.fail("AssignJobs", fault)
    bot.add("another call on this number", "13800000001")
    [placement] = await dialer.place([dial()])
    assert isinstance(placement, PlacementUnknown)
    assert await dialer.find(ref(clock, dial())) == Placed(bot.job(dial().job_id).job_id, "group-1")
    assert bot.assigned == {dial().job_id: 1}
    assert bot.rung == {"13800000001": 1}
    assert bot.actions["AssignJobs"] == 1


async def test_refused_connection_places_nothing(clock: ManualClock) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dialer = aliyun(f"127.0.0.1:{free.getsockname()[1]}", clock)
        [placement] = await dialer.place([dial()])
        with pytest.raises(DialerError, match="no connection"):
            await dialer.reports([ref(clock, dial(), "job-1")])
        await dialer.close()
    assert placement == NotPlaced("no job group: no connection to OutboundBot")


async def test_errors_never_repeat_the_url_with_its_names_and_numbers(bot: OutboundBot, dialer: Dialer) -> None:
    bot.fail("AssignJobs", Fault(200, is_cut=True))
    [placement] = await dialer.place([dial()])
    assert isinstance(placement, PlacementUnknown)
    assert placement.error == "no answer from OutboundBot"


# --- finding -------------------------------------------------------------------------------------------------


async def test_call_that_is_not_there_is_absent_only_when_it_cannot_be_on_its_way(
    dialer: Dialer, clock: ManualClock
) -> None:
    call = ref(clock, dial())
    with pytest.raises(DialerError, match="may be on its way"):
        await dialer.find(call)
    clock.advance(timedelta(minutes=2))
    assert await dialer.find(call) is None


async def test_call_is_found_on_a_later_page_and_among_jobs_that_hide_their_references(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    for number in range(150):
        bot.add(f"older {number}")
    wanted = bot.add(dial().job_id)
    wanted.reference = None
    assert bot.actions["DescribeJob"] == 0
    clock.advance(timedelta(minutes=2))
    late = ref(clock, dial())
    clock.advance(timedelta(minutes=2))
    assert await dialer.find(late) is None
    assert bot.actions["DescribeJob"] == 1
    wanted.reference = dial().job_id
    assert await dialer.find(late) == Placed(wanted.job_id, "group")


async def test_find_fails_rather_than_say_no(bot: OutboundBot, dialer: Dialer, clock: ManualClock) -> None:
    call = ref(clock, dial())
    clock.advance(timedelta(minutes=2))
    for fault in (RUBBISH, refusal(500, "InternalError"), refusal(400, "InvalidParameter")):
        bot.fail("QueryJobs", fault)
        with pytest.raises(DialerError):
            await dialer.find(call)
    bot.fail("QueryJobs", refusal(400, "Throttling.User", x_acs_retry_after="7000"))
    with pytest.raises(ThrottledError) as caught:
        await dialer.find(call)
    assert caught.value.retry_after == 7
