"""Who uses the console: users, roles, sessions, and signing in."""
