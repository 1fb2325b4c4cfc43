"""Which script comes next: days, gaps, rotation, and edits while people are on their way."""

import pytest

from app.domain.followup import Progress, Script, Sequence, Step, next_step, passed
from tests.unit.domain.followup_examples import script, sequence

ONE_A, ONE_B = script(10, 1, 1), script(11, 1, 2)
TWO = script(20, 2)
FOUR = script(40, 4)
TAIL_A, TAIL_B = script(90, 0, 1), script(91, 0, 2)


def step_of(progress: Progress, steps: Sequence) -> Step:
    step = next_step(progress, steps)
    assert step is not None
    return step


def walk(steps: Sequence, most: int, start: Progress | None = None) -> list[tuple[int | None, int]]:
    """Return (day counter, script id) of the next ``most`` messages, fewer where the sequence ends."""
    walked: list[tuple[int | None, int]] = []
    progress = start or Progress()
    while len(walked) < most and (step := next_step(progress, steps)) is not None:
        assert step.script is not None
        assert step.content == step.script.content
        walked.append((step.day_number, step.script.id))
        progress = step.following
    return walked


@pytest.mark.parametrize(
    ("scripts", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([TWO, ONE_A], [(1, 10), (2, 20)], id="days in order, then the end"),
        pytest.param([ONE_B, ONE_A], [(1, 10), (1, 11)], id="within a day by order"),
        pytest.param([script(9, 1, 5), script(8, 1, 5), script(7, 1, 6)], [(1, 8), (1, 9), (1, 7)], id="then by id"),
        pytest.param([TAIL_A], [(1, 90), (2, 90), (3, 90), (4, 90), (5, 90), (6, 90), (7, 90)], id="only day 0"),
        pytest.param(
            [ONE_A, TAIL_B, TAIL_A],
            [(1, 10), (2, 90), (3, 91), (4, 90), (5, 91), (6, 90), (7, 91)],
            id="past the last day day 0 goes round and round, under the counter's number",
        ),
        pytest.param([ONE_A, FOUR], [(1, 10), (4, 40)], id="a gap without day 0 is jumped"),
        pytest.param([FOUR], [(4, 40)], id="so is one at the beginning"),
        pytest.param(
            [ONE_A, FOUR, TAIL_A, TAIL_B],
            [(1, 10), (2, 90), (3, 91), (4, 40), (5, 90), (6, 91), (7, 90)],
            id="each gap day takes one day-0 script, and the tail goes on in the same rotation",
        ),
        pytest.param(
            [FOUR, TAIL_A, TAIL_B],
            [(1, 90), (2, 91), (3, 90), (4, 40), (5, 91), (6, 90), (7, 91)],
            id="the rotation outlives a specific day",
        ),
    ],
)
def test_the_order_of_messages(scripts: list[Script], expected: list[tuple[int | None, int]]) -> None:
    assert walk(sequence(*scripts), 7) == expected


def test_progress_is_the_place_within_a_day_and_moves_on_after_its_last_script() -> None:
    steps = sequence(ONE_A, ONE_B, TWO)
    first = step_of(Progress(), steps)
    assert first.following == Progress(1, (1, 10))
    second = step_of(first.following, steps)
    assert second.following == Progress(2)


def test_a_script_added_to_a_passed_place_is_never_sent() -> None:
    on_day_two = Progress(2)
    assert walk(sequence(ONE_A, script(99, 1, 9), TWO), 5, on_day_two) == [(2, 20)], "the whole day is over"
    after_b = Progress(1, (2, 11))
    edited = sequence(ONE_A, ONE_B, script(99, 1, 0), script(98, 1, 3), TWO)
    assert walk(edited, 5, after_b) == [(1, 98), (2, 20)], "what was put before is passed, what comes after is not"


def test_a_script_of_the_same_order_is_told_apart_by_its_id() -> None:
    after = Progress(1, (5, 8))
    assert walk(sequence(script(7, 1, 5), script(8, 1, 5), script(9, 1, 5)), 5, after) == [(1, 9)]


def test_deleting_what_was_sent_changes_nothing() -> None:
    after_a = step_of(Progress(), sequence(ONE_A, ONE_B, TWO)).following
    assert walk(sequence(ONE_B, TWO), 5, after_a) == [(1, 11), (2, 20)]


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        pytest.param([ONE_A, TWO], [(2, 20)], id="the last script of a day is gone: the day is over"),
        pytest.param([TWO], [(2, 20)], id="so is a day all of whose scripts are gone"),
        pytest.param([ONE_A, TWO, TAIL_A], [(2, 20), (3, 90)], id="a begun day is no gap: day 0 does not fill it"),
        pytest.param([FOUR], [(4, 40)], id="and the counter jumps from there"),
        pytest.param([], [], id="nothing is left"),
    ],
)
def test_a_day_that_lost_its_rest(rest: list[Script], expected: list[tuple[int | None, int]]) -> None:
    assert walk(sequence(*rest), len(expected) or 1, Progress(1, (1, 10))) == expected


def test_a_deleted_day_becomes_a_gap() -> None:
    assert walk(sequence(ONE_A, FOUR), 5, Progress(2)) == [(4, 40)]
    assert walk(sequence(ONE_A, FOUR, TAIL_A), 3, Progress(2)) == [(2, 90), (3, 90), (4, 40)]


def test_the_rotation_goes_on_by_place_when_day_0_is_edited() -> None:
    after_first = Progress(7, None, (1, 90))
    assert walk(sequence(TAIL_A, TAIL_B), 2, after_first) == [(7, 91), (8, 90)]
    assert walk(sequence(TAIL_B), 2, after_first) == [(7, 91), (8, 91)], "the sent one is gone"
    assert walk(sequence(TAIL_A), 2, after_first) == [(7, 90), (8, 90)], "the other one is gone: from the beginning"
    inserted = script(95, 0, 1)
    assert walk(sequence(TAIL_A, inserted, TAIL_B), 3, after_first) == [(7, 95), (8, 91), (9, 90)]


def test_without_day_0_the_tail_ends() -> None:
    assert next_step(Progress(7, None, (1, 90)), sequence(ONE_A, TWO)) is None


def test_days_that_were_added_behind_the_counter_are_passed() -> None:
    assert walk(sequence(ONE_A, TWO, FOUR), 5, Progress(3)) == [(4, 40)]


def test_an_uncertain_message_that_counts_as_sent() -> None:
    steps = sequence(ONE_A, ONE_B, TWO, TAIL_A, TAIL_B)
    assert passed(Progress(), 1, ONE_A, steps) == Progress(1, (1, 10))
    assert passed(Progress(1, (1, 10)), 1, ONE_B, steps) == Progress(2)
    assert passed(Progress(2, None, (2, 91)), 2, TWO, steps) == Progress(3, None, (2, 91)), "the rotation stays"
    assert passed(Progress(3), 3, TAIL_A, steps) == Progress(4, None, (1, 90))


def test_an_uncertain_message_whose_day_was_edited_meanwhile() -> None:
    assert passed(Progress(), 1, ONE_A, sequence(ONE_A, TWO)) == Progress(2), "the rest of its day is gone"
    assert passed(Progress(), 1, ONE_A, sequence(TWO)) == Progress(2), "the whole day is gone"
    assert passed(Progress(), 1, ONE_A, sequence(ONE_B)) == Progress(1, (1, 10)), "only itself is gone"
