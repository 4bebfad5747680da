# Once in the life of the database: its users and what each may do. $1 is the superuser's address.
set -eu
run() {
  psql "$1" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set database="$DATABASE" \
    --set owner="${DATABASE}_owner" --set application="$DATABASE" --set user="$APPLICATION_USER" \
    --set first="${DATABASE}_a" --set second="${DATABASE}_b" \
    --set owner_password="$OWNER_PASSWORD" --set user_password="$APPLICATION_PASSWORD"
}

if [ "$(psql "$1" --no-psqlrc -tA --command "SELECT count(*) FROM pg_database WHERE datname = '$DATABASE'")" = 1 ]; then
  # It came out of a backup: everything is there, and only the passwords may be others.
  run "$1" <<'SQL'
ALTER ROLE :"owner" PASSWORD :'owner_password';
ALTER ROLE :"user" LOGIN PASSWORD :'user_password';
SQL
  exit
fi

run "$1" <<'SQL'
CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
-- Two users with the same rights, one of them in use: while a password is changed both may come in (docs/guide/rotation.md).
CREATE ROLE :"application" NOLOGIN;
CREATE ROLE :"first" NOLOGIN IN ROLE :"application";
CREATE ROLE :"second" NOLOGIN IN ROLE :"application";
ALTER ROLE :"user" LOGIN PASSWORD :'user_password';
CREATE DATABASE :"database" OWNER :"owner";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
-- To see how busy the server is (metrics), not what others do.
GRANT pg_monitor TO :"application";
GRANT CONNECT ON DATABASE :"database" TO :"application";
\connect :"database"
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO :"owner";
GRANT USAGE ON SCHEMA public TO :"application";
-- The application reads and writes rows; only migrations change the schema.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"application";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO :"application";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO :"application";
SQL
