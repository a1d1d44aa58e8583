"""What every `Records` and every `Secrets` must do, the real ones and the fakes alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from flows.adapters.site import Records, Secrets
from flows.domain.errors import EffectFailed, Refused, Superseded
from flows.domain.instance import Status
from flows.domain.operations import OperationStatus, Rating, Run, Trace
from flows.domain.quotas import NOTHING, Amount
from tests.adapters.record_samples import NOON, instance, machine, operation, wish


def records_contract(records: Records, living: Run, gone: Run) -> None:
    """Holds for empty records; `living` is a run whose process lives, `gone` one whose does not."""
    _instances_are_found_by_name_and_id(records)
    _a_deleted_instance_frees_its_name(records)
    _names_and_ids_do_not_collide(records)
    _a_wish_is_revised(records)
    _the_quotas_are_kept(records)
    _machines_are_kept_until_they_are_forgotten(records)
    _a_living_operation_keeps_others_away(records, living)
    _one_name_is_created_once_at_a_time(records, living)
    _a_closed_operation_holds_nothing(records, living)
    _a_dead_operation_is_taken_over(records, living, gone)
    _notes_hold_nothing(records, living)
    _history_is_newest_first(records, living)
    _ended_operations_are_forgotten(records, living, gone)
    _traces_keep_their_order(records)
    _only_the_holder_sets_a_status(records, living)
    _who_holds_nothing_sets_a_status_only_at_rest(records, living, gone)


def _instances_are_found_by_name_and_id(records: Records) -> None:
    row = instance("aaaa1111", "orders")
    records.add(row)
    assert records.find("orders") == row
    assert records.find("aaaa1111") == row
    assert records.find("nobody") is None
    records.set_status("aaaa1111", Status.FAULTY, "broker 2 does not answer")
    records.set_observed("aaaa1111", {"controller": 2})
    changed = replace(
        row, status=Status.FAULTY, reason="broker 2 does not answer", observed={"controller": 2}
    )
    assert records.find("orders") == changed
    assert changed in records.living()
    with pytest.raises(EffectFailed, match="there is no instance with the id nobody"):
        records.set_status("nobody", Status.RUNNING)


def _a_deleted_instance_frees_its_name(records: Records) -> None:
    records.add(instance("bbbb2222", "second"))
    assert records.find_deleted("second") is None
    records.set_status("bbbb2222", Status.DELETED)
    assert records.find("second") is None
    assert records.find("bbbb2222") is None
    assert "bbbb2222" not in {row.id for row in records.living()}
    again = replace(instance("bbbb3333", "second"), created=NOON + timedelta(hours=1))
    records.add(again)
    assert records.find("second") == again
    records.set_status("bbbb3333", Status.DELETED)
    youngest = records.find_deleted("second")
    assert youngest is not None
    assert youngest.id == "bbbb3333"


def _names_and_ids_do_not_collide(records: Records) -> None:
    records.add(instance("cccc1111", "third"))
    with pytest.raises(Refused) as taken:
        records.add(instance("cccc2222", "third"))
    assert str(taken.value) == 'name "third": the instance cccc1111 has it; choose another'
    for id in ("cccc1111", "bbbb2222", "cccc2222"):
        with pytest.raises(Refused) as is_id:
            records.add(instance("cccc2222", id))
        assert str(is_id.value) == f'name "{id}": it is the id of an instance; choose another'
    assert records.find("cccc2222") is None


def _a_wish_is_revised(records: Records) -> None:
    row = instance("revi1111", "revised")
    records.add(row)
    records.add(instance("revi2222", "neighbour"))
    renamed = row.wish.model_copy(update={"name": "renamed", "description": "new"})
    assert records.revise("revi1111", row.wish, epoch=7) == 1
    assert records.revise("revi1111", renamed, epoch=7) == 2
    assert records.revise("revi1111", renamed, epoch=8) == 2
    assert records.find("revised") is None
    assert records.find("renamed") == replace(row, wish=renamed, revision=2)
    first, second = records.wishes("revi1111")
    assert (first.number, first.wish) == (1, row.wish)
    assert (second.number, second.wish, second.operation) == (2, renamed, 7)
    assert records.wishes("nobody") == ()
    with pytest.raises(Refused) as taken:
        records.revise("revi1111", renamed.model_copy(update={"name": "neighbour"}), epoch=9)
    assert str(taken.value) == 'name "neighbour": the instance revi2222 has it; choose another'
    with pytest.raises(EffectFailed, match="there is no instance with the id nobody"):
        records.revise("nobody", renamed, epoch=9)
    for id in ("revi1111", "revi2222"):
        with pytest.raises(Refused) as is_id:
            records.revise("revi1111", renamed.model_copy(update={"name": id}), epoch=9)
        assert str(is_id.value) == f'name "{id}": it is the id of an instance; choose another'


def _the_quotas_are_kept(records: Records) -> None:
    before = records.allowance("quot1111")
    assert before.present == NOTHING
    records.add(instance("quot1111", "bounded", brokers=4, storage_per_broker=200))
    after = records.allowance("quot1111")
    assert after.present == Amount(1, 4, 800)
    assert (after.used, after.quotas) == (before.used + after.present, before.quotas)
    room = after.quotas - after.used
    much = wish("bounded", brokers=4 + room.brokers, storage_per_broker=100)
    more = much.model_copy(update={"brokers": much.brokers + 1})
    assert records.revise("quot1111", much, epoch=7) == 2
    with pytest.raises(Refused, match="quota_brokers: 1000 of 1000 are used and 1 more asked for"):
        records.revise("quot1111", more, epoch=7)
    with pytest.raises(Refused, match="quota_brokers: 1000 of 1000 are used and 3 more asked for"):
        records.add(instance("quot2222", "beyond"))
    assert records.find("beyond") is None
    records.set_status("quot1111", Status.DELETED)
    assert records.allowance("quot1111") == before


def _machines_are_kept_until_they_are_forgotten(records: Records) -> None:
    records.add(instance("dddd1111", "fourth"))
    assert records.machines("dddd1111") == ()
    made = [machine("dddd1111", broker) for broker in (2, 1, 3)]
    for one in made:
        records.keep_machine("dddd1111", one)
    pinned = replace(made[0], host_key="ssh-ed25519 BBBB")
    records.keep_machine("dddd1111", pinned)
    assert records.machines("dddd1111") == (made[1], pinned, made[2])
    assert records.machines("aaaa1111") == ()
    records.forget_machine("dddd1111", made[1].name)
    records.forget_machine("aaaa1111", pinned.name)
    assert records.machines("dddd1111") == (pinned, made[2])
    records.forget_machines("dddd1111")
    assert records.machines("dddd1111") == ()
    records.forget_machines("dddd1111")


def _a_living_operation_keeps_others_away(records: Records, living: Run) -> None:
    first = records.open(operation("eeee1111", "fifth", living))
    assert first.epoch > 0
    assert records.holds(first.epoch)
    assert records.holder("eeee1111") == first
    with pytest.raises(Refused) as second:
        records.open(operation("eeee1111", "fifth", living, verb="delete-instance"))
    assert str(second.value) == (
        'instance "fifth": create-instance is running on it, asked for by bob, started '
        f"2026-05-04 12:00:00 UTC, see {living.link}; one changing operation at a time is accepted"
    )
    assert records.holds(first.epoch)
    elsewhere = records.open(operation("eeee2222", "other", living))
    assert elsewhere.epoch > first.epoch


def _one_name_is_created_once_at_a_time(records: Records, living: Run) -> None:
    records.open(operation("ffff1111", "sixth", living))
    with pytest.raises(Refused, match='instance "sixth": create-instance is running on it'):
        records.open(operation("ffff2222", "sixth", living))


def _a_closed_operation_holds_nothing(records: Records, living: Run) -> None:
    first = records.open(operation("gggg1111", "seventh", living))
    records.close(first.epoch, OperationStatus.FAILED, "no room", {"brokers": 0})
    assert not records.holds(first.epoch)
    assert records.holder("gggg1111") is None
    (line,) = records.history("seventh")
    assert (line.status, line.reason) == (OperationStatus.FAILED, "no room")
    assert line.result == {"brokers": 0}
    assert line.finished is not None
    with pytest.raises(Superseded, match=f"operation {first.epoch}: it does not run any more"):
        records.close(first.epoch, OperationStatus.SUCCESSFUL, "", {})
    assert records.history("seventh") == (line,)
    assert records.open(operation("gggg1111", "seventh", living)).epoch > first.epoch


def _a_dead_operation_is_taken_over(records: Records, living: Run, gone: Run) -> None:
    dead = records.open(operation("hhhh1111", "eighth", gone))
    assert records.holder("hhhh1111") is None
    (seen,) = records.history("eighth")
    assert seen.status is OperationStatus.INTERRUPTED
    heir = records.open(operation("hhhh1111", "eighth", living, verb="delete-instance"))
    assert heir.epoch > dead.epoch
    assert records.holds(heir.epoch)
    assert not records.holds(dead.epoch)
    newest, oldest = records.history("hhhh1111")
    assert newest == heir
    assert oldest.status is OperationStatus.INTERRUPTED
    assert oldest.reason == ("its process ended without a report; delete-instance of bob took over")
    with pytest.raises(Superseded):
        records.close(dead.epoch, OperationStatus.SUCCESSFUL, "", {})


def _notes_hold_nothing(records: Records, living: Run) -> None:
    refused = replace(
        operation(None, "ninth", living), status=OperationStatus.REFUSED, reason="2 zones"
    )
    noted = records.note(refused)
    assert noted == replace(refused, epoch=noted.epoch)
    assert not records.holds(noted.epoch)
    assert records.history("ninth") == (noted,)
    held = records.open(operation("iiii1111", "ninth", living))
    assert held.epoch > noted.epoch


def _history_is_newest_first(records: Records, living: Run) -> None:
    epochs = [row.epoch for row in records.history(None)]
    assert epochs == sorted(set(epochs), reverse=True)
    assert len(epochs) > 5
    assert records.history("nobody") == ()


def _ended_operations_are_forgotten(records: Records, living: Run, gone: Run) -> None:
    ended = records.open(operation("forg1111", "forgotten", living))
    records.close(ended.epoch, OperationStatus.FAILED, "no room", {})
    noted = records.note(replace(operation(None, "forgotten", gone)))
    alive = records.open(operation("forg2222", "forgotten", living))
    numbers = [ended.epoch, noted.epoch, alive.epoch, alive.epoch + 1000]
    assert records.forget_operations([]) == 0
    assert records.forget_operations(numbers) == 2
    assert records.history("forgotten") == (alive,)
    assert records.holds(alive.epoch)
    assert records.forget_operations(numbers) == 0
    records.close(alive.epoch, OperationStatus.SUCCESSFUL, "", {})
    assert records.forget_operations([alive.epoch]) == 1
    assert records.open(operation("forg1111", "forgotten", living)).epoch > alive.epoch


def _traces_keep_their_order(records: Records) -> None:
    first = Trace("createDMSInstanceTaskSuccess", "bob", "cli", "tenth", {"brokers": 3}, "done")
    second = replace(first, name="deleteDMSInstanceTaskFailure", rating=Rating.INCIDENT)
    records.trace(first)
    records.trace(second)
    assert records.traces("tenth") == (first, second)
    assert records.traces()[-2:] == (first, second)
    older, newer = records.traces("tenth")
    assert older.time is not None
    assert newer.time is not None
    assert newer.time >= older.time
    assert newer.number > older.number
    assert records.forget_traces(older.time - timedelta(days=2)) == 0
    assert records.traces("tenth") == (first, second)


def _only_the_holder_sets_a_status(records: Records, living: Run) -> None:
    records.add(instance("jjjj1111", "eleventh"))
    held = records.open(operation("jjjj1111", "eleventh", living))
    records.set_status("jjjj1111", Status.CHANGING, "", held.epoch)
    records.close(held.epoch, OperationStatus.FAILED, "", {})
    with pytest.raises(Superseded, match=f"operation {held.epoch}: it does not run any more"):
        records.set_status("jjjj1111", Status.RUNNING, "", held.epoch)
    found = records.find("eleventh")
    assert found is not None
    assert found.status is Status.CHANGING


def _who_holds_nothing_sets_a_status_only_at_rest(records: Records, living: Run, gone: Run) -> None:
    id = "kkkk1111"
    records.add(instance(id, "twelfth"))
    assert not records.set_status_at_rest(id, Status.RUNNING, Status.FAULTY, "too late")
    assert not records.set_status_at_rest("nobody", Status.RUNNING, Status.FAULTY, "")
    assert records.set_status_at_rest(id, Status.CREATING, Status.RUNNING, "as it was")
    dead = records.open(operation(id, "twelfth", gone))
    assert records.set_status_at_rest(id, Status.RUNNING, Status.FAULTY, "broker 1 is silent")
    records.open(operation(id, "twelfth", living))
    assert not records.holds(dead.epoch)
    assert not records.set_status_at_rest(id, Status.FAULTY, Status.RUNNING, "held")
    found = records.find("twelfth")
    assert found is not None
    assert (found.status, found.reason) == (Status.FAULTY, "broker 1 is silent")


def secrets_contract(secrets: Secrets) -> None:
    """Holds for an empty store without any block."""
    assert secrets.keep("aaaa1111", "password", lambda: "a") == "a"
    assert secrets.keep("aaaa1111", "password", lambda: "b") == "a"
    assert secrets.get("aaaa1111", "password") == "a"
    assert secrets.get("aaaa1111", "other") is None
    assert secrets.get("bbbb2222", "password") is None
    secrets.put("aaaa1111", "password", "Grüße\n'\"\\")
    secrets.put("aaaa1111", "empty", "")
    secrets.put("bbbb2222", "password", "b")
    assert secrets.get("aaaa1111", "password") == "Grüße\n'\"\\"
    assert secrets.keep("aaaa1111", "empty", lambda: "other") == ""
    secrets.drop("aaaa1111", "empty")
    secrets.drop("aaaa1111", "empty")
    assert secrets.get("aaaa1111", "empty") is None
    assert secrets.get("aaaa1111", "password") is not None
    secrets.forget("aaaa1111")
    secrets.forget("aaaa1111")
    assert secrets.get("aaaa1111", "password") is None
    assert secrets.get("bbbb2222", "password") == "b"
    with pytest.raises(Refused) as unknown:
        secrets.resolve("Secret-Typed-Here-1")
    assert "Secret-Typed-Here-1" not in str(unknown.value)
    assert str(unknown.value).startswith("secret: there is no Secret block")
    secrets.discard("Secret-Typed-Here-1")
