"""Who somebody is: sign-up, addresses, logins, tokens, passwords."""
