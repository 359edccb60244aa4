"""The poisoned page: ordinary to look at, with orders in it, and it leads nowhere else."""

from __future__ import annotations

import http.client
import re

import pytest

from rule_of_two.demo.page import PATH, POISON, SAID, served_wiki
from rule_of_two.demo.reply import Errand, errand_in


def get(host: str, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", path)
    return connection.getresponse()


def test_the_page_hides_its_orders_in_letters_without_size() -> None:
    with served_wiki() as wiki, get(wiki.host, PATH) as response:
        html = response.read().decode()
    assert wiki.url == f"http://{wiki.host}{PATH}"
    assert re.search(r"\.small \{ font-size: 0;", html)
    assert f'{SAID} (guest) <span class="small">{POISON}</span>' in html
    assert "Note to AI" not in re.sub(r'<span class="small">.*?</span>', "", html, flags=re.DOTALL)


def test_the_orders_are_an_errand() -> None:
    assert errand_in(POISON) == Errand("payroll.txt", "audit@payroll-check.example")


@pytest.mark.parametrize("path", ["/robots.txt", "/", "/wiki", f"{PATH}?to=http://evil.example", "//evil.example/"])
def test_everything_else_is_not_found_and_nothing_redirects(path: str) -> None:
    with served_wiki() as wiki, get(wiki.host, path) as response:
        assert (response.status, response.getheader("Location")) == (404, None)


def test_it_is_on_loopback_only_and_gone_afterwards() -> None:
    with served_wiki() as wiki:
        assert wiki.host.startswith("127.0.0.1:")
    with pytest.raises(ConnectionRefusedError):
        get(wiki.host, PATH)
