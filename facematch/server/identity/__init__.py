"""Whether participants are who they are supposed to be."""
