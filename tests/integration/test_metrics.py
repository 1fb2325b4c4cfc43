"""/metrics: what the database knows, asked for rarely, and what each rule of the runbook needs."""

import asyncio
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.services.dispatch.dispatcher import Dispatcher
from tests.helpers import add_contact, add_script, make_config

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook"
PROMTOOL = shutil.which("promtool")
NAMES = re.compile(r"\bhuiyin_\w+")


async def shown(app: FastAPI, client: httpx2.AsyncClient) -> dict[str, str]:
    """Return the lines of a fresh look, by name and labels."""
    app.state.metrics._asked_at = float("-inf")
    text = (await client.get("/metrics")).text
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("huiyin_"))


async def test_sends_and_lag_are_those_of_the_database(
    app: FastAPI, client: httpx2.AsyncClient, clock: ManualClock
) -> None:
    config = await make_config(client)
    await add_script(client, config, day=1, content="您好")
    contact = await add_contact(client, name="林小满", phone="13800138000")
    before = await shown(app, client)
    assert before['huiyin_lag_seconds{kind="follow_up"}'] == "0.0"
    assert before['huiyin_follow_up_records{status="unknown"}'] == "0.0"
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact], "config_id": config})
    clock.advance(timedelta(seconds=90))
    assert (await shown(app, client))['huiyin_lag_seconds{kind="follow_up"}'] == "90.0"
    await Dispatcher(app.state.context, app.state.context.messenger).drain()
    after = await shown(app, client)
    assert after['huiyin_lag_seconds{kind="follow_up"}'] == "0.0"
    assert after['huiyin_follow_up_records{status="sent"}'] == "1.0"
    assert after["huiyin_database_up"] == "1.0"
    assert not [line for line in after if "林小满" in line or "13800138000" in line]


async def test_calls_and_their_polls_are_counted(
    app: FastAPI, client: httpx2.AsyncClient, clock: ManualClock, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO call_poll (call_id, next_poll_at) VALUES (1, $1)", clock.now() - timedelta(seconds=7)
    )
    await connection.close()
    found = await shown(app, client)
    assert found['huiyin_lag_seconds{kind="poll"}'] == "7.0"
    assert found['huiyin_calls_active{placement="placed"}'] == "0.0"


async def test_scrapes_in_a_row_ask_once(app: FastAPI, client: httpx2.AsyncClient) -> None:
    await shown(app, client)
    asked = app.state.metrics._asked_at
    await client.get("/metrics")
    await client.get("/metrics")
    assert app.state.metrics._asked_at == asked


async def test_without_a_database_old_figures_are_not_shown(app: FastAPI, client: httpx2.AsyncClient) -> None:
    await shown(app, client)
    database = app.state.context.database
    database._dsn = "postgresql://nobody@127.0.0.1:1/nowhere"
    for idle in database._pool._idle:
        idle.terminate()
    found = await shown(app, client)
    assert found["huiyin_database_up"] == "0.0"
    assert not [line for line in found if line.startswith("huiyin_lag_seconds")]


async def test_loops_are_timed_and_their_failures_counted(app: FastAPI, client: httpx2.AsyncClient) -> None:
    app.state.metrics.loop("dispatch", 0.02, is_failure=False)
    app.state.metrics.loop("dispatch", 0.02, is_failure=True)
    found = await shown(app, client)
    assert found['huiyin_loop_duration_seconds_count{loop="dispatch"}'] == "2.0"
    assert found['huiyin_loop_failures_total{loop="dispatch"}'] == "1.0"


def kinds(text: str) -> set[tuple[str, str, str]]:
    """Return (metric, label, value) of everything that is named with an exact label."""
    named = re.findall(r"\b(huiyin_\w+)\{([^}]*)\}", text)
    return {(name, *pair) for name, labels in named for pair in re.findall(r'(\w+)="([^"]*)"', labels)}


async def test_every_rule_names_states_that_exist(app: FastAPI, client: httpx2.AsyncClient) -> None:
    """A rule that waits for a state under another name never fires."""
    wanted = kinds((RUNBOOK / "alerts.yaml").read_text(encoding="utf-8"))
    assert len(wanted) >= 6
    assert wanted <= kinds("\n".join(await shown(app, client)))


@pytest.mark.skipif(PROMTOOL is None, reason="NO RULE WAS READ: promtool is not installed")
async def test_prometheus_can_read_rules_and_metrics(app: FastAPI, client: httpx2.AsyncClient) -> None:
    app.state.metrics.loop("dispatch", 0.02, is_failure=False)
    text = (await client.get("/metrics")).text
    for command, given in ((["rules", str(RUNBOOK / "alerts.yaml")], ""), (["metrics"], text)):
        done = await asyncio.to_thread(
            subprocess.run, [str(PROMTOOL), "check", *command], input=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


async def test_every_rule_uses_metrics_that_exist_and_has_an_entry(app: FastAPI, client: httpx2.AsyncClient) -> None:
    app.state.metrics.loop("dispatch", 0.02, is_failure=False)
    rules = (RUNBOOK / "alerts.yaml").read_text(encoding="utf-8")
    entries = (RUNBOOK / "README.md").read_text(encoding="utf-8")
    await client.get("/healthz")
    known = {NAMES.match(line)[0] for line in await shown(app, client) if NAMES.match(line)}  # type: ignore[index]
    assert set(NAMES.findall(rules)) <= known
    alerts = re.findall(r"alert: (\w+)", rules)
    assert alerts
    assert re.findall(r"^## (\w+)$", entries, flags=re.MULTILINE) == alerts
