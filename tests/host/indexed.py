"""The Function App as indexing sees it. An app gives its functions only once, so all tests of a
process share them."""

import functools
import json
from collections.abc import Callable
from typing import Any

import azure.functions as func

import function_app


@functools.cache
def _indexed() -> tuple[func.Function, ...]:
    return tuple(function_app.app.get_functions())


def bindings() -> dict[str, list[dict[str, object]]]:
    """The bindings of each function by its name, the trigger first."""
    return {
        one.get_function_name(): [json.loads(raw) for raw in one.get_raw_bindings()]
        for one in _indexed()
    }


def functions() -> dict[str, Callable[..., Any]]:
    """What is invoked, by the name of its function."""
    return {one.get_function_name(): one.get_user_function() for one in _indexed()}
