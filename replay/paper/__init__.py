"""A paper-trading bot: real order life on a simulated market, with the shadow adapter inside."""
