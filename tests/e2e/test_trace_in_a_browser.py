"""The page of a trace in a real browser: nothing is loaded or run, and everything can be seen and read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.audit.test_trace_page import HOSTILE, trace_page

pytestmark = pytest.mark.real
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
READABLE = 4.5
"""The contrast of text that WCAG 2.2 asks for (1.4.3)."""

CONTRASTS = """() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const linear = value => value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  document.body.style.backgroundColor = 'Canvas';
  const paper = light(numbers(getComputedStyle(document.body).backgroundColor));
  const own = element => [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  return [...document.querySelectorAll('body *')].filter(one => own(one) && one.tagName !== 'title').map(one => {
    const style = getComputedStyle(one);
    const ink = light(numbers(one instanceof SVGElement ? style.fill : style.color));
    return [one.outerHTML.slice(0, 60), (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05)];
  });
}"""
HIDDEN = """() => [...document.querySelectorAll('svg rect, svg circle, svg text')].filter(one => {
  const box = one.getBoundingClientRect();
  const found = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return !box.width || !box.height || !found.includes(one);
}).map(one => one.outerHTML)"""
OVERLAPS = """() => {
  const lanes = Math.min(...[...document.querySelectorAll('svg line')].map(one => one.getBoundingClientRect().left));
  return [...document.querySelectorAll('svg text')].filter(one => one.getBoundingClientRect().right > lanes).length;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"there is none of {', '.join(BROWSERS)}")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"] if root else [])
        yield chromium
        chromium.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "trace.html"
    file.write_text(trace_page(tmp_path, user=HOSTILE), encoding="utf-8")
    return file


def _open(browser: Browser, file: Path, *, width: int = 1280, dark: bool = False) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light")
    page.goto(file.as_uri())
    return page


def test_it_asks_for_nothing_and_runs_nothing(browser: Browser, file: Path) -> None:
    page = browser.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(file.as_uri(), wait_until="networkidle")
    for summary in page.locator("summary").all():
        summary.click()
    assert asked == [file.as_uri()]
    assert said == []
    assert page.locator("script, img, iframe, object, embed, link, a, form").count() == 0
    page.close()


def test_a_script_that_got_into_it_would_not_run(browser: Browser, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("<h1>", "<script>document.title = 'ran'</script><h1>"), encoding="utf-8")
    page = _open(browser, file)
    assert page.title().startswith("Session ")
    assert page.locator("script").count() == 1
    page.close()


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_it_fits_and_the_picture_can_be_seen(browser: Browser, file: Path, width: int) -> None:
    page = _open(browser, file, width=width)
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert (
        page.evaluate("Math.min(...[...document.querySelectorAll('td:last-child')].map(one => one.clientWidth))") > 100
    )
    assert page.evaluate(OVERLAPS) == 0
    page.set_viewport_size({"width": 1280, "height": 900})
    page.evaluate("scrollTo(0, 0)")
    assert page.evaluate(HIDDEN) == []
    assert page.get_by_text("Because").first.is_visible()
    assert page.screenshot(full_page=True, path=file.with_suffix(".png")).startswith(b"\x89PNG")
    page.close()


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_can_be_read(browser: Browser, file: Path, dark: bool) -> None:
    page = _open(browser, file, dark=dark)
    contrasts: list[tuple[str, float]] = page.evaluate(CONTRASTS)
    assert len(contrasts) > 20
    assert [one for one in contrasts if one[1] < READABLE] == []
    page.close()
