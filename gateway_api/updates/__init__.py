"""Telling what became of notifications: asked for, waited for, or followed as a stream."""
