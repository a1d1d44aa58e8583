#!/bin/sh
# Runs a command in cgroups: enter.sh COUNT DOOR... COMMAND...
# nspawn makes the machine's cgroups below the one it is started in, so each machine must be
# started in its own, in every hierarchy; else all would share their limits.
count=$1
shift
while [ "$count" -gt 0 ]; do
    echo $$ >"$1" || exit 1
    shift
    count=$((count - 1))
done
exec "$@"
