"""A wish to stop while the service starts, and what libraries make of it."""

import pytest

from app.__main__ import _Signals, _StoppedError


@pytest.fixture
def signals() -> _Signals:
    return _Signals()


def fail(signals: _Signals, *, asked: bool) -> None:
    with signals.starting():
        signals.asked = asked
        raise ValueError("SchemaError: _StoppedError:")  # as libraries wrap what rises in the Python that they call


def test_an_error_that_comes_of_the_wish_to_stop_is_no_fault(signals: _Signals) -> None:
    with pytest.raises(_StoppedError):
        fail(signals, asked=True)


def test_a_fault_without_that_wish_is_one(signals: _Signals) -> None:
    with pytest.raises(ValueError, match="SchemaError"):
        fail(signals, asked=False)


def test_a_fault_of_a_service_that_ran_is_one(signals: _Signals) -> None:
    signals.only_remember()
    with pytest.raises(ValueError, match="SchemaError"):
        fail(signals, asked=True)
