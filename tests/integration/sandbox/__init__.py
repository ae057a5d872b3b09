"""The stand-in providers, over real sockets."""
