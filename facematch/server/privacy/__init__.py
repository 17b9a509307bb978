"""What goes: retention and erasure."""
