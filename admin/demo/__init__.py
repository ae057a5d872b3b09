"""`gateway demo`: the whole gateway on one machine, with stand-in providers."""
