"""One notification: its time line, what became of each delivery, and what it said."""
