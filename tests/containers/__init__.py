"""The container files, started in a real engine: `./gateway test --containers`."""
