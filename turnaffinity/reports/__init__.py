"""How is a verdict shown? One run's result for people, browsers and other programs."""
