"""The schema of the records, brought up to date by `fleet up` and checked by everybody else.

Alembic is imported only where something is migrated: it costs more than a whole `fleet ls`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from flows.adapters.records.engine import reading, writing
from flows.adapters.records.schema import REVISION
from flows.domain.errors import EffectFailed

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine, schema: str = REVISION) -> None:
    """The tables are those of this program, with all that was in them; one transaction."""
    with writing(engine) as connection:
        migrate(connection, schema)


def migrate(connection: Connection, schema: str = REVISION) -> None:
    """The tables are those of this schema, within the caller's transaction."""
    from alembic import command  # noqa: PLC0415

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, schema)


def known_schemas() -> frozenset[str]:
    """Every schema that this program can bring up to date."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    found = ScriptDirectory.from_config(_config()).walk_revisions()
    return frozenset(each.revision for each in found)


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def check_schema(engine: Engine) -> None:
    """EffectFailed unless the tables are those that this program needs; nothing is created."""
    database = engine.url.database
    if engine.dialect.name == "sqlite" and not Path(database or "").exists():
        raise EffectFailed(f"records: there are none at {database}; `fleet up` makes them")
    found = _revision(engine)
    if found != REVISION:
        raise EffectFailed(
            f"records: their schema is {found or 'empty'}, this program needs {REVISION}; "
            "`fleet up` brings an older one up to date"
        )


def _revision(engine: Engine) -> str | None:
    with reading(engine) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)
