#!/bin/bash
# A Ray cluster by hand: on the first machine `by-hand.sh head`, on each other one `by-hand.sh join FIRST`.
# Then, on any of them: tcmbench run SET --executor ray. At the end, on each: by-hand.sh stop
set -euo pipefail

# The same folders under the same paths on all machines; see "Shared folders" in docs/cluster.md.
export TCMBENCH_CACHE=${TCMBENCH_CACHE:?set it to a folder that all machines share}
export RAY_USAGE_STATS_ENABLED=0
# Ray gives its workers a low priority; on machines of their own they need none.
export RAY_worker_niceness=${RAY_worker_niceness:-0}
# Whoever reaches Ray's ports without a token can run code as you. The head makes one, ~/.ray/auth_token: copy it to the
# other machines, readable by you alone, unless all share the home. A node without it is refused (InvalidAuthToken).
export RAY_AUTH_MODE=${RAY_AUTH_MODE:-token}
port=${PORT:-6379}

case "${1:-}" in
head)
    if [ "$RAY_AUTH_MODE" = token ]; then
        (umask 077 && ray get-auth-token --generate >/dev/null)
    fi
    ray start --head --port "$port" --include-dashboard=false "${@:2}"
    ;;
join) ray start --address "${2:?the name of the first machine}:$port" "${@:3}" ;;
stop) ray stop ;;
*)
    echo "usage: by-hand.sh head | join FIRST | stop, and options of ray start" >&2
    exit 2
    ;;
esac
