"""What a new task can be made of: the seed's shape, in the seed's order; ``customer_service`` stands behind it."""

from pydantic import Field

from app.schemas.agent.base import Told
from app.schemas.agent.dial_times import DialTimeGroupOut
from app.schemas.agent.groups import BridgeGroupShort, OutboundGroupShort, SeatShort
from app.schemas.agent.lines import LINE
from app.schemas.agent.rules import IntentionOut, RecycleRuleOut


class LineChoice(Told):
    """A line, as a new task shows it."""

    name: str = Field(description="线路名称 (name)", examples=["一号线"])
    value: str = Field(description="线路id (id)", examples=[LINE])
    residue: int = Field(description="剩余并发 (free)", examples=[7])
    call_line: int = Field(description="总共并发 (calls at a time)", examples=[13])
    available_at: str | None = Field(
        description="有效期至;null 为长期 (usable until)", examples=["2027-01-01 00:00:00"]
    )
    call_number: str | None = Field(description="主叫号码,一般为空 (calling number, mostly none)", examples=[None])


class TaskChoices(Told):
    """Everything that the account owns."""

    enum_dial_time_group: list[DialTimeGroupOut] = Field(description="呼叫时间组 (hours)")
    max_recycle_limit: int = Field(description="最大失败重呼限制次数 (redials at most)", examples=[50])
    caller_line_list: list[LineChoice] = Field(description="线路列表 (lines)")
    outbound_group: list[OutboundGroupShort] = Field(description="话术组 (groups of scripts)")
    bridge_groups: list[BridgeGroupShort] = Field(description="转接组 (bridge groups)")
    auto_recycle_rules: list[RecycleRuleOut] = Field(description="自动重呼规则 (rules for dialling again)")
    end_actions: dict[str, str] = Field(
        description="任务结束动作 (what a task does at its end)",
        examples=[{"1": "暂停任务并释放并发", "2": "暂停任务并锁定并发", "0": "无操作"}],
    )
    llm_intention_configs: list[IntentionOut] = Field(description="意向分析配置 (analysts of intention)")
    customer_service: list[SeatShort] = Field(description="客服 (seats)")
