"""Topology, users and dead letters on a real broker."""
