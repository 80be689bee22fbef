"""The pages in a real browser under their Content-Security-Policy: they work, and what they must
not do is stopped."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator_process import Emulator

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from tests.emulator.browser import Page

pytestmark = pytest.mark.browser


class Elsewhere:
    """Another site on this machine: keeps what is asked of it, and answers everything with
    `page`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.page = ""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:
                self.asked.append(handler.path)
                handler.send_response(200)
                handler.send_header("Content-Type", "text/html")
                handler.send_header("Access-Control-Allow-Origin", "*")
                handler.end_headers()
                handler.wfile.write(self.page.encode())

            def log_message(handler, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    site = Elsewhere()
    thread = threading.Thread(target=site.server.serve_forever, daemon=True)
    thread.start()
    yield site
    site.server.shutdown()
    site.server.server_close()
    thread.join(10)


@pytest.fixture
def page(browser: Chrome, emulator: Emulator) -> Page:
    """The board, loaded; what the console said meanwhile is still to be read."""
    from tests.emulator.browser import Page

    browser.get("about:blank")
    page = Page(browser)
    page.complaints()
    browser.get(emulator.page)
    page.until(lambda: len(page.all(".column")) == 3)
    return page


# Keeps each violation of the policy from here on.
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
    window.violations.push(event.effectiveDirective));
"""


def adds(place: str, tag: str, properties: str) -> str:
    """JavaScript that adds an element to the head or the body of the page."""
    element = f"Object.assign(document.createElement('{tag}'), {{{properties}}})"
    return f"document.{place}.append({element})"


# What a page could try on behalf of somebody who got a script or a mark-up of theirs into it.
TRIES = {
    "img-src": adds("body", "img", "src: arguments[0]"),
    "connect-src": "fetch(arguments[0]).catch(() => 0); navigator.sendBeacon(arguments[0])",
    "script-src-elem": adds("head", "script", "src: arguments[0]"),
    "style-src-elem": adds("head", "link", "rel: 'stylesheet', href: arguments[0]"),
    "frame-src": adds("body", "iframe", "src: arguments[0]"),
    "media-src": adds("body", "video", "src: arguments[0]"),
    "object-src": adds("body", "object", "data: arguments[0]"),
    "form-action": adds("body", "form", "action: arguments[0], id: 'evil'")
    + "; document.getElementById('evil').submit()",
    "base-uri": adds("head", "base", "href: arguments[0]"),
    "script-src-attr": "document.body.insertAdjacentHTML('beforeend', "
    "'<p id=evil onclick=\"document.title=1\">'); document.getElementById('evil').click()",
}


def test_the_board_loads_and_works_without_a_violation_of_its_policy(
    page: Page, emulator: Emulator
) -> None:
    page.browser.execute_script(WATCH)
    page.find(".add input").send_keys("Water the plants\n")
    page.until(lambda: "Water the plants" in page.texts(".card .title"))
    page.find(".card").click()
    page.until(lambda: page.find("#card-dialog").is_displayed())
    page.find("[name=description]").send_keys("Twice a week.")
    page.find(".save").click()
    page.until(lambda: not page.find("#card-dialog").is_displayed())

    assert page.browser.execute_script("return window.violations") == []
    assert page.complaints() == []
    assert [card["details"]["description"] for card in emulator.cards().values()] == [
        "Twice a week."
    ]


@pytest.mark.parametrize("directive", TRIES)
def test_whatever_gets_into_the_board_reaches_nobody(
    page: Page, elsewhere: Elsewhere, directive: str
) -> None:
    title = page.browser.title
    page.browser.execute_script(WATCH)
    page.browser.execute_script(TRIES[directive], f"{elsewhere.origin}/told")

    page.until(lambda: directive in page.browser.execute_script("return window.violations"))
    assert (elsewhere.asked, page.browser.title) == ([], title)


def test_a_link_on_a_card_is_opened_by_nobody_but_the_person(
    page: Page, emulator: Emulator, elsewhere: Elsewhere
) -> None:
    url = f"{elsewhere.origin}/secret.docx"
    text = f'{url} <img src="{url}"> ![x]({url})'
    card = emulator.human.create(title=text, description=text)
    emulator.human.edit(card["id"], fields={"references": {url: {"alias": text, "type": "Word"}}})
    page.until(lambda: text in page.texts(".card .title"))
    page.find(".card").click()
    page.until(lambda: page.find(f"#card-dialog a[href='{url}']").is_displayed())

    assert elsewhere.asked == []


def test_no_other_site_can_frame_the_board(
    browser: Chrome, emulator: Emulator, elsewhere: Elsewhere
) -> None:
    from tests.emulator.browser import Page

    page = Page(browser)
    elsewhere.page = f'<iframe src="{emulator.page}"></iframe>'
    page.complaints()
    browser.get(elsewhere.origin)
    page.until(lambda: any("frame" in line.lower() for line in page.complaints()))
    browser.switch_to.frame(page.find("iframe"))
    framed = page.all(".top, .column")
    browser.switch_to.default_content()

    assert framed == []
