"""What the OpenAPI document says about the service as a whole."""

import importlib
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI

from app.domain.keys import Scope
from app.routers import late
from app.routers.dialects import AgentDialect, ChatbotDialect, OutboundDialect, dialect_of
from app.routers.responses import problem_schemas
from app.routers.scopes import RULES
from app.routers.tags import tag_metadata

VERSION: Final = "0.1.0"
TITLE: Final = "Huiyin 回音"
_SUMMARY: Final = (
    "同一个联系人,多种触达方式,一份历史,一套限制。One contact, several ways, one history, one set of limits."
)
_DESCRIPTION: Final = """
**回音**帮助必须主动联系他人、又必须在恰当的时候停下来的团队:招聘复聊、电话外呼、智能客服。
对方一回复,自动消息就停止;对方拒绝后,任何渠道都不会再打扰。

**Huiyin** is for teams who must reach people and stop at the right moment. Nobody is written to after they answered,
called after they refused, or reached twice for one reason.

### 认证 Access
没有密钥时只接受本机请求;用 `python -m app keys create`(或设置 `HUIYIN_API_KEYS`)创建密钥后,每个请求都要携带密钥。
While there are no keys only the same machine is answered; once one was made by `python -m app keys create` (or set in
`HUIYIN_API_KEYS`) every call carries one:

```
curl -H 'Authorization: Bearer <key>' http://localhost:8000/api/contacts
```

`X-API-Key: <key>` 同样有效;浏览器打开本页时,用户名任意,密码填密钥。
`X-API-Key` works as well; a browser that opens this page is asked for a user name (any) and a password (a key).

密钥的权限:`read` 查看,`write` 写入数据与设置,`operate` 发送与呼叫,`admin` 全部,包括密钥与删除个人数据。
权限不足时返回 403。
Scopes of keys: `read` looks, `write` keeps data and settings, `operate` sends and calls, `admin` may do everything,
secrets and erasure included. Each operation names the one that it takes; a key without it is answered 403.

### 约定 Conventions
- 时间为 UTC 的 ISO-8601,例如 `2026-03-05T10:30:00Z`。Times are ISO-8601 in UTC.
- 出错时返回 `{"detail": …}`,说明是哪个字段、该怎么做。Errors are `{"detail": …}` and say which field and what to do.
- 每个回答都有 `X-Request-ID`,与服务日志对应。Every answer has an `X-Request-ID`, which the log lines carry too.
- 收到 429 或 503 时,请等待 `Retry-After` 秒后重试。After 429 or 503 wait for `Retry-After` seconds and try again.
"""

_SCHEMES: Final[dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer <key>"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "X-API-Key: <key>"},
}
_SECURITY: Final[list[dict[str, list[str]]]] = [{}, {"bearer": []}, {"apiKey": []}]
"""One of them; the first, nothing, is for calls from the same machine while there are no keys."""


def document_texts() -> dict[str, Any]:
    """Return the arguments of ``FastAPI(…)`` that make the head of the document."""
    return {
        "title": TITLE,
        "version": VERSION,
        "summary": _SUMMARY,
        "description": _DESCRIPTION.strip(),
        "license_info": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        "contact": {"name": "Huiyin 回音"},
        "openapi_tags": tag_metadata(),
        # Relative, so that "Try it out" calls the host from which the page came, also behind a proxy.
        "servers": [{"url": "/"}],
    }


def complete_document(app: FastAPI) -> None:
    """Say in the document which calls need a key, and what errors look like."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        late.load_all()
        document = generate()
        if "security" not in document:
            document["security"] = _SECURITY
            components = document.setdefault("components", {})
            components["securitySchemes"] = _SCHEMES
            refusals = importlib.import_module("app.routers.agent.responses").refusal_schemas()
            components["schemas"] = dict(sorted((components["schemas"] | problem_schemas() | refusals).items()))
            _name_scopes(document["paths"])
            _drop_422(document["paths"])
            _show_null(document["paths"])
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _drop_422(paths: dict[str, dict[str, Any]]) -> None:
    """Take out what the framework adds by itself where a family answers wrong input in another way: rc, or 400."""
    for path, operations in paths.items():
        if isinstance(dialect_of(path), ChatbotDialect | OutboundDialect):
            for operation in operations.values():
                operation["responses"].pop("422", None)


def _show_null(paths: dict[str, dict[str, Any]]) -> None:
    """Put ``data: null`` back into the examples of errors in an envelope: the framework leaves nulls out."""
    for path, operations in paths.items():
        if not isinstance(dialect_of(path), AgentDialect | OutboundDialect):
            continue
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= HTTPStatus.BAD_REQUEST:
                    response["content"]["application/json"]["example"]["data"] = None


def _name_scopes(paths: dict[str, dict[str, Any]]) -> None:
    """Say what each operation takes: roles in OpenAPI's own place for them, and words for people."""
    for path, operations in paths.items():
        for method, operation in operations.items():
            need = RULES[path][method.upper()]
            scopes = sorted(need & {scope.value for scope in Scope})
            if not scopes:
                operation["security"] = []
                continue
            operation["security"] = [{}, {"bearer": scopes}, {"apiKey": scopes}]
            named = " 或 (or) ".join(f"`{scope}`" for scope in scopes)
            operation["description"] = f"{operation['description']}\n\n权限 Scope: {named}"
