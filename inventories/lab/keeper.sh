#!/bin/sh
# Keeps one machine running: keeper.sh NETNS CONSOLE COMMAND...
# Ends when the machine is powered off or killed; starts it again when it rebooted (code 133).
netns=$1
console=$2
shift 2

# A real machine does not care how urgent those are who asked for it.
renice -n 0 $$ >/dev/null

# A real machine loses its firewall when it goes down; here the network namespace survives it.
# The tables of the lab's cloud stay: they are not the machine's.
flush_tables() {
    nsenter --net="$netns" nft list tables | while read -r _ family table; do
        case $table in
            lab_*) ;;
            *) nsenter --net="$netns" nft delete table "$family" "$table" ;;
        esac
    done
}

while :; do
    flush_tables
    "$@" >"$console" 2>&1 </dev/null
    code=$?
    [ "$code" -eq 133 ] || exit "$code"
done
