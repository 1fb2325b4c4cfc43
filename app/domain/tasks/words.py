"""The words of call tasks: those of ``agent-task-init.md``."""

from enum import IntEnum

MAX_RECYCLES = 50
"""How often a number is redialled at most, whatever a rule says (``max_recycle_limit``)."""


class Strategy(IntEnum):
    """How a bridge group chooses a seat."""

    EVENLY = 1
    IN_ORDER = 2
    AT_RANDOM = 3


STRATEGY_TEXTS: dict[Strategy, str] = {
    Strategy.EVENLY: "平均",
    Strategy.IN_ORDER: "顺序",
    Strategy.AT_RANDOM: "随机",
}


class RecycleType(IntEnum):
    """When numbers are dialled again: after the task's pause, or at configured times."""

    AFTER_PAUSE = 1
    AT_TIMES = 2


class EndAction(IntEnum):
    """What becomes of a task with no number left to dial."""

    NOTHING = 0
    PAUSE_AND_FREE = 1
    PAUSE_AND_LOCK = 2


END_ACTION_TEXTS: dict[EndAction, str] = {
    EndAction.PAUSE_AND_FREE: "暂停任务并释放并发",
    EndAction.PAUSE_AND_LOCK: "暂停任务并锁定并发",
    EndAction.NOTHING: "无操作",
}
"""In the order of the seed."""


class AnalystKind(IntEnum):
    """What reads the intention from a talk (``llm_type``): a table of phrases, or a language model."""

    RULES = 1
    MODEL = 2


class TaskState(IntEnum):
    """How a task stands: ``status`` on the wire."""

    PAUSED = 1
    RUNNING = 2
    WAITING = 3


TASK_STATE_TEXTS: dict[TaskState, str] = {
    TaskState.PAUSED: "已暂停",
    TaskState.RUNNING: "运行中",
    TaskState.WAITING: "等待中",
}


class PopMode(IntEnum):
    """In which order the numbers of a task are dialled."""

    AT_RANDOM = 0
    IN_ORDER = 1
    LAST_FIRST = 2
