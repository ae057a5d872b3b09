"""What a process tells of itself: metrics, traces, health."""
