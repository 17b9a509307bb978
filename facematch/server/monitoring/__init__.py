"""How it goes: status, metrics, health."""
