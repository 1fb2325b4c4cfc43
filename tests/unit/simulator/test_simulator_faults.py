"""What the simulator does on demand: faults, giving up, real sound; and what it says at start."""

import io
import wave
from datetime import timedelta

import pytest

from app.clock import ManualClock, SystemClock
from app.config import Settings
from app.domain.calls import JobStatus, TaskStatus
from app.errors import StartupError
from app.gateways.dialer import (
    NotPlaced,
    Placed,
    PlacementUnknown,
    ThrottledError,
)
from app.gateways.dialer.factory import make_dialer
from app.gateways.dialer.simulator import Faults, Simulator
from tests.unit.simulator.helpers import LONG, START, at, call, dial, told


async def test_numbers_with_a_fault_of_the_provider() -> None:
    simulator = at(START)
    refused, throttled, lost, forgotten = (call(phone=f"+861380000{last}") for last in (9021, 9022, 9023, 9024))
    placements = await simulator.place([dial(ref) for ref in (refused, throttled, lost, forgotten)])
    assert placements[0] == NotPlaced("the simulator refuses this call", is_final=True)
    assert placements[1] == NotPlaced("the simulator takes no more calls at the moment", 10)
    assert isinstance(placements[2], PlacementUnknown)
    assert isinstance(placements[3], Placed)
    assert [await simulator.find(ref) is not None for ref in (refused, throttled, lost, forgotten)] == [
        False,
        False,
        True,
        True,
    ]
    assert set(await simulator.reports([refused, throttled, lost, forgotten])) == {lost.job_id}


async def test_lost_answer_is_a_call_all_the_same() -> None:
    ref = call()
    simulator = at(START + LONG, faults=Faults(lose_answer=1.0))
    assert isinstance((await simulator.place([dial(ref)]))[0], PlacementUnknown)
    assert (await simulator.transcript(ref)).task_status is TaskStatus.SUCCEEDED_FINISH


@pytest.mark.parametrize("name", ["refuse", "throttle", "lose_answer", "forget"])
async def test_faults_strike_as_often_as_they_are_asked_to(name: str) -> None:
    calls = [call(number, f"+86138{number:08d}") for number in range(2000)]
    simulator = at(START, faults=Faults(**{name: 0.25}))
    placements = await simulator.place([dial(ref) for ref in calls])
    if name == "forget":
        struck = len(calls) - len(await simulator.reports(calls))
    else:
        struck = sum(not isinstance(placement, Placed) for placement in placements)
    assert 400 < struck < 600


async def test_throttled_requests_pass_with_time() -> None:
    clock = ManualClock(START + LONG)
    simulator = Simulator(clock, faults=Faults(throttle=0.5))
    calls = [call(number) for number in range(100)]
    taken = [ref for ref in calls if await simulator.find(ref) is not None]
    passed = 0
    for _ in range(200):
        clock.advance(timedelta(milliseconds=100))
        try:
            passed += set(await simulator.reports(taken)) == {ref.job_id for ref in taken}
        except ThrottledError:
            continue
    assert 60 < passed < 140
    with pytest.raises(ThrottledError) as caught:
        await Simulator(clock, faults=Faults(throttle=1.0)).reports(taken)
    assert caught.value.retry_after == 10


async def test_late_answer_comes() -> None:
    simulator = Simulator(SystemClock(), time_scale=0.01, faults=Faults(late=1.0))
    assert isinstance((await simulator.place([dial(call())]))[0], Placed)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", Faults()),
        (" , ", Faults()),
        ("throttle=0.1", Faults(throttle=0.1)),
        ("refuse=1, lose_answer = 0.5 ,late=0", Faults(refuse=1, lose_answer=0.5, late=0)),
    ],
)
def test_faults_are_read(text: str, faults: Faults) -> None:
    assert Faults.parse(text) == faults


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("explode=1", "no fault 'explode'; known are refuse, throttle, lose_answer, forget, late"),
        ("throttle", "a share is a number from 0 to 1"),
        ("throttle=", "a share"),
        ("throttle=2", "a share"),
        ("throttle=-0.1", "a share"),
        ("throttle=nan", "a share"),
        ("throttle=often", "a share"),
        ("throttle=0.1,throttle=0.2", "given twice"),
    ],
)
def test_faults_that_make_no_sense_are_named_at_start(text: str, part: str) -> None:
    with pytest.raises(StartupError, match=r"^HUIYIN_SIMULATOR_FAULTS: ") as caught:
        make_dialer(Settings(simulator_faults=text), SystemClock())
    assert part in str(caught.value)


def test_provider_without_its_keys_is_named_at_start() -> None:
    with pytest.raises(StartupError, match="HUIYIN_ALIYUN_ACCESS_KEY_ID"):
        make_dialer(Settings(dial_provider="aliyun"), SystemClock())


def test_simulator_reaches_nobody_and_is_the_default() -> None:
    dialer = make_dialer(Settings(simulator_time_scale=0.5), SystemClock())
    assert (dialer.name, dialer.reaches_people, dialer.time_scale) == ("simulator", False, 0.5)


async def test_call_can_be_given_up_until_somebody_picks_up() -> None:
    ref = call()
    answered_at = (await told(ref)).answered_at
    assert answered_at is not None
    second = timedelta(seconds=1)
    assert await at(answered_at - second).cancel(ref)
    assert not await at(answered_at).cancel(ref)
    assert not await at(START + LONG).cancel(ref)
    given_up = call(cancel_requested_at=answered_at - second)
    simulator = at(answered_at)
    assert (await simulator.reports([given_up]))[ref.job_id].status is JobStatus.CANCELLED
    transcript = await simulator.transcript(given_up)
    assert (transcript.status, transcript.task_status) == (JobStatus.CANCELLED, TaskStatus.CANCELLED)
    assert (transcript.ended_at, transcript.lines, transcript.has_recording) == (answered_at - second, (), False)
    assert await simulator.recording(given_up) is None
    too_late = call(cancel_requested_at=answered_at)
    assert await told(too_late) == await told(ref)


async def test_recording_is_a_real_wav_of_the_talks_length() -> None:
    ref = call()
    simulator = at(START + LONG, time_scale=0.02)
    recording = await simulator.recording(ref)
    assert recording is not None
    pieces = [piece async for piece in recording.pieces]
    assert max(map(len, pieces)) == 16_000
    with wave.open(io.BytesIO(b"".join(pieces))) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 8000)
        transcript = await told(ref)
        assert transcript.answered_at is not None
        assert transcript.ended_at is not None
        seconds = (transcript.ended_at - transcript.answered_at).total_seconds()
        assert sound.getnframes() == 8000 * seconds
        frames = sound.readframes(sound.getnframes())
    assert any(frames)
    again = await simulator.recording(ref)
    assert again is not None
    assert [piece async for piece in again.pieces] == pieces
