"""A Valkey or Redis server that the workers of several machines share: nothing on it may be missed."""
