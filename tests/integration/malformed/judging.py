"""What an answer to malformed input must be: an error of its family, documented, and no fault of the service."""

import json
from typing import Any

from tests.integration.malformed.operations import Operation
from tests.integration.malformed.wire import Answer

UNFORESEEN = b"internal error"
"""Of the text of an error that nobody foresaw; the chatbot says that with status 200, too."""
PAGES = ("/docs", "/chat/", "/webchat/")
PROBES = {"/healthz", "/readyz"}
"""Asked by machines that send no input: their document says nothing about malformed URLs."""


def document_of(answer: Answer) -> Any:
    """Return the document of an answer; None where it is none."""
    if answer.headers.get("content-type", "").partition(";")[0] != "application/json" or not answer.body:
        return None
    return json.loads(answer.body)


def is_refused(answer: Answer) -> bool:
    """Tell whether an answer is a refusal; the chatbot's have status 200 and an rc."""
    told = document_of(answer)
    return answer.status >= 400 or (isinstance(told, dict) and told.get("rc", 0) != 0)


def faults(operation: Operation, answer: Answer, shown: str, *, must_refuse: bool = False) -> list[str]:
    """Return what is wrong with an answer, in words that lead back to it."""
    place = f"{operation.name} {shown[:160]} -> {answer.status} {answer.body[:200]!r}"
    if answer.status >= 500 or (answer.body.startswith(b'{"rc":1,') and UNFORESEEN in answer.body):
        return [f"a fault of the service: {place}"]
    found = []
    if operation.told is not None and operation.path not in PROBES and answer.status not in operation.statuses:
        found.append(f"undocumented: {place}")
    if is_refused(answer) and not _is_error(operation, answer):
        found.append(f"not in the family's words: {place}")
    if must_refuse and not is_refused(answer):
        found.append(f"taken: {place}")
    return found


def _is_error(operation: Operation, answer: Answer) -> bool:
    if operation.method == "HEAD" or operation.path.startswith(PAGES):
        return True  # no body, or a page for people and its files
    told = document_of(answer)
    return isinstance(told, dict) and set(told) == operation.error_fields
