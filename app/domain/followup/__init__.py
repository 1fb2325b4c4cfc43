"""Whom to write to when, and why not: the follow-up state machine, without I/O.

Rules, in the order in which they bind:

1.  A *day* is a counter of the enrollment, not a date. It moves on when the day's scripts are sent; the only
    clock is each script's ``interval_hours`` since the last message that left for the person.
2.  The opening goes first, once. After it comes a stored wait (30 seconds by default); the first script of day 1,
    right after an opening, is due when that wait ends. Every other script is due when *more* than its own
    interval has passed.
3.  Within a day: ascending (order, id), one at a time. A day without active scripts uses one day-0 script, if
    there is one; else the counter jumps to the next day that has scripts.
4.  Past the last day: the day-0 scripts in order, round and round. Without any the sequence is finished.
5.  Nothing leaves for a person who answered, said no, is muted, is being looked after by a colleague, waits for
    a judgement, was written to often enough, or outside the permitted hours. When in doubt nothing leaves.
6.  After any downtime at most one message leaves; there is no catching up.
"""

from app.domain.followup.decision import (
    Blocker,
    Decision,
    End,
    Facts,
    Limits,
    Reason,
    Send,
    Wait,
    after_send,
    blockers,
    current_step,
    decide,
)
from app.domain.followup.lint import Finding, lint_config
from app.domain.followup.plan import PlannedSend, simulate
from app.domain.followup.sequence import Progress, Script, Sequence, Step, build_sequence, next_step, passed
from app.domain.followup.texts import (
    MissingVariableError,
    UnknownVariableError,
    check_variables,
    position_key,
    render,
)

__all__ = [
    "Blocker",
    "Decision",
    "End",
    "Facts",
    "Finding",
    "Limits",
    "MissingVariableError",
    "PlannedSend",
    "Progress",
    "Reason",
    "Script",
    "Send",
    "Sequence",
    "Step",
    "UnknownVariableError",
    "Wait",
    "after_send",
    "blockers",
    "build_sequence",
    "check_variables",
    "current_step",
    "decide",
    "lint_config",
    "next_step",
    "passed",
    "position_key",
    "render",
    "simulate",
]
