"""Django's PostgreSQL backend for a primary that moves (ENGINE "nexus.kernel.postgres")."""
