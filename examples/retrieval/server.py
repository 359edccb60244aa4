"""A document server: ``python -m examples.retrieval.server OUTBOX``, over stdio, or over HTTP with ``--http``.

It hands out whatever it is asked for: whose a document is, who may read it and until when stands in its answer, and
nobody looks. What is sent is a line of JSON in the file OUTBOX; nothing leaves the machine.
"""

from __future__ import annotations

import argparse
import json
import socket
from pathlib import Path
from typing import Annotated, Final

import uvicorn
from mcp.server import MCPServer
from mcp_types import ToolAnnotations
from pydantic import Field
from ruamel.yaml import YAML
from typing_extensions import TypedDict

from examples.retrieval.library import Document, Library

DOCUMENTS: Final = Path(__file__).with_name("documents.yaml")

Namespace = Annotated[str | None, Field(description="The tenant whose documents are meant; all if it is left out")]
Owner = Annotated[str | None, Field(description="Whose documents are meant; everybody's if it is left out")]


class Found(TypedDict):
    """What a search or a reading brought."""

    documents: list[Document]


def document_server(library: Library, outbox: Path) -> MCPServer:
    """The server for ``library``, which writes what is sent to ``outbox``."""
    server = MCPServer("library", log_level="WARNING", subscriptions=False)
    reading, sending = ToolAnnotations(read_only_hint=True), ToolAnnotations(read_only_hint=False)

    @server.tool(annotations=reading)
    def search_documents(
        query: str, namespace: Namespace = None, owner: Owner = None, limit: Annotated[int, Field(ge=1, le=50)] = 3
    ) -> Found:
        """Search documents by meaning."""
        return {"documents": library.search(query, limit, tenant=namespace, owner=owner)}

    @server.tool(annotations=reading)
    def read_document(
        id: str,  # noqa: A002  # the argument's name on the wire
        namespace: Namespace = None,
        owner: Owner = None,
    ) -> Found:
        """Read one document by its id."""
        return {"documents": library.read(id, tenant=namespace, owner=owner)}

    @server.tool(annotations=sending, structured_output=False)
    def send_message(to: str, body: str) -> str:
        """Send a message to an address."""
        with outbox.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"to": to, "body": body}) + "\n")
        return f"Sent to {to}."

    return server


def main() -> None:
    """Serve the documents beside this file, or others."""
    parser = argparse.ArgumentParser(prog="python -m examples.retrieval.server", description=__doc__)
    parser.add_argument("outbox", type=Path, help="the file to which sent messages are added")
    parser.add_argument("--documents", type=Path, default=DOCUMENTS, help="a YAML file of documents (default: ours)")
    parser.add_argument("--http", action="store_true", help="serve on a free port of loopback, and print the address")
    options = parser.parse_args()
    server = document_server(Library(YAML(typ="safe").load(options.documents)), options.outbox)
    if options.http:
        serve_http(server)
    else:
        server.run("stdio")


def serve_http(server: MCPServer) -> None:
    """Serve on a port that is open before its address is printed: whoever reads that may connect at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
        app = server.streamable_http_app()
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
