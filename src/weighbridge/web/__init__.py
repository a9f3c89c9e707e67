"""The window: pages of what the gateway knows, and what may be changed there, for people with a browser."""
