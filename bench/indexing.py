"""Indexing of function_app.py against that of an app that does nothing: both as the worker does it,
in a fresh process.

The worker has loaded azure.functions before it indexes, so that is not counted.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.figures import Figure, ms

ROOT = Path(__file__).resolve().parent.parent
TIMES = 21

INDEX = """
import importlib, sys, time
import azure.functions
sys.path.insert(0, sys.argv[1])
started = time.perf_counter()
functions = importlib.import_module("function_app").app.get_functions()
print(len(functions), time.perf_counter() - started)
"""
EMPTY = """
import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(schedule="0 0 * * * *", arg_name="timer")
async def poll(timer: func.TimerRequest) -> None: ...
"""
ROUTE = """

@app.route(route="route{n}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def route{n}(req: func.HttpRequest) -> func.HttpResponse: ...
"""


async def measure() -> list[Figure]:
    functions, _ = await _index(ROOT)  # also leaves the compiled files there, as a deployment does
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder)
        routes = "".join(ROUTE.format(n=n) for n in range(functions - 1))
        (empty / "function_app.py").write_text(EMPTY + routes, encoding="utf-8")
        same, _ = await _index(empty)
        assert same == functions
        pairs = [((await _index(ROOT))[1], (await _index(empty))[1]) for _ in range(TIMES)]
    ours, theirs = (median(taken) for taken in zip(*pairs, strict=True))
    return [
        Figure(
            "indexing of function_app.py, p50",
            f"an empty app of {functions} functions, ms more",
            (ours - theirs) * 1000,
            50,
            f"{ms(ours)} / {ms(theirs)}, {ours / theirs:.0f} times",
        )
    ]


async def _index(folder: Path) -> tuple[int, float]:
    """How many functions the app of this folder has, and the seconds that it took to find them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", INDEX, str(folder), cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{folder}: cannot be indexed, see above")
    functions, seconds = printed.split()
    return int(functions), float(seconds)
