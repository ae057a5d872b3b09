"""Now: what goes on, how well, and what needs a person."""
