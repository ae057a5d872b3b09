"""What becomes of deliveries, followed and shown as it happens."""
