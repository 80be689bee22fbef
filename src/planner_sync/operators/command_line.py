"""`planner-sync`: what stands between agents and Planner, and what an operator does about it. Needs
Redis alone.

Exit codes: 0 done, 1 nothing to do or not found, 2 wrong usage or Redis does not answer. Results go
to stdout, trouble to stderr; no line shows a URL.
"""

import asyncio
import functools
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import click
from redis.exceptions import RedisError

from planner_sync.errors import SettingsError
from planner_sync.model.records import TrashEntry
from planner_sync.operators import tables
from planner_sync.operators.console import Desk, open_desk
from planner_sync.operators.report import iso, status
from planner_sync.store.server.connection import why
from planner_sync.urls import fault_of_redis_url

NOTHING, WRONG = 1, 2


@dataclass(frozen=True)
class Answer:
    """`body` for programs and `text` for people; `trouble` says why nothing, or not everything, was
    done."""

    body: Any
    text: str = ""
    trouble: str = ""
    code: int = 0


Act = Callable[..., Awaitable[Answer]]


def nothing(trouble: str) -> Answer:
    return Answer(None, trouble=trouble, code=NOTHING)


def command(
    group: click.Group, name: str, wrong: Callable[..., str] = lambda **given: ""
) -> Callable[[Act], click.Command]:
    """Make `act(desk, …)` a command with the options that every command has; `wrong` says what is
    not right."""

    def decorate(act: Act) -> click.Command:
        @functools.wraps(act)
        def run(url: str, namespace: str, as_json: bool, **given: Any) -> None:
            if fault := fault_of_redis_url(url):
                raise click.UsageError(f"REDIS_URL (--url) {fault}")
            if mistake := wrong(**given):
                raise click.UsageError(mistake)
            _say(_ask(url, namespace, lambda desk: act(desk, **given)), as_json)

        for option in reversed(OPTIONS):
            run = option(run)
        return group.command(name)(run)

    return decorate


OPTIONS = (
    click.option(
        "--url",
        envvar="REDIS_URL",
        default="redis://localhost:6379/0",
        help="Redis. Better REDIS_URL.",
    ),
    click.option(
        "--namespace",
        envvar="PLANNER_SYNC_NAMESPACE",
        default="annika",
        help="PLANNER_SYNC_NAMESPACE.",
    ),
    click.option("--json", "as_json", is_flag=True, help="For programs."),
)


def _ask(url: str, namespace: str, act: Callable[[Desk], Awaitable[Answer]]) -> Answer:
    async def ask() -> Answer:
        async with open_desk(url, namespace) as desk:
            return await act(desk)

    try:
        return asyncio.run(ask())
    except SettingsError as error:
        return Answer(None, trouble="\n".join(error.lines), code=WRONG)
    except (RedisError, OSError) as error:
        trouble = f"Redis does not answer ({why(error)}): is it running, and is REDIS_URL right?"
        return Answer(None, trouble=trouble, code=WRONG)


