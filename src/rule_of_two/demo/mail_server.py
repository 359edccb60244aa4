"""A small MCP server for one mailbox: ``python -m rule_of_two.demo.mail_server DATABASE``, over stdio.

It sends nothing to any network: a sent mail is a row in the table ``sent``. Its manifest is ``mail.yaml``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from rule_of_two.demo.mailbox import Mailbox

Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254, description="For example ada@example.org")]


def mail_server(mailbox: Mailbox) -> MCPServer:
    """The server for ``mailbox``."""
    server = MCPServer("mail", log_level="WARNING", subscriptions=False)
    reading, sending = ToolAnnotations(read_only_hint=True), ToolAnnotations(read_only_hint=False)

    @server.tool(annotations=reading, structured_output=False)
    def list_mail() -> str:
        """List the mails of the inbox: number, sender and subject."""
        lines = [f"{mail.id}  {mail.address}  {mail.subject}" for mail in mailbox.inbox()]
        return "\n".join(lines) or "The inbox is empty."

    @server.tool(annotations=reading, structured_output=False)
    def read_mail(id: Annotated[int, Field(description="The number that list_mail gives")]) -> str:  # noqa: A002  # the argument's name on the wire
        """Read one mail of the inbox."""
        for mail in mailbox.inbox():
            if mail.id == id:
                return f"From: {mail.address}\nSubject: {mail.subject}\n\n{mail.body}"
        raise ToolError(f"There is no mail {id}.")

    @server.tool(annotations=sending, structured_output=False)
    def send_mail(to: Address, subject: str, body: str) -> str:
        """Send a mail to one address."""
        mailbox.send(to, subject, body)
        return f"Sent to {to}."

    return server


def main() -> None:
    """Serve the mailbox of the command line on stdin and stdout."""
    parser = argparse.ArgumentParser(prog="python -m rule_of_two.demo.mail_server", description=__doc__)
    parser.add_argument("database", type=Path, help="a SQLite file; made if it is not there")
    mail_server(Mailbox(parser.parse_args().database)).run("stdio")


if __name__ == "__main__":
    main()
