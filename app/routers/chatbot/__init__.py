"""The chatbot family: one set of handlers behind two doors, and the account that makes bots."""

from fastapi import APIRouter, Depends

from app.routers.chatbot import accounts, bot, categories, chats, conversation, faq, similar, users
from app.routers.chatbot.door import DefaultRoute, SignedRoute, named_bot
from app.routers.chatbot.part import PLAIN_REFUSALS
from app.routers.tags import Tag

# The more particular paths first: a user's id may hold slashes, and "export" looks like an entry's id.
_PARTS = (bot.part, conversation.part, chats.part, users.part, faq.part, similar.part, categories.part)

signed = APIRouter(
    prefix="/api/v1/chatbot/{clientId}",
    route_class=SignedRoute,
    tags=[Tag.CHATBOT_SIGNED],
    dependencies=[Depends(named_bot)],
)
default = APIRouter(prefix="/api/chatbot", route_class=DefaultRoute, tags=[Tag.CHATBOT], responses=PLAIN_REFUSALS)
for _part in _PARTS:
    _part.onto(signed)
    _part.onto(default)

routers = (accounts.router, signed, default)

__all__ = ["routers"]
