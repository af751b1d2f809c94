# Fuzz targets of exec.
