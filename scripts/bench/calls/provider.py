"""A provider of calls that speaks the wire of OutboundBot: plain HTTP by hand on uvloop, in a process of its own.

    python -m scripts.bench.calls.provider DELAY_SECONDS

Prints its port. A job's id says what becomes of it: ``job-N-on`` goes on, ``job-N-talk`` and ``job-N-silent`` are over
and have a transcript of twelve lines, with and without a word of the contact. Whatever is asked for is answered after
the delay. ``GET /`` answers ``{"ListJobs", "DescribeJob", "jobs"}`` and resets. Signatures are not checked.
"""

import asyncio
import json
import re
import sys
from collections import Counter
from typing import cast

import uvloop

BEGIN = 1_770_604_618_000
JOB_ID = re.compile(rb"[?&]JobId(?:\.\d+)?=([^& ]+)")
ACTION = re.compile(rb"\r\nx-acs-action: *(\w+)", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ROBOT = "您好,王小明先生,请问您有关于调解协议执行情况的问题吗?我是负责跟进您与李大海先生之间调解协议执行情况的调解员。"


def conversation(*, speaks: bool) -> list[dict[str, object]]:
    """Return twelve lines, with or without a word of the contact."""
    lines: list[tuple[str, str | None, str]] = [("Contact", "", "BeginDialogue")]
    for _turn in range(5):
        lines.append(("Robot", ROBOT, "Broadcast"))
        lines.append(("Contact", "都搞定了都搞定了。", "Dialogue") if speaks else ("Contact", None, "SilenceTimeout"))
    lines.append(("Contact", None, "EndDialogue"))
    return [
        {"Timestamp": BEGIN + 1000 * number, "Speaker": speaker, "Script": script, "Action": action}
        for number, (speaker, script, action) in enumerate(lines)
    ]


def job(job_id: str, *, with_talk: bool) -> bytes:
    """Return a job as the API does; lists leave the talk out."""
    kind = job_id.rpartition("-")[2]
    is_over = kind != "on"
    talk = conversation(speaks=kind == "talk") if is_over and with_talk else []
    task = {
        "TaskId": f"task-{job_id}",
        "JobId": job_id,
        "Status": "SucceededClientHangUp" if is_over else "Executing",
        "ActualTime": BEGIN,
        "RealRingingDuration": 5000,
        "Conversation": talk,
    }
    document = {
        "JobId": job_id,
        "JobGroupId": "group-1",
        "Status": "Succeeded" if is_over else "Executing",
        "ReferenceId": f"ref-{job_id}",
        "Contacts": [{"ReferenceId": f"ref-{job_id}", "PhoneNumber": "13900000000", "ContactId": "c"}],
        "Extras": [{"Key": "agreement", "Value": "分期支付"}],
        "Tasks": [task],
    }
    return json.dumps(document, ensure_ascii=False).encode()


class Counts:
    """What was asked since somebody last looked, and the jobs that were written down already."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self._written: dict[tuple[bytes, bool], bytes] = {}

    def answer(self, head: bytes) -> bytes:
        """Answer one request."""
        found = ACTION.search(head)
        action = found[1].decode() if found else ""
        ids = JOB_ID.findall(head.partition(b"\r\n")[0])
        self.seen[action] += 1
        self.seen["jobs"] += len(ids)
        begin = b'{"RequestId":"r","HttpStatusCode":200,"Code":"OK","Success":true,"Message":"Success",'
        if action == "ListJobs":
            return begin + b'"Jobs":[' + b",".join(self._job(each, with_talk=False) for each in ids) + b"]}"
        return begin + b'"Job":' + self._job(ids[0], with_talk=True) + b"}"

    def figures(self) -> bytes:
        """Return what was seen, and begin anew."""
        figures, self.seen = json.dumps(self.seen).encode(), Counter()
        return figures

    def _job(self, job_id: bytes, *, with_talk: bool) -> bytes:
        key = (job_id, with_talk)
        if key not in self._written:
            self._written[key] = job(job_id.decode(), with_talk=with_talk)
        return self._written[key]


class Provider(asyncio.Protocol):
    """One connection; a client sends its next request after the answer to the last."""

    def __init__(self, counts: Counts, delay: float) -> None:
        self._counts = counts
        self._delay = delay
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not separator or len(body) < (int(length[1]) if length else 0):
            return
        self._received = b""
        if head.startswith(b"GET"):
            self._send(self._counts.figures())
            self._transport.close()
            return
        asyncio.get_running_loop().call_later(self._delay, self._send, self._counts.answer(head))

    def _send(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)


async def _main(delay: float) -> None:
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(counts, delay), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(_main(float(sys.argv[1])))
