"""Who gets the votes: shares, sampling rates, concentration."""
