"""Who is calling: tokens, the secrets and key sets behind them."""
