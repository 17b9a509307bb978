"""What run.sh does after set-up: starts LiveKit when it is ours to start, the API and the recognizer, and ends them.

Knows the other processes by their command lines and what they answer over HTTP, never by importing them.
"""
