"""The pages of Operations: keys, callbacks, users, settings, checks, topology, audit log."""
