"""The words for calls: those of Alibaba Cloud OutboundBot 2019-12-26, which the seed's answers use."""

from enum import IntEnum, StrEnum


class JobStatus(StrEnum):
    """``callStatus``: how far a call has come."""

    SCHEDULING = "Scheduling"
    EXECUTING = "Executing"
    SUCCEEDED = "Succeeded"
    PAUSED = "Paused"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    DRAFTED = "Drafted"

    @property
    def is_final(self) -> bool:
        """Nothing more will happen to a call in this status."""
        return self in _FINAL


_FINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})


class TaskStatus(IntEnum):
    """How one attempt ended, in the provider's codes; 1 is not assigned."""

    EXECUTING = 0
    NO_ANSWER = 2
    NOT_EXIST = 3
    BUSY = 4
    CANCELLED = 5
    FAILED = 6
    NOT_CONNECTED = 7
    POWERED_OFF = 8
    OUT_OF_SERVICE = 9
    IN_ARREARS = 10
    EMPTY_NUMBER = 11
    PER_DAY_CALL_COUNT_LIMIT = 12
    CONTACT_BLOCK_LIST = 13
    CALLER_NOT_REGISTERED = 14
    TERMINATED = 15
    VERIFICATION_CANCELLED = 16
    OUT_OF_SERVICE_NO_CALL = 17
    IN_ARREARS_NO_CALL = 18
    CALLING_NUMBER_NOT_EXIST = 19
    SUCCEEDED_FINISH = 20
    SUCCEEDED_CHATBOT_HANG_UP_AFTER_NO_ANSWER = 21
    SUCCEEDED_CHATBOT_HANG_UP_AFTER_SILENCE = 22
    SUCCEEDED_CLIENT_HANG_UP_AFTER_NO_ANSWER = 23
    SUCCEEDED_CLIENT_HANG_UP = 24
    SUCCEEDED_TRANSFER_BY_INTENT = 25
    SUCCEEDED_TRANSFER_AFTER_NO_ANSWER = 26
    SUCCEEDED_INO_INTER_ACTION = 27
    SUCCEEDED_ERROR = 28
    SUCCEEDED_SPECIAL_INTERCEPT_VOICE = 29
    SUCCEEDED_RECORDING_INTERCEPT_VOICE = 30
    SUCCEEDED_INTERCEPT_VOICE = 31
    HIGH_RISK_SIP_CODE = 32


class NumberStatus(IntEnum):
    """What is known of a number after an attempt (``number_status`` of the agent family)."""

    WAITING = 0
    ANSWERED = 1
    INTERCEPTED = 2
    REFUSED = 3
    NO_ANSWER = 4
    EMPTY_NUMBER = 5
    POWERED_OFF = 6
    SUSPENDED = 7
    BUSY = 8
    INCOMING_RESTRICTED = 9
    IN_ARREARS = 10
    BLOCKED = 11
    SHIELDED_BY_USER = 12


NUMBER_STATUS_TEXTS: dict[NumberStatus, str] = {
    NumberStatus.WAITING: "等待呼叫",
    NumberStatus.ANSWERED: "呼叫成功",
    NumberStatus.INTERCEPTED: "运营商拦截",
    NumberStatus.REFUSED: "拒接",
    NumberStatus.NO_ANSWER: "无应答",
    NumberStatus.EMPTY_NUMBER: "空号",
    NumberStatus.POWERED_OFF: "关机",
    NumberStatus.SUSPENDED: "停机",
    NumberStatus.BUSY: "占线",
    NumberStatus.INCOMING_RESTRICTED: "呼入限制",
    NumberStatus.IN_ARREARS: "欠费",
    NumberStatus.BLOCKED: "黑名单",
    NumberStatus.SHIELDED_BY_USER: "用户屏蔽",
}
NOT_REDIALLED = frozenset({NumberStatus.ANSWERED, NumberStatus.BLOCKED, NumberStatus.SHIELDED_BY_USER})
"""Who was reached, or does not want to be: no rule has them called again."""


class Speaker(StrEnum):
    """Who speaks in a line of a conversation."""

    ROBOT = "Robot"
    CONTACT = "Contact"


class Action(StrEnum):
    """What a line of a conversation is."""

    BEGIN_DIALOGUE = "BeginDialogue"
    BROADCAST = "Broadcast"
    DIALOGUE = "Dialogue"
    ABORT_DIALOGUE = "AbortDialogue"
    SILENCE_TIMEOUT = "SilenceTimeout"
    COLLECT_NUMBER = "CollectNumber"
    COLLECTED_NUMBER = "CollectedNumber"
    HANG_UP = "HangUp"
    END_DIALOGUE = "EndDialogue"
    TRANSFER_TO_AGENT = "TransferToAgent"
    TRANSFER_TO_IVR = "TransferToIVR"
    AUTHORIZE = "Authorize"
    REDIRECT_TO_PAGE = "RedirectToPage"
    WAIT_ON_ASYNC_TASK = "WaitOnAsyncTask"
    ERROR = "Error"
