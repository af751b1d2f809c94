# Fuzz targets of state.
