# Unit tests of mcp.
