"""A handful of FAQ entries for the default bot of a first start; their vectors are made by the first question."""

from app.repositories import chatbots, faq, faq_categories, faq_questions
from app.repositories.faq import Entry
from app.repositories.faq_questions import Question, Vector
from app.services.chatbot.categories import grow_path
from app.services.context import Context

_ENTRIES = (
    # docId, category, question, reply, similar questions
    (
        "demo-where",
        "岗位",
        "工作地点在哪里",
        "工作地点在市中心,靠近地铁站,步行五分钟。",
        ("公司在什么位置", "上班的地方远吗"),
    ),
    ("demo-hours", "岗位", "上班时间是几点到几点", "早九点到晚六点,双休。", ("几点上下班", "周末要上班吗")),
    ("demo-pay", "薪资", "工资多少", "底薪加绩效,面试时会按经验详谈。", ("薪资待遇怎么样", "一个月能拿多少钱")),
    ("demo-payday", "薪资", "什么时候发工资", "每月十号发上个月的工资。", ("发薪日是哪天",)),
    (
        "demo-interview",
        "面试",
        "怎么预约面试",
        "告诉我您方便的时间,我们会尽快安排线上面试。",
        ("我想面试", "面试在哪里进行"),
    ),
    ("demo-housing", "福利", "包吃住吗", "提供餐补,外地同事可以申请宿舍。", ("有没有宿舍", "有餐补吗")),
)


async def load_faq(context: Context) -> None:
    """Write the entries, unless the default bot has a base already."""
    now = context.clock.now()
    async with context.database.transaction() as connection:
        bot = next(iter(await chatbots.find_many(connection, [], or_default=True)), None)
        if bot is None or bot["faq_version"]:
            return
        version = await faq.bump(connection, bot["id"])
        categories: dict[str, int] = {}
        for doc_id, category, post, reply, similar in _ENTRIES:
            if category not in categories:
                tree = await faq_categories.load(connection, bot["id"])
                categories[category] = await grow_path(connection, context, bot["id"], tree, [category])
            replies = [{"rtype": "plain", "content": reply, "enabled": True}]
            entry = Entry(post, replies, enabled=True, category_id=categories[category])
            moment = now.replace(microsecond=0)
            entry_id = await faq.insert(connection, bot["id"], doc_id, entry, moment)
            assert entry_id is not None  # noqa: S101 - the base was empty
            for text in (post, *similar):
                question = Question(text, Vector(), is_main=text == post)
                await faq_questions.insert(connection, bot["id"], entry_id, context.ids.token(), question, version, now)
