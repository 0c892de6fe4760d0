"""Does *yours* keep the contract? Subjects, the stage that cases play on, and the verdict."""
