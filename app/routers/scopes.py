"""What every route asks of its caller: the one table, which knows every method of every path.

A route that is not in it is never served: ``create_app`` fails, or the loading of its family (`app/routers/late.py`). A
line without a route fails the tests (`app/routers/guard.py`).
Nothing is derived from the method: whoever adds an endpoint decides, and the table is what a reviewer reads.

- ``read``: look at anything, people's data included.
- ``write``: keep data and settings, and deliver what came in; cause no contact with anybody.
- ``operate``: contact people or let them be contacted: send, call, start, resume, unmute.
- ``admin``: secrets, what cannot be undone (erasure, deleting a bot), and the end of somebody's protection.

What stops or protects (pause, stop, mute, do not contact, cancel) is open to both ``write`` and ``operate``: nobody
shall lack the permission to stop. A key needs one of the things in the braces.
"""

from collections.abc import Mapping
from typing import Final

from app.routers.grants import Need, Permit

_READ: Final = Need({Permit.READ})
_WRITE: Final = Need({Permit.WRITE})
_OPERATE: Final = Need({Permit.OPERATE})
_STOP: Final = Need({Permit.WRITE, Permit.OPERATE})
_ADMIN: Final = Need({Permit.ADMIN})
_KEY: Final = Need({Permit.KEY})
_PROOF: Final = Need({Permit.PROOF})
_OPEN: Final = Need({Permit.OPEN})
_ADMIN_OR_PROOF: Final = Need({Permit.ADMIN, Permit.PROOF})

Rules = dict[str, dict[str, Need]]
"""What each method of each path asks for; paths as ``scope`` has them, ``{parameter}`` without a converter."""

