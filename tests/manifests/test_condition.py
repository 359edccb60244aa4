"""Conditions as they are written: what is refused, and what becomes canonical."""

from __future__ import annotations

import pytest

from tests.manifests.bound import document, refused


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        ("{}", "'tools.t.rules.0.when': "),
        ("{x: {}}", "'tools.t.rules.0.when.x': needs one of host_in, inside"),
        ("{x: {is: 3}}", "unknown key 'tools.t.rules.0.when.x.is'"),
        ("{x: {absent: false}}", "Input should be True"),
        ("{x: {absent: true, equals: 3}}", "stands alone: what is absent has no value to compare"),
        ("{pth: {inside: [/srv]}}", "no target is named 'pth'; did you mean 'path'?"),
        ("{x: {inside: [/srv]}}", "no target is named 'x'; declare it under targets"),
        ("{path: {host_in: [a.b]}}", "'tools.t.rules.0.when.path.host_in': takes a target of kind url or host"),
        ('{url: {host_in: "${nothing}"}}', "no parameter is named 'nothing'; declare it under parameters"),
        ('{url: {host_in: "${hots}"}}', "no parameter is named 'hots'; did you mean 'hosts'?"),
        ('{path: {inside: [/srv, "${hosts}"]}}', "takes a parameter of type folders, and 'hosts' is of type hosts"),
        ('{x: {equals: "${hosts}"}}', "takes a literal, and 'hosts' is of type hosts"),
        ('{amount: {at_most: "${hosts}"}}', "takes a parameter of type amount, and 'hosts' is of type hosts"),
        ("{url: {host_in: [https://a@b]}}", "must be a host such as docs.example.com, not 'https://a@b'"),
        ("{url: {host_in: 3}}", "write a list of hosts, or ${name} of a parameter"),
        ("{path: {inside: [srv]}}", "must be an absolute path"),
        ("{amount: {at_most: -1}}", "must be an amount such as 100 or 99.5, not -1"),
        ("{x: {in: a}}", "write a list of values"),
        ("{x: {in: [[a]]}}", "compares with text, numbers"),
    ],
)
def test_a_condition_is_checked(when: str, sentence: str) -> None:
    tool = "targets: {path: /p, url: /u, amount: /a}\n    rules:\n"
    tail = f"    - when: {when}\n      labels: []\nparameters: {{hosts: {{type: hosts}}}}"
    refused(f"tools:\n  t:\n    labels: [A]\n    {tool}{tail}", 8, sentence)


def test_literals_become_canonical_and_keep_their_types() -> None:
    text = """
        tools:
          t:
            labels: [C]
            targets: {url: /u, amount: /a, recipient: /r}
            rules:
              - when: {url: {host_in: "Good.Example"}, amount: {at_most: 99.50}, recipient: {recipient_in: [A@b.c]}}
                labels: []
              - {when: {x: {in: [1, 1.0, true, null, "1"]}, y: {equals: false}, z: {equals: null}}, labels: []}
        """
    first, second = document(text).tools["t"].rules
    assert {name: dict(condition.operators) for name, condition in first.when.items()} == {
        "url": {"host_in": ("good.example",)},
        "amount": {"at_most": "99.5"},
        "recipient": {"recipient_in": ("a@b.c",)},
    }
    assert [type(literal) for literal in second.when["x"].operators["in"]] == [int, float, bool, type(None), str]
    assert second.when["y"].operators == {"equals": False}
    assert second.when["z"].operators == {"equals": None}
