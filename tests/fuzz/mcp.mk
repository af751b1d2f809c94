# Fuzz targets of mcp.
