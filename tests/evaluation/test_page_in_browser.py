# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The page of a report, opened and clicked in a browser: Chromium and its driver, as Debian has them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hf_distill.evaluation.page import write_page
from made_runs import make_disagreements, make_hostile_run, make_report, make_run

webdriver = pytest.importorskip("selenium.webdriver", reason='needs selenium: pip install "hf-distill[test]"')
wait = pytest.importorskip("selenium.webdriver.support.wait")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="needs Chromium with its driver: apt-get install chromium chromium-driver",
)

# The least contrast of all texts with what is behind them, as the Web Content Accessibility Guidelines define it.
LEAST_CONTRAST = """
const rgb = (color) => (color.match(/[\\d.]+/g) || []).map(Number);
const light = (color) => {
  const [r, g, b] = color.slice(0, 3).map((part) => part / 255).map(
    (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  for (let each = element; each; each = each.parentElement) {
    const color = rgb(getComputedStyle(each).backgroundColor);
    if (color.length === 3) return color;
  }
  return [255, 255, 255];
};
const texts = [...document.querySelectorAll("body *")].filter(
  (each) => each.checkVisibility() && [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
return [texts.length, Math.min(...texts.map((each) => {
  const [high, low] = [rgb(getComputedStyle(each).color), behind(each)].map(light).sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}))];
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser without a window; nothing is fetched to have it."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ("headless=new", "disable-gpu", "disable-dev-shm-usage", "disable-background-networking"):
        options.add_argument(f"--{argument}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('browser')}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of two runs."""
    folder = tmp_path_factory.mktemp("runs")
    other = make_report(0.01)
    del other["quantized/onnxruntime"]["latency_ms"]
    runs = {"first": make_run(folder / "first"), "second": make_run(folder / "second", other, make_disagreements(3))}
    return write_page(runs, folder / "index.html").as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Any:
    """The browser with the page of two runs."""
    browser.get(address)
    # On a busy machine a page may be shown before its script has run.
    wait.WebDriverWait(browser, 30).until(lambda driver: find(driver, ".pages button"))
    return browser


def find(browser: Any, selector: str) -> list[Any]:
    return browser.find_elements("css selector", selector)


def column(browser: Any, number: int) -> list[str]:
    return [cell.text for cell in find(browser, f"#models tbody tr > :nth-child({number + 1})")]


def header(browser: Any, text: str) -> tuple[int, Any]:
    headers = find(browser, "#models thead th")
    number = next(place for place, element in enumerate(headers) if element.text.startswith(text))
    return number, headers[number]


def shown(browser: Any, of: str = "section[aria-label$='first'] ") -> list[str]:
    """Return the texts of the examples that can be seen."""
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].filter((item) => item.checkVisibility())"
        ".map((item) => item.innerText)",
        f"{of}[data-examples] li",
    )


def choose(browser: Any, kind: str, value: str) -> None:
    (option,) = find(browser, f"section[aria-label$='first'] [data-filter={kind}] option[value='{value}']")
    option.click()


def errors_of(browser: Any) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]


def test_a_click_sorts_and_another_turns_the_order(page: Any) -> None:
    number, latency = header(page, "Latency, batch 1")
    before = column(page, number)
    (button,) = latency.find_elements("css selector", "button")
    button.click()
    up = column(page, number)
    assert latency.get_attribute("aria-sort") == "ascending"
    assert up[-1] == "-" and up[:-1] == sorted(up[:-1], key=float) and sorted(up) == sorted(before)
    button.click()
    down = column(page, number)
    assert latency.get_attribute("aria-sort") == "descending"
    assert down == [*up[-2::-1], "-"]


def test_only_the_sorted_column_says_so_and_rows_stay_whole(page: Any) -> None:
    rows = {row.text for row in find(page, "#models tbody tr")}
    for name in ("Model", "Parameters"):
        header(page, name)[1].find_elements("css selector", "button")[0].click()
        states = [element.get_attribute("aria-sort") for element in find(page, "#models thead th")]
        assert states.count("none") == len(states) - 1 and header(page, name)[1].get_attribute("aria-sort") != "none"
    assert {row.text for row in find(page, "#models tbody tr")} == rows
    # Of equal ones the order from before stays.
    assert [name.partition("/")[0] for name in column(page, 1)[::2]] == ["baseline", "quantized", "student", "teacher"]