_FOLLOW_UP: Final[Rules] = {
    "/api/followup-records": {"GET": _READ},
    "/api/followup-records/export": {"GET": _READ},
    "/api/followup-records/send": {"POST": _OPERATE},
    # "It was not sent" makes the same step due again.
    "/api/followup-records/{record_id}/resolve": {"POST": _OPERATE},
    "/api/followup-configs": {"GET": _READ, "POST": _WRITE},
    "/api/followup-configs/{config_id}": {"GET": _READ, "PUT": _WRITE, "DELETE": _WRITE},
    "/api/followup-configs/{config_id}/copy": {"POST": _WRITE},
    "/api/followup-configs/{config_id}/preview": {"GET": _READ},
    "/api/followup-configs/{config_id}/lint": {"GET": _READ},
    "/api/followup-configs/{config_id}/stats": {"GET": _READ},
    "/api/followup-configs/{config_id}/test-send": {"POST": _OPERATE},
    "/api/followup-scripts": {"GET": _READ, "POST": _WRITE},
    "/api/followup-scripts/{script_id}": {"GET": _READ, "PUT": _WRITE, "DELETE": _WRITE},
    "/api/followup-enrollments": {"GET": _READ, "POST": _OPERATE},
    "/api/followup-enrollments/{enrollment_id}": {"GET": _READ},
    "/api/followup-enrollments/{enrollment_id}/plan": {"GET": _READ},
    "/api/followup-enrollments/{enrollment_id}/pause": {"POST": _STOP},
    "/api/followup-enrollments/{enrollment_id}/resume": {"POST": _OPERATE},
    "/api/followup-enrollments/{enrollment_id}/stop": {"POST": _STOP},
}
_PEOPLE: Final[Rules] = {
    "/api/contacts": {"GET": _READ, "POST": _WRITE},
    "/api/contacts/import": {"POST": _WRITE},
    "/api/contacts/{contact_id}": {"GET": _READ, "PUT": _WRITE, "DELETE": _ADMIN},
    "/api/contacts/{contact_id}/timeline": {"GET": _READ},
    "/api/contacts/{contact_id}/chat-link": {"POST": _WRITE},
    "/api/contacts/{contact_id}/mute": {"POST": _STOP},
    "/api/contacts/{contact_id}/unmute": {"POST": _OPERATE},
    "/api/contacts/{contact_id}/do-not-contact": {"POST": _STOP, "DELETE": _ADMIN},
    "/api/do-not-contact": {"GET": _READ, "POST": _STOP},
    "/api/do-not-contact/{entry_id}": {"DELETE": _ADMIN},
    "/api/contact-records": {"GET": _READ},
    "/api/contact-records/{record_id}": {"DELETE": _WRITE},
    "/api/messages": {"GET": _READ},
    "/api/messages/inbound": {"POST": _WRITE},
    "/api/messages/{message_id}/accept": {"POST": _WRITE},
    "/api/bots": {"GET": _READ, "POST": _ADMIN},
    "/api/bots/{bot_id}/delivery": {"GET": _READ, "PUT": _ADMIN},
    "/chat/{token}": {"GET": _PROOF},
    "/api/webchat/{token}": {"GET": _PROOF},
    "/api/webchat/{token}/messages": {"GET": _PROOF, "POST": _PROOF},
    "/api/webchat/{token}/stream": {"GET": _PROOF},
}
_CHATBOT_PARTS: Final[Rules] = {
    "": {"GET": _READ, "PUT": _WRITE, "DELETE": _ADMIN},
    "/": {"GET": _READ, "PUT": _WRITE, "DELETE": _ADMIN},
    "/status": {"GET": _READ},
    # A question is kept in its asker's history.
    "/conversation/query": {"POST": _WRITE},
    "/faq/query": {"POST": _WRITE},
    "/users": {"GET": _READ},
    "/users/{userId}": {"DELETE": _ADMIN},
    "/users/{userId}/chats": {"GET": _READ},
    "/users/{userId}/chats/export": {"GET": _READ},
    "/users/{userId}/chats/stream": {"GET": _READ},
    "/users/{userId}/mute": {"POST": _STOP},
    "/users/{userId}/unmute": {"POST": _OPERATE},
    "/users/{userId}/ismute": {"POST": _READ},
    "/users/{userId}/profile": {"GET": _READ, "PUT": _WRITE},
    "/users/{userId}/messages": {"POST": _OPERATE},
    "/faq/database": {"GET": _READ, "POST": _WRITE},
    "/faq/database/export": {"GET": _READ},
    "/faq/database/inquiryrank": {"GET": _READ},
    "/faq/database/{docId}": {"GET": _READ, "PUT": _WRITE, "DELETE": _WRITE},
    "/faq/database/{docId}/extend": {"GET": _READ, "POST": _WRITE},
    "/faq/database/{docId}/extend/{extendId}": {"PUT": _WRITE, "DELETE": _WRITE},
    "/faq/click": {"POST": _WRITE},
    "/faq/categories": {"GET": _READ, "POST": _WRITE, "PUT": _WRITE},
    "/faq/categories/{categoryId}": {"DELETE": _WRITE},
}
_SIGNED: Final = "/api/v1/chatbot/{clientId}"
_CHATBOT: Final[Rules] = {
    # The list shows every bot's secret, and so does the answer to who makes one.
    "/api/v1/chatbot": {"GET": _ADMIN, "POST": _ADMIN, "DELETE": _ADMIN},
    "/api/v1/secret/{clientId}": {"GET": _ADMIN},
    **{f"/api/chatbot{path}": rules for path, rules in _CHATBOT_PARTS.items()},
    # The bot's secret is the proof for all of it.
    **{f"{_SIGNED}{path}": dict.fromkeys(rules, _PROOF) for path, rules in _CHATBOT_PARTS.items()},
    # An account, which has a key and not the secret, may delete its bot.
    _SIGNED: {"GET": _PROOF, "PUT": _PROOF, "DELETE": _ADMIN_OR_PROOF},
    f"{_SIGNED}/": {"GET": _PROOF, "PUT": _PROOF, "DELETE": _ADMIN_OR_PROOF},
}
_OUTBOUND: Final[Rules] = {
    "/api/v1/outbound-bot/call-v2": {"POST": _OPERATE},
    "/api/v1/outbound-bot/conversation-log": {"GET": _READ},
    "/api/v1/outbound-bot/status": {"GET": _READ},
    "/api/v1/outbound-bot/calls/stream": {"GET": _READ},
    "/api/v1/outbound-bot/calls/{jobId}": {"GET": _READ},
    "/api/v1/outbound-bot/calls/{jobId}/cancel": {"POST": _STOP},
    "/api/v1/outbound-bot/recordings/{jobId}": {"GET": _PROOF, "HEAD": _PROOF},
    "/api/v1/outbound-bot/records": {"GET": _READ},
    "/api/v1/outbound-bot/nodes": {"GET": _READ},
    "/api/v1/outbound-bot/nodes/{nodeId}": {"GET": _READ, "PUT": _WRITE},
    "/api/v1/outbound-bot/lines": {"GET": _READ},
    "/api/v1/outbound-bot/lines/{lineId}": {"GET": _READ, "PUT": _WRITE},
    "/api/v1/mediation/cases": {"GET": _READ, "POST": _WRITE},
    "/api/v1/mediation/cases/{caseId}": {"GET": _READ, "PATCH": _WRITE},
}
_USER: Final = "/agent-api/user/{user_id}"
_TASK: Final = f"{_USER}/task/{{item_id}}"
_OWNED: Final = (
    "auto-recycle-rule",
    "bridge-group",
    "caller-line",
    "customer-service",
    "dial-time-group",
    "llm-intention-config",
    "outbound-group",
)
_AGENT: Final[Rules] = {
    "/agent-api/user": {"GET": _READ, "POST": _WRITE},
    _USER: {"GET": _READ, "PUT": _WRITE, "DELETE": _WRITE},
    f"{_USER}/sub-user": {"POST": _WRITE},
    f"{_USER}/notify-secret": {"GET": _ADMIN, "POST": _ADMIN},
    f"{_USER}/llm-intention-config/phrases": {"GET": _READ},
    f"{_USER}/task": {"GET": _READ, "POST": _WRITE},
    f"{_USER}/task/create": {"GET": _READ},
    _TASK: {"GET": _READ, "PUT": _WRITE, "DELETE": _WRITE},
    f"{_TASK}/start": {"POST": _OPERATE},
    f"{_TASK}/stop": {"POST": _STOP},
    f"{_TASK}/copy": {"POST": _WRITE},
    # Numbers that come into a started task are dialled.
    f"{_TASK}/number": {"GET": _READ, "POST": _OPERATE},
    f"{_TASK}/number/{{number}}": {"GET": _READ, "DELETE": _STOP},
    f"{_TASK}/number/reset": {"PUT": _OPERATE},
    f"{_TASK}/number/import": {"GET": _READ, "POST": _OPERATE},
    f"{_TASK}/number/import/{{import_id}}": {"GET": _READ},
    f"{_TASK}/record": {"GET": _READ},
    f"{_TASK}/record/export": {"GET": _READ},
    f"{_TASK}/record/{{record_id}}": {"GET": _READ},
    f"{_TASK}/summary": {"GET": _READ},
    f"{_TASK}/notice": {"GET": _READ},
    # To a machine of the account's own, about a call that is over.
    f"{_TASK}/notice/{{notice_id}}/resend": {"POST": _WRITE},
    **{f"{_USER}/{kind}": {"GET": _READ, "POST": _WRITE} for kind in _OWNED},
    **{f"{_USER}/{kind}/{{item_id}}": {"GET": _READ, "PUT": _WRITE, "DELETE": _WRITE} for kind in _OWNED},
}
_SERVICE: Final[Rules] = {
    "/api/calendar/{year}": {"GET": _READ, "PUT": _WRITE},
    "/healthz": {"GET": _OPEN},
    "/readyz": {"GET": _OPEN},
    "/webchat/chat.css": {"GET": _OPEN},
    "/webchat/chat.js": {"GET": _OPEN},
    "/webchat/embed.js": {"GET": _OPEN},
    "/metrics": {"GET": _READ},
    "/": {"GET": _KEY},
    "/openapi.json": {"GET": _KEY},
    "/docs": {"GET": _KEY},
    "/docs/assets/{name}": {"GET": _KEY},
}
RULES: Final[Mapping[str, Mapping[str, Need]]] = {
    **_FOLLOW_UP,
    **_PEOPLE,
    **_CHATBOT,
    **_OUTBOUND,
    **_AGENT,
    **_SERVICE,
}


def need_of(method: str, path: str) -> Need | None:
    """Return what a route asks for, by the template of its path; None for what no rule names."""
    return RULES.get(path, {}).get(method)
