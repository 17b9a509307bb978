#!/usr/bin/env bash
# Starts Face Match: set-up where needed, LiveKit (when LIVEKIT_URL is the default and nothing answers there), the
# API and the recognizer. Ctrl-C or SIGTERM stops all that it started. Settings: the environment, then .env.
#   ./run.sh --expose        also for other machines (HOST=0.0.0.0), with keys: those that are set, or made and kept
# One process all along (exec, no children of this shell), so that a signal during set-up ends set-up.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
case "${1:-}" in
  -h | --help)
    sed -n '2,4s/^# //p' run.sh
    exit 0
    ;;
  --expose)
    case "${HOST:-}" in "" | localhost | 127.* | ::1) export HOST=0.0.0.0 ;; esac
    ;;
esac
exec ./install_fix.sh --then-run
