"""What can a user type? One module for each verb, imported when the verb is used."""
