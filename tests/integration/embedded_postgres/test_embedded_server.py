"""What the embedded server is like, under whatever name and environment."""

import os
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.gateways.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, cluster, places
from tests.integration.embedded_postgres.helpers import StartService, answers, ask, postmaster, socket_directory


async def test_the_url_is_one_for_sqlalchemy(shared: EmbeddedPostgres) -> None:
    engine = create_async_engine(shared.url)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT current_database()"))).scalar_one() == "huiyin"
    await engine.dispose()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("similarity('候选人张伟', '候选人张三') > 0.3", True),
        ("similarity('回音', '不同') = 0", True),
        ("'候选人' ~ '^[[:alpha:]]+$'", True),
        ("'张伟，你好' ~ '^\\w+$'", False),
        ("lower('ÄÉ张Ω') || upper('äé伟ω')", "äé张ωÄÉ伟Ω"),
        ("length('回音')", 2),
        ("to_tsvector('simple', '张伟 李娜') @@ to_tsquery('simple', '李娜')", True),
        ("(SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'huiyin')", "bC.UTF-8"),
        ("current_setting('server_encoding')", "UTF8"),
    ],
)
def test_chinese_is_text(shared: EmbeddedPostgres, expression: str, expected: object) -> None:
    assert ask(shared.url, "CREATE EXTENSION IF NOT EXISTS pg_trgm", f"SELECT {expression}") == expected


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("work_mem", "7MB"),
        ("listen_addresses", ""),
        ("unix_socket_permissions", "0700"),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("jit", "off"),
        ("TimeZone", "UTC"),
        ("max_connections", "60"),
    ],
)
def test_settings_can_be_given_but_not_made_public(shared: EmbeddedPostgres, setting: str, expected: str) -> None:
    assert ask(shared.url, f"SHOW {setting}") == expected


def test_only_its_user_can_reach_the_socket(shared: EmbeddedPostgres) -> None:
    assert stat.S_IMODE(socket_directory(shared.url).stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["my data", 'it\'s $HOME "quoted" `x`', "a,b", "回音 数据", "q" * 130, "100%+&=?#"])
def test_any_name_will_do(tmp_path: Path, lent_dir: Path, name: str) -> None:
    home = tmp_path / name
    lent_dir.rename(home)
    with EmbeddedPostgres(home) as server:
        directory = socket_directory(server.url)
        assert len(os.fsencode(directory / ".s.PGSQL.5432")) <= 100
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(directory.parent.stat().st_mode) == 0o700
        assert ask(server.url, "SELECT word FROM kept") == "回音"
    assert not directory.exists()


@pytest.mark.parametrize("name", ["it's \"quoted\" ' twice", "q" * 130])
def test_a_cluster_can_be_made_under_such_names(tmp_path: Path, name: str) -> None:
    with EmbeddedPostgres(tmp_path / name) as server:
        assert answers(server.url)


@pytest.mark.parametrize("prepare", [lambda path: path.mkdir(mode=0o755), lambda path: path.symlink_to("/")])
def test_a_short_socket_directory_that_somebody_else_made_is_refused(
    tmp_path: Path, lent_dir: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Path], None]
) -> None:
    home = tmp_path / ("q" * 130)
    lent_dir.rename(home)
    with tempfile.TemporaryDirectory(prefix="t") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        base = places._short_name(home)
        assert base.parent == Path(short)
        prepare(base)
        with pytest.raises(EmbeddedPostgresError, match="not a private directory"):
            EmbeddedPostgres(home).start()


def test_a_relative_name_means_where_we_were(lent_dir: Path, service: StartService) -> None:
    running = service(Path(lent_dir.name), cwd=lent_dir.parent)
    assert ask(running.url(), "SELECT word FROM kept") == "回音"


@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "xx_YY.nonsense"},
        {"LC_ALL": "zh_CN.GB18030", "LANG": "zh_CN.GB18030"},
        {"LC_ALL": "C", "PGDATA": "/nowhere", "PGPORT": "1", "PGDATESTYLE": "German", "TZ": "Mars/Base"},
    ],
)
def test_the_environment_does_not_matter(data_dir: Path, service: StartService, environment: dict[str, str]) -> None:
    url = service(data_dir, **environment).url()
    assert ask(url, "CREATE EXTENSION pg_trgm", "SELECT similarity('张伟经理', '张伟') > 0")
    assert ask(url, "SELECT '张' ~ '[[:alpha:]]'")
    assert ask(url, "SELECT current_setting('TimeZone') || ' ' || current_setting('DateStyle')") == "UTC ISO, MDY"
    if sys.platform == "linux":
        assert b"PG" not in Path(f"/proc/{postmaster(data_dir)}/environ").read_bytes()
    if "nonsense" in environment.get("LANG", ""):
        assert ask(url, "SELECT datctype FROM pg_database WHERE datname = 'huiyin'") in cluster._CTYPES[:-1]
