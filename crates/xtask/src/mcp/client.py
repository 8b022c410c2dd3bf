"""Meets the tools with the official client for Python. Arguments: a plan (a JSON file), the style ("session": the
handshake by hand, "client": whatever the library finds best), and where the server is: "http URL", with the key in the
variable KEY, or "stdio COMMAND ARGUMENTS...". Prints one JSON object: what the server said of itself, its tools, and what
became of each call of the plan. PLACEHOLDER in arguments is the group that create_post made."""

import asyncio
import json
import os
import sys

import httpx2
from mcp import Client, ClientSession, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client


def transport(how, where):
    if how == "http":
        headers = {"Authorization": f"Bearer {os.environ['KEY']}"}
        return streamable_http_client(where[0], http_client=httpx2.AsyncClient(headers=headers, timeout=60))
    return stdio_client(StdioServerParameters(command=where[0], args=where[1:], env=dict(os.environ)))


async def walk(caller, plan):
    tools = (await caller.list_tools()).tools
    calls, group = [], ""
    for call in plan:
        arguments = json.loads(json.dumps(call["arguments"]).replace("PLACEHOLDER", group))
        result = await caller.call_tool(call["tool"], arguments)
        said = "".join(block.text for block in result.content)
        if call["tool"] == "create_post" and not result.is_error:
            group = json.loads(said)["postGroupId"]
        calls.append({"tool": call["tool"], "is_error": bool(result.is_error), "text": said})
    return [tool.name for tool in tools], calls


async def main():
    plan_file, style, how, *where = sys.argv[1:]
    with open(plan_file, encoding="utf-8") as file:
        plan = json.load(file)
    if style == "session":
        async with transport(how, where) as streams, ClientSession(streams[0], streams[1]) as session:
            hello = await session.initialize()
            server, protocol = hello.server_info.name, hello.protocol_version
            tools, calls = await walk(session, plan)
    else:
        async with Client(transport(how, where)) as client:
            server, protocol = client.server_info.name, client.protocol_version
            tools, calls = await walk(client, plan)
    print(json.dumps({"server": server, "protocol": protocol, "tools": tools, "calls": calls}))


asyncio.run(main())
