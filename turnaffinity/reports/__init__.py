"""How is a verdict shown? In the terminal, as JSON, JUnit, a page, a badge."""
