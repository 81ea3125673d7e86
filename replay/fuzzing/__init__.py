"""Generated streams: strategies, expansion, mutation, and the campaign that runs them."""
