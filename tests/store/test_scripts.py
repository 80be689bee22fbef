"""The headers of the scripts are true: keys, what is done with them, and the fields of orders."""

import re
from collections.abc import Iterator
from dataclasses import fields

import pytest
from redis.asyncio import Redis

from planner_sync.model.orders import DocumentSeen, LinkedCard, Order
from planner_sync.store import keys as keys_module
from planner_sync.store.keys import OF_NAMESPACE, OF_PLAN, Keys
from planner_sync.store.scripts import (
    SHARED,
    TASK,
    TASK_SCRIPTS,
    ScriptKey,
    Scripts,
    own_text,
    read_header,
    script_keys,
    script_names,
    script_text,
)
from planner_sync.store.task_repository import SCRIPT_OF

KEYS = Keys("ns")
ABOUT = KEYS.about("t", planner_id="card", plan_id="plan", old_plan_id="old plan")
OF_TASK = {"document", "task", "planner_id", "redis_id", "old_cards"}
OF_LISTS = {"trash_entries", "upload_lags", "download_lags"}
NAMES = OF_NAMESPACE | OF_PLAN | OF_TASK | OF_LISTS
every_script = pytest.mark.parametrize("script", script_names())


# -- keys ------------------------------------------------------------------------------------------
def functions() -> dict[str, str]:
    """The shared functions by their names."""
    text = own_text(SHARED) + own_text(TASK)
    found = re.findall(r"^local function (\w+)\((.*?)^end$", text, re.MULTILINE | re.DOTALL)
    return {name: f"({body}" for name, body in found}


def run_by(script: str) -> str:
    """The script's own text, and every shared function that it calls."""
    shared, text = functions(), own_text(script)
    left = set(shared)
    while called := {name for name in left if re.search(rf"\b{name}\(", text)}:
        text += "".join(shared[name] for name in called)
        left -= called
    return text


def used_keys(script: str) -> dict[str, set[str]]:
    """The keys that the script gives to Redis or to a function, with the commands of Redis."""
    found: dict[str, set[str]] = {}
    for command, name in re.findall(r"redis\.call\('(\w+)', (\w+)", run_by(script)):
        found.setdefault(name, set()).add(command.lower())
    for given in re.findall(r"\b(?:enqueue|leased|keep_lag)\(([\w, ]+)", run_by(script)):
        for name in given.split(", "):
            found.setdefault(name, set())
    return {name: commands for name, commands in found.items() if name in NAMES}


@every_script
def test_a_header_names_the_keys_that_its_script_uses(script: str) -> None:
    named = {key.name for key in script_keys(script)}
    if script == "read_server_clock":  # whichever key: it only says which server to ask
        assert used_keys(script) == {}
    else:
        assert used_keys(script).keys() == named


@every_script
def test_a_script_knows_its_keys_by_name_alone(script: str) -> None:
    text = re.sub(r"^-- .*$", "", own_text(script) + own_text(SHARED) + own_text(TASK), flags=re.M)
    assert "KEYS" not in text


@every_script
def test_a_key_has_the_type_that_the_table_of_keys_gives_it(script: str) -> None:
    table = dict(
        re.findall(
            r"^    (\S+?)(?::\{\w+\})?  +(string|hash|zset|list)", keys_module.__doc__ or "", re.M
        )
    )
    other = {"document": "string", "planner_id": "string", "redis_id": "string"}
    renamed = {"old_cards": "cards", "trash_entries": "trash:entries"}
    for key in script_keys(script):
        name = "lags" if key.name in OF_LISTS - {"trash_entries"} else key.name
        assert key.type == (other | table)[renamed.get(name, name)], key.name


@every_script
def test_every_key_of_a_script_has_a_name_in_a_namespace(script: str) -> None:
    found = [ABOUT[key.name] for key in script_keys(script)]
    assert len(set(found)) == len(found)
    assert all(key.startswith("ns:") for key in found)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("pending", "ns:sync:pending"),
        ("document", "ns:tasks:t"),
        ("task", "ns:sync:task:t"),
        ("planner_id", "ns:task:mapping:t"),
        ("redis_id", "ns:task:mapping:planner:card"),
        ("cards", "ns:sync:cards:plan"),
        ("old_cards", "ns:sync:cards:old plan"),
        ("trash_entries", "ns:sync:trash:entries"),
        ("upload_lags", "ns:sync:lags:upload"),
    ],
)
def test_a_name_stands_for_a_key(name: str, key: str) -> None:
    assert ABOUT[name] == key


def test_a_card_that_did_not_move_was_in_the_same_plan() -> None:
    assert KEYS.about("t", plan_id="plan")["old_cards"] == "ns:sync:cards:plan"


def test_what_a_users_rights_rest_on_is_what_the_script_does() -> None:
    said = {key.name: set(key.commands) for key in script_keys("save_document")}
    assert said == used_keys("save_document")


