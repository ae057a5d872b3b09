"""The gateway's processes and a private RabbitMQ, on one machine."""
