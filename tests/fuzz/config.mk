# Fuzz targets of config.
