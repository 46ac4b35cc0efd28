// The parts of the MCP SDK that the tool server is built of. Loaded when a turn first has tools: the SDK is larger
// than everything else that an agent runner needs.

export type McpSdk = Awaited<ReturnType<typeof loadMcpSdk>>;

export async function loadMcpSdk() {
  const [server, transport, types] = await Promise.all([
    import("@modelcontextprotocol/sdk/server/index.js"),
    import("@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js"),
    import("@modelcontextprotocol/sdk/types.js"),
  ]);
  return {
    Server: server.Server,
    WebStandardStreamableHTTPServerTransport: transport.WebStandardStreamableHTTPServerTransport,
    ListToolsRequestSchema: types.ListToolsRequestSchema,
    CallToolRequestSchema: types.CallToolRequestSchema,
  };
}
