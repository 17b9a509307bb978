"""What every process of ours stands on."""
