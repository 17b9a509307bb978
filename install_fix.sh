#!/usr/bin/env bash
# Installs and builds everything that Face Match needs; what is done already is skipped.
#   ./install_fix.sh         what run.sh needs
#   ./install_fix.sh --dev   also what test.sh needs (checkers, Chromium)
#   ./install_fix.sh --no-livekit --postgres   where LiveKit and a PostgreSQL are elsewhere (--s3: and an object store)
# This part finds a Python; tools/setup does the rest with it.
set -euo pipefail

# Prints the folder for what is kept between checkouts: MODEL_CACHE from the environment, else from .env.
cache_folder() {
  local value="${MODEL_CACHE:-}"
  if [ -z "$value" ] && [ -f .env ]; then
    value="$(sed -nE "s/^[[:space:]]*(export[[:space:]]+)?MODEL_CACHE[[:space:]]*=[[:space:]]*//p" .env | tail -n 1)"
    value="$(printf '%s' "$value" | sed -E "s/[[:space:]]+#.*$//; s/[[:space:]]+$//; s/^(['\"])(.*)\1$/\2/")"
  fi
  printf '%s\n' "${value:-~/.cache/face-match}"
}

# Prints "major.minor.patch path" when the Python at $1 is new enough and can make environments; fails otherwise.
try_python() {
  "$1" -c 'import sys
if sys.version_info < (3, 11):
    raise SystemExit(1)
import ensurepip, venv
print("%d.%d.%d" % sys.version_info[:3], sys.executable)' 2>/dev/null
}

# Prints every Python that will do, newest first. A pyenv shim of a version that is not active fails when it is run,
# so each is run; pyenv's versions are looked at whether or not they are active.
find_pythons() {
  local name candidate
  {
    for name in python3.14 python3.13 python3.12 python3.11 python3; do
      type -aP "$name" 2>/dev/null || true
    done
    for candidate in "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/*/bin/python; do
      printf '%s\n' "$candidate"
    done
  } | while IFS= read -r candidate; do
    if [ -x "$candidate" ]; then try_python "$candidate" || true; fi
  done | sort -t. -k1,1nr -k2,2nr -k3,3nr -u | sed 's/^[^ ]* //'
}

main() {
  cd "$(dirname "${BASH_SOURCE[0]}")"
  local python pythons=() arguments=(--cache "$(cache_folder)")
  if ! try_python .venv/bin/python >/dev/null; then
    while IFS= read -r python; do
      pythons+=("$python")
      arguments+=(--python "$python")
    done < <(find_pythons)
    if [ "${#pythons[@]}" -eq 0 ]; then
      echo "install_fix.sh: no Python 3.11 or newer with its venv module was found (looked for python3.14 to" \
        "python3.11, python3 and pyenv's versions); on Debian or Ubuntu: apt-get install python3 python3-venv" >&2
      exit 1
    fi
    python="${pythons[0]}"
  else
    python=.venv/bin/python
  fi
  exec "$python" -m tools.setup "${arguments[@]}" "$@"
}

# Sourced (by the tests), it only defines its functions.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then main "$@"; fi
