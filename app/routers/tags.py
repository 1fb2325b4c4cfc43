"""The headings of the OpenAPI document: one tag per family, with the text that introduces it."""

from enum import StrEnum


class Tag(StrEnum):
    """The tag that an operation is filed under; the value is what readers see."""

    FOLLOWUP_CONFIGS = "复聊配置 followup-configs"
    FOLLOWUP_SCRIPTS = "复聊话术 followup-scripts"
    FOLLOWUP_RECORDS = "复聊记录 followup-records"
    ENROLLMENTS = "复聊序列 enrollments"
    CONTACTS = "联系人 contacts"
    MESSAGES = "消息 messages"
    CONTACT_RECORDS = "联系方式 contact-records"
    BOTS = "渠道 bots"
    DO_NOT_CONTACT = "免打扰 do-not-contact"
    WEBCHAT = "网页聊天 webchat"
    CHATBOT = "聊天机器人 chatbot"
    CHATBOT_SIGNED = "聊天机器人(签名) chatbot, signed"
    OUTBOUND = "智能外呼 outbound-bot"
    MEDIATION = "调解案件 mediation"
    ACCOUNTS = "账户 accounts"
    CALL_TASKS = "外呼任务 call-tasks"
    CALENDAR = "日历 calendar"
    OPERATION = "运行 operation"


_TEXTS = {
    Tag.FOLLOWUP_CONFIGS: "复聊配置:一个岗位的话术序列与首条消息;没有岗位的是通用配置。"
    "The sequence for one position, with its opening message; one without a position serves all others.",
    Tag.FOLLOWUP_SCRIPTS: "复聊话术:每一天的文本与间隔小时数,按 day_number 和 order 发送。"
    "Texts of a config: its day, its interval in hours, sent by day_number and order.",
    Tag.FOLLOWUP_RECORDS: "复聊记录:何时发给谁、第几天、是否得到回复。"
    "What was sent to whom and when, on which day, and whether it was answered.",
    Tag.ENROLLMENTS: "复聊序列:联系人在序列中的位置,可以开始、暂停、停止。"
    "Where a contact stands in a sequence; start, pause and stop it.",
    Tag.CONTACTS: "联系人:所有渠道共用的一份档案与历史。Contacts: one file and one history shared by all channels.",
    Tag.MESSAGES: "消息:收到与发出的聊天内容;对方一回复,序列就停止。Messages in and out; a reply stops the sequence.",
    Tag.CONTACT_RECORDS: "联系方式:从聊天中识别出的手机号、微信号等。"
    "Phone numbers, WeChat IDs and the like that were found in chats.",
    Tag.BOTS: "渠道:消息经由哪个机器人账号收发。Channels: the bot accounts through which messages travel.",
    Tag.DO_NOT_CONTACT: "免打扰:名单上的人,任何渠道都不会再主动联系。"
    "Do not contact: people on the list are reached by no channel on its own.",
    Tag.WEBCHAT: "网页聊天:联系人打开链接即可对话,链接中的令牌就是凭证。"
    "Web chat: a contact opens a link and talks; the token in the link is the proof.",
    Tag.CHATBOT: "聊天机器人:默认机器人的用户、历史、知识库与对话,以及机器人的创建。"
    "The default bot's users, histories, FAQ base and conversation; and how bots are made.",
    Tag.CHATBOT_SIGNED: "与上相同,供 Chatopera SDK 调用任意机器人:请求以机器人的密钥签名,总是 HTTP 200,结果见 rc。"
    "请求头 Authorization 为 JSON {appId, timestamp, random, signature} 的 base64:appId 即 clientId,"
    "timestamp 为 Unix 秒,signature 为以 secret 对 appId + timestamp + random + 方法 + 路径与查询 的 "
    "HMAC-SHA1 (小写十六进制);每个签名只能用一次。"
    "The same for any bot, as Chatopera's SDKs call it: signed with the bot's secret, always HTTP 200, see rc. "
    "The header Authorization is the base64 of a JSON {appId, timestamp, random, signature}: appId is the clientId, "
    "timestamp Unix seconds, signature the lower-case hex HMAC-SHA1 with the secret of appId + timestamp + random + "
    "method + path and query; each signature works once.",
    Tag.OUTBOUND: "智能外呼:拨打、录音、状态,以及节点与线路的设置。"
    "Outbound calls: placing them, transcripts and recordings, statuses; nodes and lines.",
    Tag.MEDIATION: "调解案件:案件、当事人与协议,是外呼的对象。"
    "Mediation cases: parties and agreements that calls are about.",
    Tag.ACCOUNTS: "账户:线路、话术、规则与任务的所有者,可以有子账户。"
    "Accounts: who owns lines, scripts, rules and tasks; each can have sub accounts.",
    Tag.CALL_TASKS: "外呼任务:任务与号码,以及新建任务所需的一切——呼叫时间、线路、话术组、转接组、重呼规则、意向分析。"
    "Call tasks and their numbers, and what they are made of: hours, lines, scripts, bridge groups, redials, analysts.",
    Tag.CALENDAR: "日历:法定节假日与调休,在内置数据之上补充或覆盖。"
    "Calendar: statutory holidays and working weekends, added to or instead of the built-in data.",
    Tag.OPERATION: "运行:存活、就绪与指标。Operation: liveness, readiness and metrics.",
}


def tag_metadata() -> list[dict[str, str]]:
    """Return what the OpenAPI document says about its tags, in the order in which they are shown."""
    return [{"name": tag.value, "description": _TEXTS[tag]} for tag in Tag]