@pytest.mark.parametrize(
    ("header", "keys"),
    [
        pytest.param("-- KEYS[1]  a  hash  text\n", (ScriptKey("a", "hash"),), id="plain"),
        pytest.param(
            "-- KEYS[1]  a  hash  [hget hset]  text\n",
            (ScriptKey("a", "hash", ("hget", "hset")),),
            id="with commands",
        ),
        pytest.param("-- KEYS[2]  a  hash  text\n", None, id="the first is missing"),
        pytest.param("-- KEYS[1]  a b  hash  text\n", None, id="no name"),
        pytest.param("-- KEYS[1]  a  text\n", None, id="no type"),
        pytest.param("-- KEYS[1]  a  hash\n", None, id="no text"),
        pytest.param("-- KEYS[1]  a  hash  x\n-- KEYS[2]  a  hash  x\n", None, id="a name twice"),
    ],
)
def test_a_header_is_read(header: str, keys: tuple[ScriptKey, ...] | None) -> None:
    if keys is None:
        with pytest.raises(ValueError, match="script x: "):
            read_header("x", header)
    else:
        assert read_header("x", header) == keys


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "script extend_pause: the key pause is missing"),
        ({"pause": "p", "token": "t"}, "script extend_pause: it has no key token"),
    ],
)
async def test_a_call_that_differs_from_the_header_names_script_and_key(
    given: dict[str, str], said: str
) -> None:
    scripts = Scripts(Redis())
    with pytest.raises(TypeError, match=said):
        await scripts["extend_pause"](given, [1])


async def test_a_key_of_a_plan_is_missing_where_no_plan_was_given() -> None:
    scripts = Scripts(Redis())
    with pytest.raises(TypeError, match="script record_intent: the key creating is missing"):
        await scripts["record_intent"](KEYS.about("t"), [])


# -- orders ----------------------------------------------------------------------------------------
FOR_KEYS = {"plan_id", "old_plan_id"}  # may name keys and nothing else
SEEN = {"document", "size", "wrong_type"}  # every order has it, whether its script asks or not
OF_LEASE = {
    *("kind", "id", "token", "generation", "reason", "due_since", "listed_at"),
    *("write", "hash"),
}
ORDERS: dict[str, set[type]] = {
    script: {order for order, used in SCRIPT_OF.items() if used == script}
    for script in TASK_SCRIPTS
}


def fields_of(order: type) -> Iterator[str]:
    """What JSON has of an order: bytes travel beside it."""
    for each in fields(order):
        if each.name not in ("new", "text"):
            yield each.name
    parts = {"document": DocumentSeen, "card": LinkedCard}
    for name in parts.keys() & {each.name for each in fields(order)}:
        yield from fields_of(parts[name])


def said_of_order(script: str) -> set[str]:
    """The names in the header's `{…}` of the order, wherever its lines break."""
    header = own_text(script).split("-- ARGV[1]", 1)[1].split("-- ARGV[2]", 1)[0]
    line = re.sub(r"\n-- +", " ", header)
    return set(re.findall(r'(?<!: )(?<!\|)"(\w+)"', line))


def read_of_order(text: str) -> set[str]:
    """Every `o.<name>` and `o.<part>.<name>`."""
    plain = re.sub(r"--.*", "", text)
    return {
        name for names in re.findall(r"\bo\.(\w+(?:\.\w+)?)", plain) for name in names.split(".")
    }


@pytest.mark.parametrize("script", TASK_SCRIPTS)
def test_header_script_and_dataclasses_agree_on_an_order(script: str) -> None:
    of_orders = {name for order in ORDERS[script] for name in fields_of(order)}
    said = said_of_order(script)
    read = read_of_order(own_text(script))
    assert of_orders - FOR_KEYS <= said
    assert said <= of_orders | OF_LEASE
    assert read <= said
    assert said - FOR_KEYS - SEEN <= read | read_of_order(own_text(TASK))


def test_what_the_shared_part_reads_is_said_by_some_header() -> None:
    said = {name for script in TASK_SCRIPTS for name in said_of_order(script)}
    assert read_of_order(own_text(TASK)) <= said


def test_every_order_has_a_script_and_the_document_that_was_seen() -> None:
    for order in Order.__args__:
        assert SCRIPT_OF[order] in TASK_SCRIPTS
        (document,) = [each for each in fields(order) if each.name == "document"]
        assert document.type in (DocumentSeen, "DocumentSeen")


@pytest.mark.parametrize("script", TASK_SCRIPTS)
def test_a_script_that_carries_out_orders_is_short(script: str) -> None:
    code = [line for line in own_text(script).splitlines() if line and not line.startswith("--")]
    assert len(code) < 70
    assert own_text(TASK) in script_text(script)
