"""What several looks at a participant say together."""
