"""What `install_fix.sh` does once it has found a Python. Standard library only: nothing is installed yet."""
