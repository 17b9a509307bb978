"""Who is looked for."""
