"""Events: stored facts as they come, and back in time."""
