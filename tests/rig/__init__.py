"""The rig: real parts (LiveKit, publishers, both processes, a browser) under the control of a test or a bench."""
