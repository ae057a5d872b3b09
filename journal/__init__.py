"""The process that turns what the broker tells into the store."""
