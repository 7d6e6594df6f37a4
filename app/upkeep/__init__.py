"""What keeps a register safe: whether it agrees with itself, its backups, and what can be seen of it."""
