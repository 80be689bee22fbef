"""One worker process of the Functions host, as far as the app can tell: it indexes, then carries
out invocations.

    python tests/host/worker.py

A line on stdin is what happens in one moment, names of functions that are invoked at once: `poll`,
`health`, `poll poll`. The answer is a line of JSON on stdout with an entry for each: null for a
timer, status and body for HTTP, the name of the error for what failed. `heard` gives the loggers of
the lines that came to the worker's own log handler. Between the lines the event loop runs on, as
the worker's does, and the end is a SIGKILL.
"""

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import azure.functions as func

import function_app


class Ear(logging.Handler):
    """The worker's handler: the host drops what comes to it outside an invocation."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.name)


async def invoke(name: str, function: Any) -> Any:
    if name == "poll":
        return await function(func.TimerRequest)
    answer = await function(func.HttpRequest("GET", f"http://localhost/api/{name}", body=b""))
    return [answer.status_code, json.loads(answer.get_body())]


async def main() -> None:
    ear = Ear()
    logging.getLogger().addHandler(ear)
    functions = {
        one.get_function_name(): one.get_user_function() for one in function_app.app.get_functions()
    }
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        names = line.split()
        if names == ["heard"]:
            answers: list[Any] = [ear.heard]
        else:
            done = await asyncio.gather(
                *(invoke(name, functions[name]) for name in names), return_exceptions=True
            )
            answers = [
                type(one).__name__ if isinstance(one, BaseException) else one for one in done
            ]
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
