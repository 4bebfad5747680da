# A new database out of the backups, as it was at $RESTORE_TIME; Patroni calls this instead of initdb, and leads it then.
set -eu
pgbackrest --stanza=nexus --type=time --target="$RESTORE_TIME" --target-action=promote restore
