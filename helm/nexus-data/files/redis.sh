# Starts Redis or the Sentinel beside it: sh start.sh redis|sentinel. $REDISCLI_AUTH is the password of both.
set -eu
me="$NAME.$DOMAIN"

# The master as the Sentinels of the other pods know it; nothing when none of them answers.
known_master() {
  number=0
  while [ "$number" -lt "$REPLICAS" ]; do
    other="$FIRST-$number.$DOMAIN"
    number=$((number + 1))
    [ "$other" != "$me" ] || continue
    found=$(timeout 2 redis-cli -h "$other" -p 26379 sentinel get-master-addr-by-name nexus 2>/dev/null | head -n 1) || continue
    case $found in *"$DOMAIN") echo "$found"; return ;; esac
  done
}

# Asked for a while, because after a loss of all pods they start together: then what this one knew last counts, else the first.
master=
tries=0
while [ -z "$master" ] && [ "$tries" -lt 5 ]; do
  master=$(known_master)
  [ -n "$master" ] || sleep 1
  tries=$((tries + 1))
done
remembered=$(sed -n 's/^sentinel monitor nexus \([^ ]*\) .*/\1/p' /data/sentinel.conf 2>/dev/null || true)
master=${master:-${remembered:-$FIRST-0.$DOMAIN}}

if [ "$1" = sentinel ]; then
  # It writes what it learns into its file. Only its number is kept, so that the others know it again.
  identity=$(grep '^sentinel myid' /data/sentinel.conf 2>/dev/null || true)
  umask 077
  cat > /data/sentinel.conf <<END
port 26379
dir /tmp
requirepass $REDISCLI_AUTH
sentinel sentinel-pass $REDISCLI_AUTH
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $me
$identity
sentinel monitor nexus $master 6379 $((REPLICAS / 2 + 1))
sentinel auth-pass nexus $REDISCLI_AUTH
sentinel down-after-milliseconds nexus 1500
sentinel failover-timeout nexus 10000
sentinel parallel-syncs nexus 1
END
  exec redis-sentinel /data/sentinel.conf
fi

umask 077
cat > /tmp/redis.conf <<END
port 6379
dir /data
requirepass $REDISCLI_AUTH
masterauth $REDISCLI_AUTH
replica-announce-ip $me
maxmemory $MAXMEMORY
maxmemory-policy volatile-lru
appendonly yes
appendfsync everysec
repl-diskless-sync-delay 0
tcp-keepalive 5
END
[ "$master" = "$me" ] || echo "replicaof $master 6379" >> /tmp/redis.conf
exec redis-server /tmp/redis.conf
