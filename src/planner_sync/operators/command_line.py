"""`planner-sync`, the operators' command line: status, holds, trash, failures, users for Redis.
Needs Redis alone.

Exit codes: 0 done; 1 nothing to do, or not found; 2 wrong usage, or Redis does not answer. Results
go to stdout, problems to stderr. No line shows a URL.
"""

import asyncio
import functools
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from redis.exceptions import RedisError

from planner_sync.errors import SettingsError
from planner_sync.model.records import TrashEntry
from planner_sync.operators import acl, tables
from planner_sync.operators.console import Console, open_console
from planner_sync.operators.report import iso, status
from planner_sync.store.failures import Failure
from planner_sync.store.server.connection import describe
from planner_sync.urls import problem_with_redis_url

NOTHING, WRONG = 1, 2
NAMESPACE_SETTING = "PLANNER_SYNC_NAMESPACE"
DEFAULT_NAMESPACE = "annika"

OPTIONS = (
    click.option(
        "--url",
        envvar="REDIS_URL",
        default="redis://localhost:6379/0",
        show_envvar=True,
        help="Address of Redis. Prefer REDIS_URL: process lists show options.",
    ),
    click.option(
        "--namespace",
        envvar=NAMESPACE_SETTING,
        default=DEFAULT_NAMESPACE,
        show_envvar=True,
        help="First part of every key.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print JSON."),
)


@dataclass(frozen=True)
class CommandResult:
    """`body` for programs, `text` for people. `problem` says what was not done, and why."""

    body: Any
    text: str = ""
    problem: str = ""
    code: int = 0


Act = Callable[..., Awaitable[CommandResult]]
Check = Callable[..., str]  # the arguments of a command → what is wrong with them, or ""


def nothing(problem: str) -> CommandResult:
    return CommandResult(None, problem=problem, code=NOTHING)


def _accept_all(**arguments: Any) -> str:
    return ""


def command(
    group: click.Group, name: str, check: Check = _accept_all
) -> Callable[[Act], click.Command]:
    """A decorator: `act(console, …)` becomes a command of the group, with OPTIONS."""

    def decorate(act: Act) -> click.Command:
        @functools.wraps(act)
        def run(url: str, namespace: str, as_json: bool, **arguments: Any) -> None:
            problem = problem_with_redis_url(url)
            if problem:
                raise click.UsageError(f"REDIS_URL (--url) {problem}")
            mistake = check(**arguments)
            if mistake:
                raise click.UsageError(mistake)
            result = _with_console(url, namespace, lambda console: act(console, **arguments))
            _finish(result, as_json)

        for option in reversed(OPTIONS):
            run = option(run)
        return group.command(name)(run)

    return decorate


def _with_console(
    url: str,
    namespace: str,
    act: Callable[[Console], Awaitable[CommandResult]],
) -> CommandResult:
    async def run() -> CommandResult:
        async with open_console(url, namespace) as console:
            return await act(console)

    try:
        return asyncio.run(run())
    except SettingsError as error:
        return CommandResult(None, problem="\n".join(error.lines), code=WRONG)
    except (RedisError, OSError) as error:
        reason = describe(error)
        problem = f"Redis does not answer ({reason}): is it running, and is REDIS_URL right?"
        return CommandResult(None, problem=problem, code=WRONG)


