"""`python -m planner_emulator`: reads the command line, serves until SIGINT or SIGTERM, ends with 0
(2: a mistake)."""

import argparse
import asyncio
import random
import re
import signal
import sys

from planner_emulator.actors import User
from planner_emulator.app import create_app
from planner_emulator.control import Control
from planner_emulator.planner import Planner
from planner_emulator.serving import Server
from planner_emulator.switches import Switches
from planner_emulator.tokens import Tokens
from planner_emulator.world import DEFAULT_PLAN, SEEDED_USERS, World

_USAGE = 2


def main() -> int:
    wishes = _parser().parse_args()
    try:
        switches = Switches.parse(wishes.switch)
        planner = Planner(switches=switches, random=random.Random(wishes.seed))  # noqa: S311 - ids, not secrets
        seed(planner.world, wishes.plan, wishes.user)
    except ValueError as mistakes:
        sys.stderr.write(f"{mistakes}\n")
        return _USAGE
    return asyncio.run(
        _serve(
            Server(create_app(Control(planner, Tokens([wishes.token]))), wishes.host, wishes.port)
        )
    )


def seed(world: World, plans: list[str], users: list[str]) -> None:
    """Plans from `ID[=TITLE]`, people from `EMAIL[=GUID]`. ValueError: a badly formed id."""
    for text in users or SEEDED_USERS:
        email, _, guid = text.partition("=")
        if "@" not in email or (
            guid and not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", guid)
        ):
            raise ValueError(f"--user {text!r} is not EMAIL or EMAIL=GUID")
        world.add_user(User.named(email, guid))
    for number, text in enumerate(plans or [DEFAULT_PLAN], 1):
        plan_id, _, title = text.partition("=")
        if not re.fullmatch(r"[A-Za-z0-9_-]{28}", plan_id):
            raise ValueError(f"--plan {plan_id!r} is no id of 28 letters, digits, _ or -")
        world.add_plan(plan_id, title or ("Plan" if number == 1 else f"Plan {number}"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="planner_emulator", description="A local Microsoft Planner over HTTP."
    )
    parser.add_argument("--port", type=int, required=True, help="0 takes any free port")
    parser.add_argument("--token", required=True, help="the bearer token that clients must send")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--switch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="see README.md; repeatable",
    )
    parser.add_argument(
        "--plan", action="append", default=[], metavar="ID[=TITLE]", help="repeatable"
    )
    parser.add_argument(
        "--user", action="append", default=[], metavar="EMAIL[=GUID]", help="repeatable"
    )
    parser.add_argument("--seed", type=int, default=None, help="makes ids and delays repeat")
    return parser


async def _serve(server: Server) -> int:
    """Serve until a signal. A port that cannot be had ends the process with 3 and uvicorn's line
    about it."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Explicitly, since a parent may have started us with SIGINT ignored.
        loop.add_signal_handler(number, server.stop)
    announcing = asyncio.create_task(_announce(server))
    await server.serve()
    announcing.cancel()
    return 0


async def _announce(server: Server) -> None:
    await server.listening.wait()
    url = f"http://{server.config.host}:{server.port}"
    sys.stdout.write(f"Planner emulator: Graph at {url}/v1.0, board at {url}/\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
