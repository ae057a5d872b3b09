"""The private broker, the processes on one machine, the units."""
