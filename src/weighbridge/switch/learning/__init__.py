"""Learning what each arm would lose on a request, from replays: see fit.py. Needs numpy (the extra `switch`)."""
