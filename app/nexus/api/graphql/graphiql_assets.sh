#!/bin/sh
# Makes static/graphiql from npm's packages: GraphiQL and React as published (only the comments that name source maps are
# taken out, since those maps are not shipped), their licences, and the checksums that a test compares.
# To update: change the versions, run this with npm on PATH, look at the page in a browser, commit.
set -eu
GRAPHIQL=4.1.2 REACT=18.3.1
here=$(cd "$(dirname "$0")/static/graphiql" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts \
    "graphiql@$GRAPHIQL" "react@$REACT" "react-dom@$REACT" graphql@16
for file in graphiql/graphiql.min.js graphiql/graphiql.min.css \
    react/umd/react.production.min.js react-dom/umd/react-dom.production.min.js; do
    grep -v '^//# sourceMappingURL=' "node_modules/$file" >"$here/${file##*/}"
done
# GraphiQL's file holds its dependencies: each licence once, below the names of the packages that have it.
find node_modules -iname 'license*' -type f -not -path '*/dist/*' -exec sed -i 's/\r$//' {} +
find node_modules -iname 'license*' -type f -not -path '*/dist/*' -exec sha256sum {} + | LC_ALL=C sort |
    awk '{ if ($1 != last) { if (file) print "+" file; last = $1 } print $2; file = $2 } END { print "+" file }' |
    while read -r line; do
        case $line in
        +*) printf '\n' && cat "${line#+}" && printf '\n\n' ;;
        *) line=${line#node_modules/} && printf '==== %s\n' "${line%/*}" ;;
        esac
    done >"$here/LICENSES.txt"
cd "$here"
sha256sum graphiql.min.css graphiql.min.js react-dom.production.min.js react.production.min.js LICENSES.txt >SHA256SUMS
