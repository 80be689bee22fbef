"""Log lines: one for each record, without secrets."""

import logging

import pytest

from planner_sync.logs import OneLine

SECRETS = ("correct-horse-battery", "demo")


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
        pytest.param("demo of demo-plan", "*** of demo-plan", id="a short one only where it stands alone"),
        pytest.param("Authorization: Bearer abc.def-123", "Authorization: Bearer ***", id="a bearer token"),
        pytest.param("redis://user:pa$$@word@host:1/0", "redis://user:***@host:1/0", id="a password in a URL"),
        pytest.param("redis://:pass@host", "redis://:***@host", id="a password without a user"),
        pytest.param("got eyJhbGci.eyJzdWIi.sig_-1 back", "got *** back", id="a JWT"),
        pytest.param("client_secret=abc&scope=x", "client_secret=***&scope=x", id="a form"),
        pytest.param('{"access_token": "abc"}', '{"access_token": "***"}', id="a JSON answer"),
        pytest.param("https://host:443/path", "https://host:443/path", id="a URL without a password"),
    ],
)
def test_a_secret_is_hidden(text, shown):
    assert line("%s", text).endswith(f" {shown}")


def test_control_characters_cannot_forge_a_second_line():
    assert "\n" not in line("%s", "a\nERROR forged\r\x1b[31m\u2028")
    assert line("%s", "a\nb\x1b").endswith("a\\nb\\x1b")


@pytest.mark.parametrize("char", ["\u202e", "\u2066", "\u200f", "\u061c"])
def test_no_character_turns_the_direction_of_a_line(char):
    assert char not in line("%s", f"a{char}b")


def test_a_traceback_stays_in_the_line_and_hides_secrets_too():
    try:
        raise ValueError("correct-horse-battery")
    except ValueError as error:
        text = line("failed", error=error)

    assert "\n" not in text
    assert "ValueError: ***" in text
