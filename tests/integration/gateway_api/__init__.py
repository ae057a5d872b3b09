"""The API as a process, over real sockets."""
