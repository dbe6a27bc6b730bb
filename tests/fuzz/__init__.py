"""What reads bytes that somebody else wrote, fed with bytes that nobody would write."""
