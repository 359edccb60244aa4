"""Suggestions against what people wrote of real servers: seldom laxer, and each time it is known why."""

from __future__ import annotations

from typing import Final

import pytest

from rule_of_two.manifests.tool_words import named
from scripts.suggestions import Compared, compared

PUBLIC: Final = "it asks a public registry, and a name is all that leaves"
UNDERSTOOD: Final = {
    ("arxiv", "get_abstract"): PUBLIC,
    ("aws-pricing", "get_price_list_urls"): PUBLIC,
    ("aws-pricing", "get_pricing_attribute_values"): PUBLIC,
    ("cloudflare", "queue_get_message"): "it takes the message out of the queue, and nothing says so",
    ("firecrawl", "firecrawl_research_inspect_paper"): PUBLIC,
    ("google-workspace", "get_drive_file_download_url"): "it leaves the file at an address, and nothing says so",
    ("neon", "get_doc_resource"): PUBLIC,
    ("telegram", "get_invite_link"): "it makes the link, and nothing says so",
    ("terraform", "get_latest_module_version"): PUBLIC,
    ("terraform", "get_latest_provider_version"): PUBLIC,
    ("terraform", "get_module_details"): PUBLIC,
    ("terraform", "get_policy_details"): PUBLIC,
    ("terraform", "get_provider_capabilities"): PUBLIC,
    ("terraform", "get_provider_details"): PUBLIC,
}
"""Readers by every word of theirs whose C a person knows of."""


@pytest.fixture(scope="module")
def every() -> list[Compared]:
    return list(compared())


def test_a_suggestion_lacks_a_label_that_a_person_wrote_almost_only_where_it_is_known_why(
    every: list[Compared],
) -> None:
    unknown = [one for one in every if one.verdict == "laxer" and (one.server, one.tool) not in UNDERSTOOD]
    assert len(unknown) * 300 <= len(every), unknown


def test_no_suggestion_takes_c_off_what_its_name_says_that_it_does(every: list[Compared]) -> None:
    acts = [one for one in every if named(one.tool).writing_verb and "C" in one.written]
    assert [one for one in acts if "C" not in one.suggested] == []


def test_suggestions_are_worth_reading(every: list[Compared]) -> None:
    assert sum(one.verdict == "same" for one in every) >= len(every) / 2
