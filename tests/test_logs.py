"""Log lines: one for each record, without secrets, addresses and what is in a task."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from planner_sync.errors import Rejected
from planner_sync.logs import OneLine

SECRETS = ("correct-horse-battery", "demo", 'a"b+c/d&e')
SRC = Path(__file__).resolve().parents[1] / "src"


def line(message: str, *args: object, error: BaseException | None = None) -> str:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("planner_sync.test", logging.WARNING, "x.py", 1, message, args, info)
    return OneLine(SECRETS).format(record)


def test_a_line_has_the_time_in_utc_the_level_and_the_name():
    time, level, name, message = line("hello %s", "world").split(" ", 3)

    assert (len(time), time[-1]) == (24, "Z")
    assert (level, name, message) == ("WARNING", "planner_sync.test", "hello world")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("key correct-horse-battery!", "key ***!", id="a secret of the settings"),
        pytest.param("xcorrect-horse-batteryx", "x***x", id="inside a word"),
        pytest.param(
            "demo of demo-plan", "*** of demo-plan", id="a short one only where it stands alone"
        ),
        pytest.param(
            "Authorization: Bearer abc.def-123", "Authorization: Bearer ***", id="a bearer token"
        ),
        pytest.param(
            "redis://user:pa$$@word@host:1/0", "redis://user:***@host:1/0", id="a password in a URL"
        ),
        pytest.param("redis://:pass@host", "redis://:***@host", id="a password without a user"),
        pytest.param("got eyJhbGci.eyJzdWIi.sig_-1 back", "got *** back", id="a JWT"),
        pytest.param("client_secret=abc&scope=x", "client_secret=***&scope=x", id="a form"),
        pytest.param('{"access_token": "abc"}', '{"access_token": "***"}', id="a JSON answer"),
        pytest.param(
            "Authorization: Basic dXNlcjpwYXNz",
            "Authorization: Basic ***",
            id="a user with a password",
        ),
        pytest.param("refresh_token=abc", "refresh_token=***", id="a refresh token"),
        pytest.param('{"device_code":"abc"}', '{"device_code":"***"}', id="a device code"),
        pytest.param("x-functions-key: abc", "x-functions-key: ***", id="a function key"),
        pytest.param("f=a%22b%2Bc%2Fd%26e", "f=***", id="a secret in a form"),
        pytest.param(r'"a\"b+c/d&e"', '"***"', id="a secret in JSON"),
        pytest.param(
            "https://host:443/path", "https://host:443/path", id="a URL without a password"
        ),
    ],
)
def test_a_secret_is_hidden(text, shown):
    assert line("%s", text).endswith(f" {shown}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nobody is mira.novak+x@sub.example.com.", "nobody is ***."),
        ("GET /users/mira%40example.com?$select=id", "GET /users/***?$select=id"),
        ("zoë@exämple.org", "***"),
        ("task report@night: 3", "task report@night: 3"),
        ("planner-sync 0.1.0 at 12:00", "planner-sync 0.1.0 at 12:00"),
    ],
)
def test_an_address_is_hidden_and_the_id_of_a_task_is_not(text, shown):
    assert line("%s", text).endswith(f" {shown}")


def test_a_long_line_without_an_address_takes_no_time():
    """One that is looked at again from each of its letters would take minutes."""
    assert line("%s", "a." * 200_000).endswith("a.")


def test_what_planner_said_is_not_shown_for_it_may_repeat_a_task():
    refusal = Rejected(
        "PATCH /x: 400 BadRequest “The title 'Secret plans' is bad.” (request-id r-1)"
    )

    assert line("task t: %s", refusal).endswith(
        " task t: PATCH /x: 400 BadRequest “…” (request-id r-1)"
    )


def test_control_characters_cannot_forge_a_second_line():
    assert "\n" not in line("%s", "a\nERROR forged\r\x1b[31m\u2028")
    assert line("%s", "a\nb\x1b").endswith("a\\nb\\x1b")


@pytest.mark.parametrize("char", ["\u202e", "\u2066", "\u200f", "\u061c"])
def test_no_character_turns_the_direction_of_a_line(char):
    assert char not in line("%s", f"a{char}b")


def test_a_traceback_stays_in_the_line_and_hides_secrets_too():
    try:
        raise OSError("correct-horse-battery")
    except OSError as error:
        text = line("failed", error=error)

    assert "\n" not in text
    assert "OSError: ***" in text


def test_an_unforeseen_error_is_told_by_its_names_and_places_for_its_words_may_quote_a_task():
    title = "Velvetotter"
    try:
        try:
            int(title)
        except ValueError as error:
            raise ExceptionGroup(title, [KeyError(title)]) from error
    except ExceptionGroup as error:
        text = line("failed", error=error)

    assert title not in text
    assert [
        name
        for name in ("ValueError", "ExceptionGroup", "KeyError")
        if f"builtins.{name}" not in text
    ] == []
    assert "test_logs.py" in text


def test_the_last_words_of_a_process_are_a_line_like_any_other():
    dying = (
        "from planner_sync import logs; logs.to_stderr('', 'INFO', ['swordfish']); "
        "open('/swordfish/' + chr(10))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", dying], cwd=SRC, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert len(ended.stderr.splitlines()) == 1
    assert "swordfish" not in ended.stderr
    assert "FileNotFoundError" in ended.stderr


def test_a_line_that_cannot_be_made_shows_nothing_of_its_record():
    code = (
        "import logging; from planner_sync import logs; logs.to_stderr('', 'INFO', ['swordfish']); "
    )
    ended = subprocess.run(
        [sys.executable, "-c", code + "logging.getLogger('x').info('%d', 'swordfish')"],
        cwd=SRC,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "a line of x could not be written\n")
