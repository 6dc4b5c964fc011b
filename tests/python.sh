#!/usr/bin/env bash
# Python packages for tests/run.sh, which sources this file after tests/mariadb.sh: an environment of their own under target/,
# which stays there, so that they are fetched once.
# shellcheck shell=bash

python_packages() { python3 -c 'import venv, ensurepip' 2>/dev/null || printf 'python3\npython3-venv\n'; }

# provide_python PACKAGE...: installs what is missing (name==version, from PyPI) and sets $python to an interpreter that has it.
python=
provide_python() {
    provide_packages python_packages
    python=$PWD/target/python/bin/python
    # One that was begun and not finished is begun again.
    "$python" -m pip --version >/dev/null 2>&1 || python3 -m venv --clear target/python
    # What is there already is not looked for on the network.
    "$python" -m pip install --quiet --disable-pip-version-check "$@" >&2 || fail "pip could not install $*"
}
