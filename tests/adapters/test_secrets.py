"""The encrypted store: what lies on the disk, keys that change, keys that do not fit."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.testing.utilities import prefect_test_harness
from sqlalchemy import Engine, text

from flows.adapters.secrets import RUN_BLOCK_PREFIX, FernetSecrets, Keyring, PrefectBlocks
from flows.domain.errors import EffectFailed, Refused
from tests.adapters.contracts_records import secrets_contract
from tests.adapters.record_samples import new_database

PASSWORD = "Tulip-Harbour-77"


class Blocks:
    """A Prefect server in memory: name -> text."""

    def __init__(self, **texts: str) -> None:
        self.texts = {name.replace("_", "-"): text for name, text in texts.items()}

    def read(self, reference: str) -> str | None:
        return self.texts.get(reference)

    def delete(self, reference: str) -> None:
        self.texts.pop(reference, None)

    def made_by_us(self, reference: str) -> bool:
        return reference.startswith(RUN_BLOCK_PREFIX)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return new_database(tmp_path)


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path / "home" / "secrets" / "master.key")


@pytest.fixture
def secrets(engine: Engine, keyring: Keyring) -> FernetSecrets:
    return FernetSecrets(engine, keyring.path, Blocks())


def test_the_contract_of_secrets(secrets: FernetSecrets) -> None:
    secrets_contract(secrets)


def test_nothing_lies_on_the_disk_in_clear(
    secrets: FernetSecrets, engine: Engine, tmp_path: Path
) -> None:
    with engine.connect() as reader:
        # An open reader keeps the write-ahead log from being folded into the file.
        reader.execute(text("SELECT 1 FROM secrets"))
        secrets.put("aaaa1111", "first-user-password", PASSWORD)
        secrets.keep("aaaa1111", "other", lambda: PASSWORD)
        files = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(files) == {"records.db", "records.db-wal", "records.db-shm", "master.key"}
    assert b"first-user-password" in files["records.db-wal"], "the search would find a clear text"
    hidden = [PASSWORD.encode(), PASSWORD.encode("utf-16-le"), PASSWORD.encode().hex().encode()]
    hidden += [base64.b64encode(PASSWORD.encode()[skip:])[2:14] for skip in range(3)]
    for name, content in files.items():
        assert not [form for form in hidden if form in content], name


def test_the_key_is_its_owners_alone(secrets: FernetSecrets, keyring: Keyring) -> None:
    old = os.umask(0)
    try:
        secrets.put("aaaa1111", "password", PASSWORD)
    finally:
        os.umask(old)
    assert keyring.path.stat().st_mode & 0o777 == 0o600
    assert keyring.path.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in keyring.path.parent.iterdir()] == ["master.key"]


def test_who_makes_a_secret_at_the_same_moment_gets_the_same_one(secrets: FernetSecrets) -> None:
    start = threading.Barrier(6)
    kept: list[str] = []

    def keep(number: int) -> None:
        start.wait(20)
        kept.append(secrets.keep("aaaa1111", "password", lambda: f"made by {number}"))

    threads = [threading.Thread(target=keep, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(kept) == 6
    assert set(kept) == {secrets.get("aaaa1111", "password")}


def test_rotation_keeps_every_secret_and_ends_the_old_key(
    secrets: FernetSecrets, keyring: Keyring, engine: Engine
) -> None:
    secrets.put("aaaa1111", "password", PASSWORD)
    secrets.put("bbbb2222", "password", "other")
    first = keyring.path.read_text()
    secrets.rotate()
    newest, before = keyring.path.read_text().split()
    assert before == first.strip()
    assert secrets.get("aaaa1111", "password") == PASSWORD
    secrets.rotate()
    assert keyring.path.read_text().split()[1] == newest
    assert len(keyring.path.read_text().split()) == 2
    assert secrets.get("bbbb2222", "password") == "other"
    keyring.path.write_text(first)
    with pytest.raises(EffectFailed, match=r"no key in .*master.key fits it"):
        secrets.get("aaaa1111", "password")


def test_a_secret_written_with_the_old_key_during_a_rotation_is_readable(
    secrets: FernetSecrets, keyring: Keyring, engine: Engine
) -> None:
    secrets.put("aaaa1111", "password", PASSWORD)
    with engine.connect() as connection:
        late = connection.execute(text("SELECT ciphertext FROM secrets")).scalar_one()
    secrets.rotate()
    with engine.begin() as connection:
        connection.execute(text("UPDATE secrets SET ciphertext = :late"), {"late": late})
    assert secrets.get("aaaa1111", "password") == PASSWORD


def test_a_rotation_that_was_killed_is_finished_by_the_next(
    secrets: FernetSecrets, keyring: Keyring
) -> None:
    secrets.put("aaaa1111", "password", PASSWORD)
    keyring.add()
    assert secrets.get("aaaa1111", "password") == PASSWORD
    secrets.rotate()
    assert len(keyring.path.read_text().split()) == 2
    assert secrets.get("aaaa1111", "password") == PASSWORD


def test_a_rotation_over_a_damaged_secret_drops_no_key(
    secrets: FernetSecrets, keyring: Keyring, engine: Engine
) -> None:
    secrets.put("aaaa1111", "password", PASSWORD)
    secrets.put("aaaa1111", "zz", "other")
    _damage(engine, "UPDATE secrets SET ciphertext = substr(ciphertext, 1, 60) WHERE name = 'zz'")
    with pytest.raises(EffectFailed, match="secrets: zz of aaaa1111 cannot be read"):
        secrets.rotate()
    assert secrets.get("aaaa1111", "password") == PASSWORD


DAMAGES = [
    "UPDATE secrets SET ciphertext = substr(ciphertext, 1, 60)",
    "UPDATE secrets SET ciphertext = ''",
    "UPDATE secrets SET ciphertext = 'gAAAAA' || ciphertext",
    "UPDATE secrets SET ciphertext = 'ä'",
]


@pytest.mark.parametrize("statement", DAMAGES)
def test_a_damaged_secret_is_one_sentence(
    secrets: FernetSecrets, keyring: Keyring, engine: Engine, statement: str
) -> None:
    secrets.put("aaaa1111", "password", PASSWORD)
    _damage(engine, statement)
    _expect_unreadable(secrets, keyring)


def test_a_wrong_key_is_one_sentence(secrets: FernetSecrets, keyring: Keyring) -> None:
    secrets.put("aaaa1111", "password", PASSWORD)
    keyring.path.write_bytes(Fernet.generate_key())
    _expect_unreadable(secrets, keyring)


def _expect_unreadable(secrets: FernetSecrets, keyring: Keyring) -> None:
    with pytest.raises(EffectFailed) as error:
        secrets.get("aaaa1111", "password")
    assert str(error.value) == (
        f"secrets: password of aaaa1111 cannot be read: no key in {keyring.path} fits it, or it is "
        "damaged; restore the key or the records from a backup"
    )
    assert error.value.__suppress_context__


def test_a_secret_in_the_place_of_another_is_refused(
    secrets: FernetSecrets, engine: Engine
) -> None:
    secrets.put("aaaa1111", "password", PASSWORD)
    _damage(engine, "UPDATE secrets SET name = 'super-password'")
    with pytest.raises(EffectFailed) as error:
        secrets.get("aaaa1111", "super-password")
    assert str(error.value) == (
        "secrets: what is stored as super-password of aaaa1111 belongs to another place"
    )


@pytest.mark.parametrize(
    ("content", "mode", "rule"),
    [
        (f"{Fernet.generate_key().decode()}\n{PASSWORD}\n", 0o600, "line 2 of {} is not a key"),
        ("", 0o600, "the master key {} is empty"),
        ("\n \n", 0o600, "the master key {} is empty"),
        ("schlüssel", 0o600, "the master key {} cannot be read (UnicodeDecodeError)"),
        (Fernet.generate_key().decode(), 0o640, "the master key {} has the mode 0640"),
        (Fernet.generate_key().decode(), 0o604, "the master key {} has the mode 0604"),
    ],
    ids=["no key in line 2", "empty", "blank", "not ASCII", "group reads", "all read"],
)
def test_a_bad_key_file_is_one_sentence(
    secrets: FernetSecrets, keyring: Keyring, content: str, mode: int, rule: str
) -> None:
    secrets.put("aaaa1111", "password", PASSWORD)
    keyring.path.write_text(content)
    keyring.path.chmod(mode)
    attempts: list[Callable[[], object]] = [
        lambda: secrets.get("aaaa1111", "password"),
        lambda: secrets.put("aaaa1111", "password", "new"),
    ]
    for attempt in attempts:
        with pytest.raises(EffectFailed) as error:
            attempt()
        assert str(error.value).startswith(f"secrets: {rule.format(keyring.path)}")
        assert PASSWORD not in str(error.value)
        assert error.value.__cause__ is None


def test_a_lost_key_is_not_replaced_by_a_new_one(secrets: FernetSecrets, keyring: Keyring) -> None:
    secrets.put("aaaa1111", "password", PASSWORD)
    keyring.path.unlink()
    with pytest.raises(EffectFailed) as error:
        secrets.put("bbbb2222", "password", PASSWORD)
    assert str(error.value) == (
        f"secrets: the master key {keyring.path} is missing, and there are secrets that only it "
        "can read; restore it from a backup"
    )
    with pytest.raises(EffectFailed, match=r"cannot be read \(FileNotFoundError\)"):
        secrets.get("aaaa1111", "password")
    assert not keyring.exists()


def test_who_makes_a_secret_too_late_gets_the_one_that_is_there(secrets: FernetSecrets) -> None:
    def make() -> str:
        secrets.put("aaaa1111", "password", "theirs")
        return "ours"

    assert secrets.keep("aaaa1111", "password", make) == "theirs"


def test_blocks_of_a_run_are_discarded_and_others_left_alone(engine: Engine) -> None:
    blocks = Blocks(fleet_run_x7k2=PASSWORD, db_password="theirs")
    secrets = FernetSecrets(engine, Path("/nonexistent"), blocks)
    assert secrets.resolve("fleet-run-x7k2") == PASSWORD
    for reference in ("fleet-run-x7k2", "fleet-run-x7k2", "db-password"):
        secrets.discard(reference)
    assert blocks.texts == {"db-password": "theirs"}
    with pytest.raises(Refused, match="there is no Secret block of the name or id"):
        secrets.resolve("fleet-run-x7k2")


@pytest.mark.parametrize("reference", ["Tulip-Harbour-77", "a b", "a/../b", "", "-x", "näme"])
def test_what_cannot_be_a_reference_is_not_sent_to_the_server(
    reference: str, unreachable_server: None
) -> None:
    assert PrefectBlocks().read(reference) is None
    assert not PrefectBlocks().made_by_us(reference)
    PrefectBlocks().delete(reference)


def test_a_silent_server_is_one_sentence(unreachable_server: None) -> None:
    with pytest.raises(EffectFailed) as error:
        PrefectBlocks().read("tulipharbour77")
    assert str(error.value).startswith(
        "secrets: Prefect's server did not answer for a Secret block ("
    )
    assert "tulipharbour77" not in str(error.value)


@pytest.fixture
def unreachable_server() -> Iterator[None]:
    # Port 1 of loopback: nothing listens there.
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):
        yield


class Note(Block):
    """A block that is no secret."""

    value: str


@pytest.mark.slow
def test_blocks_of_a_real_server() -> None:
    blocks = PrefectBlocks()
    with prefect_test_harness(server_startup_timeout=60):
        ours = Secret(value=PASSWORD).save("fleet-run-x7k2")
        theirs = Secret(value="theirs").save("db-password")
        other = Note(value="no secret").save("a-note")
        number = Secret(value=7).save("a-number")
        assert blocks.read("fleet-run-x7k2") == PASSWORD
        assert blocks.read(str(theirs)) == "theirs"
        for reference in ("nobody", str(uuid4()), str(other), str(number), "a-note"):
            assert blocks.read(reference) is None
        assert blocks.made_by_us(str(ours))
        assert blocks.made_by_us("fleet-run-x7k2")
        assert not blocks.made_by_us("db-password")
        blocks.delete(str(ours))
        blocks.delete("fleet-run-x7k2")
        assert blocks.read("fleet-run-x7k2") is None


def _damage(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))
