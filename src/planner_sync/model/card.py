"""The card as a value."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from planner_sync.model.fields import DETAILS_FIELDS
from planner_sync.model.task import Value

# The namespace of the ids that we make for checklist items.
_ITEM_IDS = bytes.fromhex("5b0c6d0e3f524d0a9b7e6f1c2a94d1b7")


@dataclass(frozen=True)
class Card:
    """A plannerTask, with its details when they were read.

    Without them `details_etag` is None and no atom is of the details. `order` has the ids of the
    checklist's items, then the URLs of the references, each in the order in which people see them.
    """

    id: str
    plan_id: str
    etag: str
    details_etag: str | None
    atoms: Mapping[str, Value]
    order: tuple[str, ...]
    created_by_user: str | None
    created_by_app: str | None
    created_at: str


@dataclass(frozen=True)
class Names:
    """What ids mean in one plan.

    `buckets` are (id, name) in board order; `labels` maps `categoryN` to a name, or to None for a
    free label. `etag` is that of the plan's details, which hold the names of the labels.
    """

    buckets: tuple[tuple[str, str], ...]
    labels: dict[str, str | None]
    etag: str


def is_of_details(atom: str) -> bool:
    """Is the atom in the task's details, and so under their etag?"""
    return atom.split(" ", 1)[0] in DETAILS_FIELDS


def newer(etag_a: str, etag_b: str) -> bool:
    """Is `etag_a` of a later state than `etag_b` of the same resource? False when nothing tells."""
    order_a, order_b = etag_order(etag_a), etag_order(etag_b)
    return order_a is not None and order_b is not None and order_a > order_b


def etag_order(etag: str) -> bytes | None:
    """A sort key for the etags of one resource; None when the etag is unreadable.

    Planner promises that etags sort as strings, but Base64 breaks that: after some 830 writes the
    text of a newer etag sorts first. The bytes inside do sort.
    """
    match = re.fullmatch(r'(?:W/)?"([A-Za-z0-9+/]+=*)"', etag)
    try:
        return base64.b64decode(match[1], validate=True) if match else None
    except binascii.Error:
        return None


def item_id(planner_id: str, title: str, nth: int) -> str:
    """The id of the n-th checklist item with this title that came without a GUID: always the
    same."""
    # A UUID of version 5, made without the module that also draws them:
    # https://www.rfc-editor.org/rfc/rfc9562#section-5.5
    name = _ITEM_IDS + f"{planner_id}\n{nth}\n{title}".encode()
    digest = bytearray(hashlib.sha1(name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
