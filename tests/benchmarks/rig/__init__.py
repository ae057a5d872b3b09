"""What measures: the broker, processes, load, queues, stand-ins, CPU and memory."""
