"""The board page in a real browser: what people do there reaches Planner, what others do appears
there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.emulator_process import Emulator

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

    from tests.emulator.browser import Page

pytestmark = pytest.mark.browser

HTML = '<img src=x onerror="document.title=1"><b>bold</b>'


@pytest.fixture
def page(browser: Chrome, emulator: Emulator) -> Iterator[Page]:
    from tests.emulator.browser import Page

    page = Page(browser)
    browser.get(emulator.page)
    page.until(lambda: len(page.all(".column")) == 3)
    page.complaints()
    yield page
    assert page.complaints() == []


def column(page: Page, name: str) -> WebElement:
    return next(each for each in page.all(".column") if each.text.startswith(name))


def add(page: Page, title: str, bucket: str = "To do") -> None:
    page.find(".add input", column(page, bucket)).send_keys(title + "\n")
    page.until(lambda: title in page.texts(".card .title"))


def only_card(emulator: Emulator) -> dict[str, Any]:
    (card,) = emulator.cards().values()
    return card


def open_card(page: Page, title: str) -> None:
    page.until(lambda: next(each for each in page.all(".card") if title in each.text)).click()
    page.until(lambda: page.find("#card-dialog").is_displayed())


def save(page: Page) -> None:
    page.find(".save").click()
    page.until(lambda: not page.find("#card-dialog").is_displayed())


def set_value(page: Page, name: str, value: str) -> None:
    """Choose a value in a field that a keyboard fills differently in every locale."""
    page.browser.execute_script(
        "const field = document.getElementById('card-form').elements[arguments[0]];"
        "field.value = arguments[1]; field.dispatchEvent(new Event('input', {bubbles: true}))",
        name,
        value,
    )


def test_a_card_is_created_in_its_column(page: Page, emulator: Emulator) -> None:
    add(page, "Water the plants", "Doing")

    card = only_card(emulator)
    assert (card["title"], card["bucketId"]) == ("Water the plants", emulator.bucket_ids()["Doing"])
    assert card["createdBy"]["user"]["id"] in emulator.user_ids().values()


def test_every_field_of_the_dialog_is_stored(page: Page, emulator: Emulator) -> None:
    emulator.human.rename_label(plan_id=emulator.plan_id, category="category4", name="garden")
    add(page, "Water the plants")
    open_card(page, "Water the plants")

    title = page.find(".card-title")
    title.clear()
    title.send_keys("Water all plants")
    page.find("[name=description]").send_keys("Twice a week.")
    set_value(page, "dueDateTime", "2031-05-06")
    set_value(page, "percentComplete", "45")
    set_value(page, "priority", "1")
    page.find("[data-label=category4]").click()
    page.find(".people-choices input").click()
    page.find(".new-item").send_keys("Fill the can\n")
    page.find(".new-item").send_keys("Carry it")
    page.picture("emulator-card")
    save(page)

    card = only_card(emulator)
    assert card["title"] == "Water all plants"
    assert card["details"]["description"] == "Twice a week."
    assert (card["dueDateTime"], card["percentComplete"], card["priority"]) == (
        "2031-05-06T10:00:00Z",
        45,
        1,
    )
    assert card["appliedCategories"] == {"category4": True}
    assert len(card["assignments"]) == 1
    assert [item["title"] for item in card["details"]["checklist"].values()] == [
        "Fill the can",
        "Carry it",
    ]
    page.until(lambda: "6 May" in page.find(".card").text)
    page.picture("emulator-board")


def test_saving_sends_only_what_the_person_changed(page: Page, emulator: Emulator) -> None:
    """A change that arrives while the card is open survives."""
    add(page, "Water the plants")
    open_card(page, "Water the plants")
    emulator.human.edit(
        only_card(emulator)["id"], fields={"priority": 9, "description": "By an agent."}
    )

    set_value(page, "percentComplete", "50")
    save(page)

    card = only_card(emulator)
    assert (card["priority"], card["percentComplete"], card["details"]["description"]) == (
        9,
        50,
        "By an agent.",
    )


def test_a_card_is_moved_in_the_dialog(page: Page, emulator: Emulator) -> None:
    add(page, "Water the plants")
    open_card(page, "Water the plants")

    set_value(page, "bucketId", emulator.bucket_ids()["Done"])
    save(page)

    assert only_card(emulator)["bucketId"] == emulator.bucket_ids()["Done"]
    page.until(lambda: "Water the plants" in column(page, "Done").text)


def test_a_card_is_moved_by_dragging(page: Page, emulator: Emulator) -> None:
    from selenium.webdriver import ActionChains

    add(page, "Water the plants")
    ActionChains(page.browser).drag_and_drop(page.find(".card"), column(page, "Doing")).perform()

    page.until(lambda: "Water the plants" in column(page, "Doing").text)
    assert only_card(emulator)["bucketId"] == emulator.bucket_ids()["Doing"]


def test_a_card_is_completed_and_reopened_by_its_circle(page: Page, emulator: Emulator) -> None:
    add(page, "Water the plants")

    page.find(".card .check").click()
    page.until(lambda: only_card(emulator)["percentComplete"] == 100)
    page.find(".card.done .check").click()
    page.until(lambda: only_card(emulator)["percentComplete"] == 0)


def test_a_card_is_deleted(page: Page, emulator: Emulator) -> None:
    add(page, "Water the plants")
    open_card(page, "Water the plants")

    page.find(".delete").click()

    page.until(lambda: not page.all(".card"))
    assert emulator.cards() == {}


def test_html_in_a_title_stays_text(page: Page, emulator: Emulator) -> None:
    title = page.browser.title
    emulator.human.create(title=HTML, description=HTML)
    page.until(lambda: HTML in page.texts(".card .title"))
    open_card(page, "bold")

    assert page.find(".card-title").get_attribute("value") == HTML
    assert page.all(".card img, .card b, dialog b") == []
    assert page.browser.title == title


def test_what_others_do_appears_by_itself(page: Page, emulator: Emulator) -> None:
    card = emulator.human.create(title="From elsewhere")
    page.until(lambda: "From elsewhere" in column(page, "To do").text)

    emulator.human.move(card["id"], bucket_id=emulator.bucket_ids()["Done"])
    page.until(lambda: "From elsewhere" in column(page, "Done").text)

    emulator.human.delete(card["id"])
    page.until(lambda: not page.all(".card"))


def test_a_refusal_is_shown_in_planners_words(page: Page, emulator: Emulator) -> None:
    add(page, "Water the plants")
    open_card(page, "Water the plants")
    set_value(page, "startDateTime", "2031-05-06")
    set_value(page, "dueDateTime", "2031-05-01")
    page.find(".save").click()

    page.until(lambda: "DueDate cannot be earlier" in page.find("#toast").text)
    page.find(".dialog-foot .close").click()
    assert [line for line in page.complaints() if "400" not in line] == []


def test_the_page_forbids_scripts_of_others(emulator: Emulator) -> None:
    policy = httpx.get(emulator.page).headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
