# Sourced by scripts that make or examine a release, after scripts/setup.sh: tools in an environment of their own.
RELEASE="$PWD/.cache/release"

setup_release() {
  cmp -s release.lock "$RELEASE/installed" && return
  step "release tools (.cache/release)"
  "$PYTHON" -m venv --clear "$RELEASE"
  "$RELEASE/bin/python" -m pip --quiet --disable-pip-version-check install --no-compile --require-hashes -r release.lock
  cp release.lock "$RELEASE/installed"
}
