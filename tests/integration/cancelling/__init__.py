"""Taking back what was accepted: at the sender, by the API, the client, the command line."""
