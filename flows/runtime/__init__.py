"""What stands around a flow: its environment, the lock of its folder, and the servers."""
