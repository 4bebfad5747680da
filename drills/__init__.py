"""The promises of availability as runnable fault drills, and their reports."""
