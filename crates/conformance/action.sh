#!/bin/bash
# Runs the suite for the action in action.yml. The inputs of the action are in the environment; an input that is not given
# is empty.
set -euo pipefail

arguments=("$ROLE" --report "$REPORT")
option() {
    if [ -n "$2" ]; then
        arguments+=("$1" "$2")
    fi
}
option --listen "$LISTEN"
option --agent "$AGENT"
option --cases "$CASES"
option --exclude "$EXCLUDE"
option --fail-on "$FAIL_ON"
option --expected "$EXPECTED"
option --jobs "$JOBS"
if [ "$FULL" = true ]; then
    arguments+=(--full)
fi
if [ -n "$URL" ]; then
    arguments+=("$URL")
fi
if [ -n "$COMMAND" ]; then
    # `exec` replaces the shell with the endpoint, so that the suite can kill it.
    arguments+=(-- bash -c "exec $COMMAND")
fi
echo "fullduplex-conformance ${arguments[*]}"
exec "$SUITE/bin/fullduplex-conformance" "${arguments[@]}"
