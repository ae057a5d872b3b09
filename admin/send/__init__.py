"""`gateway send`: one notification through the HTTP API, its fate as the exit code."""
