"""What Prefect executes by itself: deployments, their schedules, and the worker."""
