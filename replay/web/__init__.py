"""The status API and the dashboard: read-only pages on the loopback interface."""
