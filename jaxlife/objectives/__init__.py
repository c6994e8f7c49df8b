"""What is searched for: scores of trajectories, and problem suites."""