def _finish(result: CommandResult, as_json: bool) -> None:
    """Print the result and end the process."""
    if result.body is not None and as_json:
        click.echo(json.dumps(result.body, ensure_ascii=False, indent=2))
    elif result.body is not None:
        click.echo(result.text)
    if result.problem:
        click.echo(result.problem, err=True)
    sys.exit(result.code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """See what keeps tasks out of sync, and fix it. Needs Redis alone."""


@main.group()
def hold() -> None:
    """Plans whose deletes are held."""


@main.group()
def trash() -> None:
    """Documents whose card was deleted."""


@main.group()
def failed() -> None:
    """Tasks that are out of sync, and why."""


@command(main, "status")
async def show_status(console: Console) -> CommandResult:
    """Backlog, heartbeats and every plan."""
    snapshot = await console.telemetry.snapshot()
    trashed = len(await console.trash.entries())
    traces = (snapshot.plans, snapshot.holds, snapshot.listeners, snapshot.counters)
    if not any(traces) and not snapshot.backlog:
        return nothing(f"No service has run in this namespace: is {NAMESPACE_SETTING} right?")
    plan_ids = sorted(snapshot.plans.keys() | snapshot.holds.keys())
    body = {**status(snapshot, plan_ids), "trash": trashed}
    return CommandResult(body, tables.status_text(snapshot, trashed))


# -- holds -----------------------------------------------------------------------------------------
@command(hold, "list")
async def list_holds(console: Console) -> CommandResult:
    """Plans that are held, and why."""
    snapshot = await console.telemetry.snapshot(details=False)
    holds = await console.holds.all()
    body = [
        {"planId": plan_id, **held.members(), "at": iso(held.at)} for plan_id, held in holds.items()
    ]
    return CommandResult(body, tables.holds_text(snapshot.now, holds))


@command(hold, "release")
@click.argument("plan")
async def release(console: Console, plan: str) -> CommandResult:
    """Carry out the deletes that are held in PLAN."""
    count = await console.holds.release(plan)
    if count is None:
        return _not_held(plan)
    text = f"plan {plan}: deletes released: {count}; more are let through for ten minutes"
    return CommandResult({"count": count}, text)


@command(hold, "restore")
@click.argument("plan")
async def restore(console: Console, plan: str) -> CommandResult:
    """Undo the deletes that are held in PLAN: restore documents, recreate cards."""
    count = await console.holds.restore(plan)
    if count is None:
        return _not_held(plan)
    return CommandResult({"count": count}, f"plan {plan}: tasks restored: {count}")


def _not_held(plan: str) -> CommandResult:
    return nothing(f"plan {plan}: not held; see planner-sync hold list")


# -- trash -----------------------------------------------------------------------------------------
@command(trash, "list")
async def list_trash(console: Console) -> CommandResult:
    """The trash, latest first."""
    snapshot = await console.telemetry.snapshot(details=False)
    entries = await console.trash.entries()
    body = [_entry_body(entry) for entry in entries]
    return CommandResult(body, tables.trash_text(snapshot.now, entries))


@command(trash, "restore")
@click.argument("entry")
async def restore_from_trash(console: Console, entry: str) -> CommandResult:
    """Restore a document; it gets a new card.

    ENTRY is the id of a task or of a card. A task's latest entry counts.
    """
    found = _entry_named(entry, await console.trash.entries())
    if found is None:
        return nothing(f"{entry}: not in the trash; see planner-sync trash list")
    if not await console.trash.restore(found):
        return nothing(f"task {found.task_id}: the document exists; nothing was changed")
    text = f"task {found.task_id}: restored; it will get a new card"
    return CommandResult(_entry_body(found), text)


def _entry_named(name: str, entries: list[TrashEntry]) -> TrashEntry | None:
    """The first entry of this task, card or name; entries come latest first."""
    for entry in entries:
        if name in (entry.task_id, entry.planner_id, entry.name):
            return entry
    return None


def _entry_body(entry: TrashEntry) -> dict[str, Any]:
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
async def list_failures(console: Console) -> CommandResult:
    """Every task that is out of sync, latest first."""
    snapshot = await console.telemetry.snapshot(details=False)
    failures = await console.failures.all()
    body = [_failure_body(failure) for failure in failures]
    return CommandResult(body, tables.failures_text(snapshot.now, failures))


def _failure_body(failure: Failure) -> dict[str, Any]:
    return {
        "taskId": failure.task_id,
        "code": failure.code,
        "reason": failure.reason,
        "retrying": failure.retrying,
        "at": iso(failure.at),
    }


def _check_retry(task: str | None, everything: bool) -> str:
    if everything == bool(task):
        return "give either TASK or --all"
    return ""


@command(failed, "retry", _check_retry)
@click.argument("task", required=False)
@click.option("--all", "everything", is_flag=True, help="Every task that a retry may help.")
async def retry(console: Console, task: str | None, everything: bool) -> CommandResult:
    """Retry TASK now, even if the service has given it up."""
    failures = [
        failure for failure in await console.failures.all() if everything or failure.task_id == task
    ]
    if not failures:
        return nothing(f"task {task}: no failure on record" if task else "no failure on record")
    retried = [failure.task_id for failure in failures if failure.may_be_retried]
    final = [failure for failure in failures if not failure.may_be_retried]
    problem = "\n".join(f"task {each.task_id}: {each.code}: {each.remedy}" for each in final)
    if not retried:
        return nothing(problem)
    await console.failures.retry(retried)
    text = f"tasks queued for a retry: {len(retried)}"
    return CommandResult({"taskIds": retried}, text, problem)


# -- users -----------------------------------------------------------------------------------------
@main.command("acl")
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    envvar=NAMESPACE_SETTING,
    default=(DEFAULT_NAMESPACE,),
    show_envvar=True,
    help="First part of every key; may be repeated.",
)
@click.option(
    "--passwords",
    type=click.Path(path_type=Path),
    help="File with lines `user password`. Missing passwords are generated and appended.",
)
def print_acl(namespaces: tuple[str, ...], passwords: Path | None) -> None:
    """Print Redis users as an ACL file. Opens no connection."""
    wanted = list(dict.fromkeys(namespaces))
    try:
        known = {} if passwords is None else acl.passwords_from(passwords, wanted)
        text = "\n".join(acl.lines(wanted, known))
    except (ValueError, OSError) as error:
        _finish(CommandResult(None, problem=str(error), code=WRONG), as_json=False)
    else:
        click.echo(text)
