"""The channel vk."""
