"""Talks of tasks are read: for refusals always, for a level where somebody asked, by whoever is wanted and there."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.domain.calls import NumberStatus
from app.gateways.analyst import OpenAiAnalyst, make_analyst
from app.repositories.database import Database
from app.services.agent.intentions import TalkReader
from app.services.context import Context
from app.services.inbound.receiving import receive  # noqa: F401 - registers nothing; kept for the import contract
from tests.agent import add_account
from tests.helpers import add_contact
from tests.people import rows, value
from tests.task_records import add_config, add_number, add_record, add_task, end, said
