"""What does each verb take, and what does it do? One module a verb, imported when the verb is used."""
