"""What a call is placed with: its id, its script, the words for the script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Script:
    """A script at the provider."""

    instance_id: str
    script_id: str


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody in a mediation."""

    person_type: int
    name: str
    honorific: str | None


def job_id(now: datetime, uuid: UUID) -> str:
    """Return the id of a call: 13 digits of milliseconds since 1970 and the last three groups of a UUID."""
    return f"{(now - _EPOCH) // _MILLISECOND:013d}-{'-'.join(str(uuid).split('-')[2:])}"


def script_for(scripts: Sequence[Mapping[str, Any]], parties: Sequence[Named], index: int) -> Script | None:
    """Choose the script of a party: those of its role, else those for every role; the k-th party takes the k-th.

    Args:
        scripts: A node's ``{personType, instanceId, scriptId}``; ``personType`` null serves every role.
        parties: Everybody in the mediation, in their order.
        index: Whose script is wanted.
    """
    role = parties[index].person_type
    own = [entry for entry in scripts if entry.get("personType") == role]
    usable = own or [entry for entry in scripts if entry.get("personType") is None]
    if not usable:
        return None
    place = sum(party.person_type == role for party in parties[:index])
    chosen = usable[place % len(usable)]
    instance_id, script_id = chosen.get("instanceId"), chosen.get("scriptId")
    return Script(str(instance_id), str(script_id)) if instance_id and script_id else None


def words_for(
    parties: Sequence[Named], index: int, *, title: str, task_name: str, agreement: str | None
) -> dict[str, str]:
    """Return what a script may say: names, forms of address, the agreement; without those that nobody knows."""
    party = parties[index]
    other = next((item for place, item in enumerate(parties) if place != index), None)
    words = {
        "name": party.name,
        "honorific": party.honorific,
        "otherName": other and other.name,
        "otherHonorific": other and other.honorific,
        "agreement": agreement,
        "title": title,
        "taskName": task_name,
    }
    return {key: value for key, value in words.items() if value}
