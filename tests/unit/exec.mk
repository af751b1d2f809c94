# Unit tests of exec.
