"""What was found: the store, its migrations, reports and export."""