def _say(answer: Answer, as_json: bool) -> None:
    if answer.body is not None:
        click.echo(
            json.dumps(answer.body, ensure_ascii=False, indent=2) if as_json else answer.text
        )
    if answer.trouble:
        click.echo(answer.trouble, err=True)
    sys.exit(answer.code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """See what stands between agents and Planner, and mend it. Needs Redis alone."""


@main.group()
def hold() -> None:
    """Plans whose deletes stopped."""


@main.group()
def trash() -> None:
    """Documents whose card was deleted."""


@main.group()
def failed() -> None:
    """Tasks that are not in step, and why."""


@command(main, "status")
async def show_status(desk: Desk) -> Answer:
    """Backlog, signs of life, and every plan."""
    snapshot = await desk.telemetry.snapshot()
    trashed = len(await desk.trash.entries())
    if not (
        snapshot.plans
        or snapshot.holds
        or snapshot.listeners
        or snapshot.backlog
        or snapshot.counters
    ):
        return nothing("No service has been at work here: is PLANNER_SYNC_NAMESPACE right?")
    plan_ids = sorted(snapshot.plans.keys() | snapshot.holds.keys())
    return Answer(
        {**status(snapshot, plan_ids), "trash": trashed}, tables.status_text(snapshot, trashed)
    )


# -- holds -----------------------------------------------------------------------------------------
@command(hold, "list")
async def list_holds(desk: Desk) -> Answer:
    """Which plans are held, and why."""
    snapshot, holds = await desk.telemetry.snapshot(details=False), await desk.holds.all()
    body = [
        {"planId": plan_id, **held.members(), "at": iso(held.at)} for plan_id, held in holds.items()
    ]
    return Answer(body, tables.holds_text(snapshot.now, holds))


@command(hold, "release")
@click.argument("plan")
async def release(desk: Desk, plan: str) -> Answer:
    """Carry the deletes of PLAN out that are held."""
    count = await desk.holds.release(plan)
    return _ended(plan, count, "deletes carried out", "; more are let through for ten minutes")


@command(hold, "restore")
@click.argument("plan")
async def restore(desk: Desk, plan: str) -> Answer:
    """Bring back what is missing in PLAN: documents, and cards made anew."""
    return _ended(plan, await desk.holds.restore(plan), "tasks brought back")


def _ended(plan: str, count: int | None, done: str, then: str = "") -> Answer:
    """How the hold of a plan ended; without a count there was none."""
    if count is None:
        return nothing(f"plan {plan}: nothing is held; planner-sync hold list shows what is")
    return Answer({"count": count}, f"plan {plan}: {done}: {count}{then}")


# -- trash -----------------------------------------------------------------------------------------
@command(trash, "list")
async def list_trash(desk: Desk) -> Answer:
    """What is in the trash, the latest first."""
    snapshot, entries = await desk.telemetry.snapshot(details=False), await desk.trash.entries()
    return Answer([_body(entry) for entry in entries], tables.trash_text(snapshot.now, entries))


@command(trash, "restore")
@click.argument("entry")
async def restore_from_trash(desk: Desk, entry: str) -> Answer:
    """Bring a document back, with a new card. ENTRY is a task's id (its latest entry counts) or a
    card's."""
    found = next(
        (e for e in await desk.trash.entries() if entry in (e.task_id, e.planner_id, e.name)), None
    )
    if found is None:
        return nothing(
            f"{entry}: nothing in the trash has this id; planner-sync trash list shows what is there"
        )
    if not await desk.trash.restore(found):
        return nothing(f"task {found.task_id}: there is a document already; nothing was changed")
    return Answer(_body(found), f"task {found.task_id}: is back, and gets a new card")


def _body(entry: TrashEntry) -> dict[str, Any]:
    return {
        "taskId": entry.task_id,
        "plannerId": entry.planner_id,
        "planId": entry.plan_id,
        "title": entry.title,
        "by": entry.by,
        "at": iso(entry.at),
        "document": json.loads(entry.renewed),
    }


# -- failures --------------------------------------------------------------------------------------
@command(failed, "list")
async def list_failures(desk: Desk) -> Answer:
    """Every task that is not in step, the latest first."""
    snapshot, failures = await desk.telemetry.snapshot(details=False), await desk.failures.all()
    body = [
        {
            "taskId": f.task_id,
            "code": f.code,
            "reason": f.reason,
            "retrying": f.retrying,
            "at": iso(f.at),
        }
        for f in failures
    ]
    return Answer(body, tables.failures_text(snapshot.now, failures))


def _not_one_way(task: str | None, everything: bool) -> str:
    return "name either a task or --all" if everything == bool(task) else ""


@command(failed, "retry", _not_one_way)
@click.argument("task", required=False)
@click.option("--all", "everything", is_flag=True, help="Whatever another look may mend.")
async def retry(desk: Desk, task: str | None, everything: bool) -> Answer:
    """Look at TASK again, at once; also when it was given up."""
    failures = [
        failure for failure in await desk.failures.all() if everything or failure.task_id == task
    ]
    ready = [failure.task_id for failure in failures if failure.may_be_retried]
    await desk.failures.retry(ready)
    final = [f"task {f.task_id}: {f.code}: {f.remedy}" for f in failures if not f.may_be_retried]
    if not failures:
        final = [f"task {task}: no failure is on record" if task else "no failure is on record"]
    if not ready:
        return nothing("\n".join(final))
    return Answer({"taskIds": ready}, f"tasks looked at again: {len(ready)}", "\n".join(final))
