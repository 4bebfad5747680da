# One backup: sh backup.sh full|diff|first. The first is full, and only made when there is none.
set -eu
pgbackrest --stanza=nexus stanza-create
if [ "$1" = first ]; then
  if pgbackrest --stanza=nexus --output=json info | grep -q '"backup":\[{'; then
    echo "there is a backup already"
    exit 0
  fi
  set -- full
fi
pgbackrest --stanza=nexus --type="$1" backup
pgbackrest --stanza=nexus info
