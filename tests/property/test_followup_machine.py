"""Anything that may happen to people in sequences, in any order, against an independent model of the rules.

The service, its database and a gateway on loopback are real; the clock is moved by hand. After each look exactly those
messages must have left that the model expects, and after each step the stored state must hold together.
``HUIYIN_TEST_DEEP=1`` searches much longer.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    run_state_machine_as_test,
)

from tests.conftest import START
from tests.property.follow_up_rules import FollowUpMachine
from tests.property.world import World, running_world

DEEP = os.environ.get("HUIYIN_TEST_DEEP") == "1"
EXAMPLES, STEPS = (1500, 60) if DEEP else (45, 35)


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    with running_world(database_url, tmp_path, START) as running:
        yield running


def test_whatever_happens_the_right_message_leaves_at_the_right_time(world: World) -> None:
    class Machine(FollowUpMachine):
        pass

    Machine.world = world
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not DEEP,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
