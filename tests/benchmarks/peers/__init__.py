"""What people write by hand in an afternoon, run in an environment of its own.

Each takes its addresses from PEER_* variables. All keep what ours keeps: quorum queues, persistent
messages, confirmed before the answer or the ack, returned when no queue takes them.
"""
