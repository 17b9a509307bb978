"""What somebody has to look at: raised from the log, acknowledged and judged by people."""
