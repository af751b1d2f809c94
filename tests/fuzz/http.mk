# Fuzz targets of http.
