"""The Function App without its host: one tick a second, as a timer would, and the listener in
between."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import azure.functions as func

import function_app


async def main() -> None:
    functions = {
        one.get_function_name(): one.get_user_function() for one in function_app.app.get_functions()
    }
    while True:
        await functions["poll"](func.TimerRequest)
        await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(main())
