"""How clients of other networks reach the brokers."""
