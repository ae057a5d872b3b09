"""`gateway up`: the whole gateway on one machine, with its operator's settings."""
