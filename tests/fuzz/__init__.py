"""Bad input: whatever files, drivers, users and guests give, the answer is one clear line or a guest exception."""
