"""What has to hold, told without a language? Test vectors: scenes as data, their ends from the oracle, and a runner."""