def test_the_keyboard_sorts_too(page: Any) -> None:
    number, run = header(page, "Run")
    (button,) = run.find_elements("css selector", "button")
    button.send_keys("\ue007")
    button.send_keys(" ")
    assert run.get_attribute("aria-sort") == "descending"
    assert column(page, number) == ["second"] * 4 + ["first"] * 4


def test_examples_come_a_page_at_a_time(page: Any) -> None:
    block = "section[aria-label$='first'] "
    previous, following = find(page, f"{block}.pages button")
    assert (len(shown(page)), previous.is_enabled(), following.is_enabled()) == (20, False, True)
    first = shown(page)[0]
    following.click()
    assert shown(page)[0] != first
    following.click()
    assert len(shown(page)) == 8 and not following.is_enabled()
    assert find(page, f"{block}[data-page]")[0].text == "Page 3 of 3"
    previous.click()
    previous.click()
    assert shown(page)[0] == first


def test_examples_are_chosen_by_answer_outcome_and_text(page: Any) -> None:
    block = "section[aria-label$='first'] "
    find(page, f"{block}.pages button")[1].click()
    choose(page, "reference", "=neutral")
    assert shown(page) and all("right answer\nneutral\n" in text for text in shown(page))
    count = find(page, f"{block}.count")[0]
    assert count.text == f"{len(shown(page))} of 48 examples"
    choose(page, "outcome", "=teacher right")
    assert shown(page)
    assert all("teacher\nneutral ✓ right" in text for text in shown(page))
    choose(page, "reference", "")
    choose(page, "outcome", "")
    (search,) = find(page, f"{block}input")
    search.send_keys("FALLS flat")
    assert shown(page) and all("falls flat" in text for text in shown(page))
    search.send_keys(" and no text has this")
    assert shown(page) == [] and count.text == "0 of 48 examples"
    assert not find(page, f"{block}.pages")[0].is_displayed()


def test_runs_are_chosen_from_apart(page: Any) -> None:
    find(page, "section[aria-label$='first'] input")[0].send_keys("no text has this")
    assert shown(page) == []
    find(page, "section[aria-label$='second'] summary")[0].click()
    assert len(shown(page, "section[aria-label$='second'] ")) == 3


def test_without_a_script_all_is_there(browser: Any, address: str) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(address)
        assert len(shown(browser)) == 48
        assert [button for button in find(browser, "button, input, select") if button.is_displayed()] == []
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_told_from_what_is_behind_them(page: Any, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    texts, contrast = page.execute_script(LEAST_CONTRAST)
    red = int(page.execute_script("return getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert texts > 100 and contrast >= 4.5
    assert (red < 64) == (scheme == "dark")


@pytest.mark.parametrize("hostile", [False, True])
def test_nothing_goes_beyond_the_side_of_a_screen(browser: Any, address: str, tmp_path: Path, hostile: bool) -> None:
    run = make_hostile_run(tmp_path) if hostile else None
    browser.get(write_page({run.name: run}, tmp_path / "index.html").as_uri() if hostile else address)
    for width in (320, 700, 1100):
        size = {"width": width, "height": 700, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_hostile_values_do_nothing(browser: Any, tmp_path: Path) -> None:
    run = make_hostile_run(tmp_path)
    errors_of(browser)
    browser.get(write_page({run.name: run}, tmp_path / "index.html", run / "report" / "comparison.png").as_uri())
    for button in find(browser, "thead button"):
        button.click()
    for option in find(browser, "[data-filter=reference] option"):
        option.click()
        assert len(shown(browser, "")) == 1 or option.get_attribute("value") == ""
    assert browser.execute_script("return typeof window.hacked") == "undefined"
    assert len(find(browser, "script")) == len(find(browser, "style")) == len(find(browser, "img")) == 1
    assert errors_of(browser) == []


def test_the_policy_stops_what_would_come_in_all_the_same(page: Any) -> None:
    errors_of(page)
    page.execute_script(
        "const script = document.createElement('script'); script.textContent = 'window.hacked = 1';"
        "const image = document.createElement('img'); image.src = 'https://example.com/a.png';"
        "document.body.append(script, image);"
    )
    assert page.execute_script("return typeof window.hacked") == "undefined"
    refused = errors_of(page)
    assert any("script-src" in message for message in refused) and any("img-src" in message for message in refused)
