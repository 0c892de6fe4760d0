"""How does a notebook show the contract live? What its cells call, so that they define nothing."""
