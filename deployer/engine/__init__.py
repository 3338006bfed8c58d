"""Executes plans: delivery, roll-outs, waiting, health, rollback. All waiting and retrying lives here, once."""
