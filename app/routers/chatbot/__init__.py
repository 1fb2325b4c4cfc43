"""The chatbot family: one set of handlers behind two doors, and the account that makes bots."""

from fastapi import Depends

from app.routers.chatbot import accounts, bot, categories, chats, conversation, faq, similar, users
from app.routers.chatbot.door import DefaultRoute, SignedRoute, named_bot
from app.routers.chatbot.part import PLAIN_REFUSALS
from app.routers.families import FamilyRouter
from app.routers.tags import Tag

# What is asked most stands first; then the more particular paths: a user's id may hold slashes, and "export" looks like
# an entry's id.
_PARTS = (conversation.part, bot.part, chats.part, users.part, faq.part, similar.part, categories.part)

signed = FamilyRouter(
    prefix="/api/v1/chatbot/{clientId}",
    route_class=SignedRoute,
    tags=[Tag.CHATBOT_SIGNED],
    dependencies=[Depends(named_bot)],
    redirect_slashes=False,
)
default = FamilyRouter(
    prefix="/api/chatbot",
    route_class=DefaultRoute,
    tags=[Tag.CHATBOT],
    responses=PLAIN_REFUSALS,
    redirect_slashes=False,
)
for _part in _PARTS:
    _part.onto(signed)
    _part.onto(default)

routers = (accounts.router, signed, default)

__all__ = ["routers"]
