// Meets the tools with the official client for JavaScript. Arguments: a plan (a JSON file) and where the server is:
// "http URL", with the key in the variable KEY, or "stdio COMMAND ARGUMENTS…". Prints one JSON object: what the server
// said of itself, its tools, and what became of each call of the plan. PLACEHOLDER in arguments is the group that
// create_post made.
import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [planFile, how, ...where] = process.argv.slice(2);
const plan = JSON.parse(readFileSync(planFile, "utf8"));
const transport =
  how === "http"
    ? new StreamableHTTPClientTransport(new URL(where[0]), {
        requestInit: { headers: { Authorization: `Bearer ${process.env.KEY}` } },
      })
    : new StdioClientTransport({ command: where[0], args: where.slice(1), env: process.env, stderr: "inherit" });
const client = new Client({ name: "broadside-xtask", version: "1.0.0" });
await client.connect(transport);
const { tools } = await client.listTools();
const calls = [];
let group = "";
for (const call of plan) {
  const text = JSON.stringify(call.arguments).replaceAll("PLACEHOLDER", group);
  const result = await client.callTool({ name: call.tool, arguments: JSON.parse(text) });
  const said = result.content.map((block) => block.text).join("");
  if (call.tool === "create_post" && !result.isError) group = JSON.parse(said).postGroupId;
  calls.push({ tool: call.tool, is_error: result.isError === true, text: said });
}
if (how === "http") await transport.terminateSession();
await client.close();
const server = client.getServerVersion().name;
console.log(JSON.stringify({ server, protocol: transport.protocolVersion ?? null, tools: tools.map((tool) => tool.name), calls }));
