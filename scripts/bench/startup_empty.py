"""What S2 compares with: FastAPI and SQLAlchemy on asyncpg, one route, one query."""

import os

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

app = FastAPI()
engine = create_async_engine(os.environ["BENCH_URL"].replace("postgresql://", "postgresql+asyncpg://", 1))


@app.get("/{path:path}")
async def answer(path: str) -> dict[str, object]:
    async with engine.connect() as connection:
        return {"path": path, "one": (await connection.execute(text("SELECT 1"))).scalar_one()}
