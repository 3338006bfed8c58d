"""What the doubles of clouds have in common: time, containers, a registry, faults, a journal, guesses, a process."""
