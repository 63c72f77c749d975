"""What is proposed for data that were looked at, and what a run of them would take."""
