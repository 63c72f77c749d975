"""The published data sets, and Keras's files that some of them lie in."""
